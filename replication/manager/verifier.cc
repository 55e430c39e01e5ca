#include "replication/manager/verifier.h"

#include <algorithm>

#include "replication/manager/change_log.h"
#include "replication/manager/verify_catalog.h"
#include "replication/manager/verify_table.h"
#include "replication/verify/definition.h"

namespace wye::manager {
namespace {

using Replica = VerifyRun::Replica;

constexpr unsigned object_looks = 3, most_object_looks = 8;
constexpr base::milliseconds object_nap{100};
constexpr std::uint64_t most_without_key = 1'000'000;  // rows of a table whose every difference costs a scan

bool alike(const VerifySide& a, const VerifySide& b) {
  return a.mariadb() == b.mariadb() && a.version().number / 100 == b.version().number / 100;
}

/// Everything but rows, on one replica. An error of the primary's comes back; the replica's drop it.
class ObjectsCheck {
 public:
  ObjectsCheck(VerifyRun& run, Replica& replica)
      : run_{run}, replica_{replica}, asked_{run.request(), run.own_user(), alike(run.primary(), *replica.side)} {}

  base::Status check() {
    verify::Suspects suspects{object_looks};
    for (unsigned look = 0; look < most_object_looks; ++look) {
      if (!run_.pause(object_nap * (look == 0 ? 0 : 1))) return VerifyRun::stop_error();
      auto ours = read_objects(run_.primary(), asked_, unseen_);
      if (!ours) return ours.error();
      auto at = run_.primary().position();
      if (!at) return at.error();
      auto theirs = read(*at);
      if (!theirs) {
        if (run_.stopped()) return VerifyRun::stop_error();
        run_.drop(replica_, theirs.error().message);
        return base::Ok{};
      }
      suspects.look(*ours, *theirs);
      if (suspects.all_sure()) break;
    }
    tell(suspects);
    return base::Ok{};
  }

 private:
  base::Result<verify::Entries> read(const topology::GtidSet& at) {
    if (auto done = run_.wait(replica_, at); !done) return done.error();
    return read_objects(*replica_.side, asked_, unseen_);
  }

  void tell(const verify::Suspects& suspects) {
    auto sure = suspects.left();
    const auto unsure = std::erase_if(sure, [&](const auto& one) { return !suspects.is_sure(one.second); });
    for (verify::Difference& one : verify::describe(replica_.name(), sure)) run_.found(std::move(one));
    std::sort(unseen_.begin(), unseen_.end());
    unseen_.erase(std::unique(unseen_.begin(), unseen_.end()), unseen_.end());
    for (const std::string& what : unseen_) run_.note(replica_.name(), {}, what);
    if (unsure > 0) run_.note(replica_.name(), {}, "definitions were changed too often to be compared");
    if (!asked_.alike)
      run_.note(replica_.name(), {}, "another version than the primary's: of definitions only the names were compared");
  }

  VerifyRun& run_;
  Replica& replica_;
  const ObjectsAsked asked_;
  std::vector<std::string> unseen_;
};

bool same_shape(const verify::Table& a, const verify::Table& b) {
  return a.columns == b.columns && a.key == b.key && a.index == b.index;
}

/// The replicas that have the table as the primary has it. Others have been told of with the objects.
base::Result<std::vector<Replica*>> fit(VerifyRun& run, const verify::Table& table) {
  std::vector<Replica*> out;
  for (Replica& replica : run.replicas()) {
    if (replica.lost) continue;
    auto at = run.primary().position();
    if (!at) return at.error();
    verify::Table there = table;
    auto done = run.wait(replica, *at);
    if (done) done = describe_table(*replica.side, there);
    if (run.stopped()) return VerifyRun::stop_error();
    if (!done) {
      run.drop(replica, done.error().message);
    } else if (same_shape(table, there)) {
      out.push_back(&replica);
    } else {
      run.note(replica.name(), table.full_name(),
               there.columns.empty() ? "its rows are not there" : "its rows were not compared: its definition differs");
    }
  }
  return out;
}

base::Status check_table(VerifyRun& run, verify::Table& table) {
  run.update([&](VerifyReport& report) { report.table = table.full_name(); });
  if (auto done = describe_table(run.primary(), table); !done) return done;
  if (table.columns.empty()) return base::Ok{};  // dropped meanwhile
  if (!table.keyed() && table.rows > most_without_key && run.request().table.empty()) {
    run.note({}, table.full_name(),
             "not compared: it has no key and about " + std::to_string(table.rows) + " rows (VERIFY TABLE " +
                 table.full_name() + " does it)");
    return base::Ok{};
  }
  auto replicas = fit(run, table);
  if (!replicas) return replicas.error();
  if (replicas->empty()) return base::Ok{};
  return TableCheck{run, table, std::move(*replicas)}.run();
}

/// What a table's statement was refused for is the table's matter; all else ends the run.
bool ends_all(const VerifyRun& run, const base::Error& error) {
  return run.stopped() || server::is_unreachable(error) || VerifyRun::is_stop(error);
}

base::Status check_tables(VerifyRun& run) {
  auto tables = list_tables(run.primary(), run.request());
  if (!tables) return tables.error();
  if (tables->empty() && !run.request().table.empty())
    return base::Error{1146, "42S02", "there is no such table on " + run.primary().name()};
  if (tables->size() >= 10'000) run.note({}, {}, "only the first 10000 tables are compared");
  std::uint64_t total = 0;
  for (const verify::Table& table : *tables) total += table.rows;
  run.update([&](VerifyReport& report) {
    report.phase = "rows";
    report.rows_total = total;
  });
  for (verify::Table& table : *tables) {
    auto done = check_table(run, table);
    for (unsigned again = 0; again < 2 && !done && TableCheck::is_new_definition(done.error()); ++again) {
      if (!run.pause(object_nap)) return VerifyRun::stop_error();
      done = check_table(run, table);
    }
    if (!done && ends_all(run, done.error())) return done;
    if (!done) run.note({}, table.full_name(), "not compared: " + done.error().message);
  }
  return base::Ok{};
}

}  // namespace

Verifier::Verifier(std::function<Means()> means, VerifyRun::Look look, Operation::Log log)
    : means_{std::move(means)}, look_{std::move(look)}, log_{std::move(log)} {}

Verifier::~Verifier() { stop(); }

base::Status Verifier::begin(VerifyRequest request, VerifyDone done) {
  const std::lock_guard lock{mutex_};
  if (stopping_) return base::Error{1105, "HY000", "wye stops"};
  if (busy_) return base::Error{1105, "HY000", "VERIFY is under way: SHOW VERIFY tells how far, STOP VERIFY ends it"};
  if (thread_.joinable()) thread_.join();  // it has nothing left to do
  busy_ = true;
  run_ = std::make_shared<VerifyRun>(std::move(request), means_(), look_);
  thread_ = std::thread{[this, done = std::move(done)] { work(done); }};
  return base::Ok{};
}

base::Status Verifier::verify(VerifyRun& run) {
  if (auto done = run.open(); !done) return done;
  run.update([](VerifyReport& report) { report.phase = "definitions"; });
  for (Replica& replica : run.replicas()) {
    if (replica.lost) continue;
    if (auto done = ObjectsCheck{run, replica}.check(); !done) return done;
  }
  return check_tables(run);
}

void Verifier::work(const VerifyDone& done) noexcept {
  const server::LibraryThread library;
  std::shared_ptr<VerifyRun> run;
  {
    const std::lock_guard lock{mutex_};
    run = run_;
  }
  VerifyReport last;
  try {
    log_(false, "event=verify_begun");
    const auto ended = verify(*run);
    const base::milliseconds took = run->report().took;
    const auto state = ended            ? VerifyReport::State::done
                       : run->stopped() ? VerifyReport::State::stopped
                                        : VerifyReport::State::failed;
    run->update([&](VerifyReport& report) {
      report.took = took;
      report.phase = report.table = "";
      report.state = state;
      if (!ended) report.error = ended.error().message;
    });
    last = run->report();
    log_(!last.clean(), std::string{"event=verify_ended state="} + name(last.state) +
                            " differences=" + std::to_string(last.differences.size()) +
                            " rows=" + std::to_string(last.rows_done) + " ms=" + std::to_string(last.took.count()) +
                            (last.error.empty() ? "" : " error=" + quoted(last.error)));
  } catch (const std::exception& error) {
    run->update([&](VerifyReport& report) {
      report.state = VerifyReport::State::failed;
      report.error = error.what();
    });
    last = run->report();
  }
  {
    const std::lock_guard lock{mutex_};
    busy_ = false;  // who got the answer may ask again
  }
  done(last);
}

bool Verifier::cancel() {
  const std::lock_guard lock{mutex_};
  if (busy_) run_->stop();
  return busy_;
}

VerifyReport Verifier::report() const {
  const std::lock_guard lock{mutex_};
  return run_ ? run_->report() : VerifyReport{};
}

void Verifier::stop() {
  std::thread thread;
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
    if (run_) run_->stop();
    thread = std::move(thread_);
  }
  if (thread.joinable()) thread.join();
}

}  // namespace wye::manager
