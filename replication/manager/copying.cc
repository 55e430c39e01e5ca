#include "replication/manager/copying.h"

#include <algorithm>
#include <cstdlib>
#include <thread>

#include "replication/manager/accounts.h"
#include "replication/manager/pump.h"
#include "replication/plan/dialect.h"
#include "replication/server/survey.h"

namespace wye::manager {
namespace {

using plan::Phrase;
using topology::Flavour;
using topology::GtidSet;

constexpr std::uint16_t no_supervisor = 3707;
constexpr base::milliseconds patience{60'000};  // for one statement
constexpr int lock_wait_seconds = 3;            // all writes wait while FLUSH TABLES WITH READ LOCK does
constexpr int lock_tries = 10;
constexpr base::milliseconds donor_interval{1000}, donor_patience{5000};
constexpr base::seconds longest_away{10};  // of a donor that is cloned; it may be a short trouble of the network

base::Error failure(std::string why) { return base::Error{1105, "HY000", std::move(why)}; }

base::milliseconds left(base::TimePoint deadline) {
  const auto rest = std::chrono::duration_cast<base::milliseconds>(deadline - base::Clock::now());
  return std::max(rest, base::milliseconds{1000});
}

base::Result<std::string> value(server::Connection& connection, const std::string& sql) {
  auto answer = connection.query(sql);
  if (!answer) return answer.error();
  if (answer->front().rows.empty()) return std::string{};
  return answer->front().rows.front().front().value_or("");
}

base::Status say(server::Connection& connection, const std::string& sql) {
  auto done = connection.query(sql);
  if (!done) return done.error();
  return base::Ok{};
}

base::Result<std::vector<std::string>> user_schemas(server::Connection& connection) {
  auto answer = connection.query("SELECT SCHEMA_NAME FROM information_schema.SCHEMATA ORDER BY 1");
  if (!answer) return answer.error();
  std::vector<std::string> out;
  for (const auto& row : answer->front().rows)
    if (row.front() && !server::is_system_schema(*row.front())) out.push_back(*row.front());
  return out;
}

/// What a replica that begins after it must have. The donor is quiet.
base::Result<std::string> position_of(server::Connection& donor) {
  const Flavour flavour = donor.memo().version.flavour;
  if (flavour == Flavour::mysql) {
    auto text = value(donor, "SELECT @@GLOBAL.gtid_executed");
    if (!text) return text.error();
    auto set = GtidSet::parse(flavour, *text);
    if (!set) return set.error();
    return set->to_string(flavour);
  }
  // By replication, and by itself when it was the primary: per domain whichever is later.
  auto binlog = value(donor, "SELECT @@GLOBAL.gtid_binlog_pos"),
       applied = value(donor, "SELECT @@GLOBAL.gtid_slave_pos");
  if (!binlog || !applied) return binlog ? applied.error() : binlog.error();
  auto set = GtidSet::parse(flavour, *binlog), more = GtidSet::parse(flavour, *applied);
  if (!set || !more) return set ? more.error() : set.error();
  set->add(*more);
  return set->to_string(flavour);
}

/// The target takes what the load brings, keeps it out of its binary log, and nobody else gets in but who may anyway.
class Loading {
 public:
  explicit Loading(server::Connection& target) : target_{target}, dialect_{target.memo().version} {}

  base::Status begin() {
    std::vector<std::string> sql{"SET SESSION sql_log_bin = 0", "SET SESSION foreign_key_checks = 0",
                                 "SET GLOBAL read_only = ON"};
    if (supers()) sql.push_back("SET GLOBAL super_read_only = OFF");
    for (const std::string& one : sql)
      if (auto done = say(target_, one); !done) return done;
    return base::Ok{};
  }

  base::Status wipe() {
    auto schemas = user_schemas(target_);
    if (!schemas) return schemas.error();
    for (const std::string& schema : *schemas) {
      auto name = plan::quoted_name(schema);
      if (!name) return name.error();
      if (auto done = say(target_, "DROP DATABASE IF EXISTS " + *name); !done) return done;
    }
    return base::Ok{};
  }

  base::Status position(const std::string& text) {
    if (text.empty()) return base::Ok{};
    auto literal = plan::quoted(text);
    if (!literal) return literal.error();
    return say(target_, "SET GLOBAL " + dialect_.text(Phrase::gtids_had) + " = " + *literal);
  }

  base::Status end() { return supers() ? say(target_, "SET GLOBAL super_read_only = ON") : base::Status{base::Ok{}}; }

 private:
  bool supers() const { return dialect_.text(Phrase::fence) == "super_read_only"; }
  server::Connection& target_;
  plan::Dialect dialect_;
};

/// Keeps the donor still until the copy's snapshot is taken, as short as can be.
class Stillness {
 public:
  Stillness(server::Connection& donor, bool replicates) : donor_{donor}, replicates_{replicates} {}
  ~Stillness() {
    if (held_) (void)end();
  }
  Stillness(const Stillness&) = delete;
  Stillness& operator=(const Stillness&) = delete;

  base::Status begin(const std::function<bool()>& pause) {
    held_ = true;
    const plan::Dialect dialect{donor_.memo().version};
    if (replicates_) return say(donor_, dialect.text(Phrase::stop_applier));
    if (auto done = say(donor_, "SET SESSION lock_wait_timeout = " + std::to_string(lock_wait_seconds)); !done)
      return done;
    for (int i = 0;; ++i) {
      auto done = say(donor_, "FLUSH TABLES WITH READ LOCK");
      if (done || done.error().code != 1205 || i == lock_tries) return done;  // 1205: a statement takes long there
      if (!pause()) return failure("wye stops");
    }
  }
  base::Status end() {
    held_ = false;
    return say(donor_,
               replicates_ ? plan::Dialect{donor_.memo().version}.text(Phrase::start_applier) : "UNLOCK TABLES");
  }

 private:
  server::Connection& donor_;
  const bool replicates_;
  bool held_ = false;
};

/// Asked now and then, whether it is there.
class Donor {
 public:
  Donor(const Copying::Way& way, std::string name) : way_{way}, name_{std::move(name)} {}

  /// Since when it does not answer, and how; empty: it does, or it is not long ago that it did.
  std::string gone() {
    if (base::Clock::now() < next_) return {};
    next_ = base::Clock::now() + donor_interval;
    if (connection_ == nullptr || !connection_->connected()) {
      auto opened = way_.open(name_, donor_patience);
      connection_ = opened ? *opened : nullptr;
      if (!opened) why_ = opened.error().message;
    }
    if (connection_ != nullptr) {
      auto answer = connection_->query("SELECT 1");
      if (answer) seen_ = base::Clock::now();
      if (!answer) why_ = answer.error().message;
    }
    if (base::Clock::now() - seen_ < longest_away) return {};
    return "has not answered for " + std::to_string(longest_away.count()) + " s: " + why_;
  }

 private:
  const Copying::Way& way_;
  const std::string name_;
  server::Connection* connection_ = nullptr;
  std::string why_;
  base::TimePoint seen_ = base::Clock::now(), next_ = seen_;
};

}  // namespace

std::string Copying::in_words(const plan::Step& step) {
  return "DROP DATABASE (each that is not the server's own); " +
         std::string{step.copy.quiet_donor ? "STOP and START of the applier of " + step.copy.donor
                                           : "FLUSH TABLES WITH READ LOCK and UNLOCK TABLES on " + step.copy.donor} +
         ", between them its GTIDs are read and the dump begins; dump of " + step.copy.donor + " | load into " +
         step.server + " with sql_log_bin = 0; accounts that are missing; then the GTIDs are set";
}

base::Status Copying::run(const plan::Step& step, base::TimePoint deadline, bool again) {
  return step.copy.way == plan::Copy::Way::clone ? clone(step, deadline) : dump(step, deadline, again);
}

/// The statement takes as long as the copy; another connection looks how far it is. A copy that a wye before this one
/// began goes on without it.
base::Status Copying::clone(const plan::Step& step, base::TimePoint deadline) {
  auto looking = way_.open(step.server, patience);
  if (!looking) return looking.error();
  auto state = value(**looking, "SELECT STATE FROM performance_schema.clone_status");
  if (!state) return state.error();
  std::atomic<bool> ended = false;
  if (*state == "In Progress") return watch_clone(step, **looking, nullptr);
  for (std::size_t i = 0; i + 1 < step.sql.size(); ++i)
    if (auto done = say(**looking, step.sql[i]); !done) return done;
  auto working = way_.open(step.server, left(deadline));
  auto sql = way_.fill(step.sql.back());
  if (!working || !sql) return working ? sql.error() : working.error();
  base::Status result = base::Ok{};
  std::thread worker{[&] {
    const server::LibraryThread library;
    result = say(**working, *sql);
    ended = true;
  }};
  const base::Status watched = watch_clone(step, **looking, &ended);
  if (!watched) (*working)->interrupt();  // wye stops, or the donor is gone
  worker.join();
  if (!watched) return watched;
  if (!result && result.error().code == no_supervisor) {
    way_.note(step.server +
              " is copied and has stopped (3707: mysqld is not managed by a supervisor process): start it, wye waits");
    return base::Ok{};
  }
  if (!result && server::is_unreachable(result.error())) return base::Ok{};  // it restarts; the check waits for it
  return result;
}

/// Until the statement has ended; without one, until the server says that the copy has, or is gone to restart.
base::Status Copying::watch_clone(const plan::Step& step, server::Connection& looking, const std::atomic<bool>* ended) {
  Progress progress;
  progress.began = base::Clock::now();
  Donor donor{way_, step.copy.donor};
  for (bool copying = true; ended != nullptr ? !*ended : copying;) {
    if (!way_.pause()) return failure("wye stops");
    if (!looking.connected()) continue;
    if (const std::string why = donor.gone(); !why.empty()) return end_clone(looking, step.copy.donor + " " + why);
    auto answer = looking.query(
        "SELECT IFNULL(MAX(IF(STATE = 'In Progress', STAGE, NULL)), ''), SUM(DATA), SUM(ESTIMATE) FROM "
        "performance_schema.clone_progress; SELECT STATE = 'In Progress' FROM performance_schema.clone_status");
    copying = answer && answer->size() == 2 && !answer->back().rows.empty() && answer->back().rows[0][0] == "1";
    if (!copying) continue;
    const auto& row = answer->front().rows.front();
    progress.phase = row[0].value_or("");
    progress.done = std::strtoull(row[1].value_or("0").c_str(), nullptr, 10);
    progress.total = std::strtoull(row[2].value_or("0").c_str(), nullptr, 10);
    way_.tell(progress);
  }
  if (ended == nullptr && looking.connected()) {
    auto failed = value(looking, "SELECT ERROR_MESSAGE FROM performance_schema.clone_status WHERE STATE = 'Failed'");
    if (failed && !failed->empty()) return failure(*failed);
  }
  progress.phase = "RESTART";
  way_.tell(progress);
  return base::Ok{};
}

/// By itself the server would wait for its donor for five minutes.
base::Status Copying::end_clone(server::Connection& looking, const std::string& why) {
  auto id = value(looking, "SELECT PID FROM performance_schema.clone_status WHERE STATE = 'In Progress'");
  if (id && !id->empty()) (void)say(looking, "KILL QUERY " + *id);
  return failure(why);
}

base::Status Copying::dump(const plan::Step& step, base::TimePoint deadline, bool again) {
  auto target = way_.open(step.server, left(deadline));
  if (!target) return target.error();
  Loading loading{**target};
  if (auto done = loading.begin(); !done) return done;
  way_.tell({"wipe", 0, step.copy.bytes, base::Clock::now()});
  if (auto done = loading.wipe(); !done) return done;
  if (again)
    if (auto done = forget_accounts(**target, step.copy.accounts); !done) return done;
  std::string position;
  if (auto done = take_from_donor(step, **target, position, deadline); !done) {
    // Not one to try again: that is for the server of the step, when it could not be reached.
    return failure(done.error().message);
  }
  if (auto done = loading.position(position); !done) return done;
  return loading.end();
}

base::Status Copying::take_from_donor(const plan::Step& step, server::Connection& target, std::string& position,
                                      base::TimePoint deadline) {
  auto donor = way_.open(step.copy.donor, patience);
  if (!donor) return failure(step.copy.donor + ": " + donor.error().message);
  Stillness stillness{**donor, step.copy.quiet_donor};
  if (auto done = stillness.begin(way_.pause); !done) return done;
  auto first = position_of(**donor);
  auto schemas = user_schemas(**donor);
  if (!first || !schemas) return first ? schemas.error() : first.error();
  position = *first;
  const auto release = [&]() -> base::Status {
    auto now = position_of(**donor);
    if (!now) return now.error();
    if (*now != position) return failure(step.copy.donor + " was written to though it was held still");
    return stillness.end();
  };
  if (auto done = schemas->empty() ? release() : pass_on(step, *schemas, release, deadline); !done) return done;
  way_.tell({"accounts", step.copy.bytes, step.copy.bytes, base::Clock::now()});
  auto notes = copy_accounts(**donor, target);
  if (!notes) return notes.error();
  for (const std::string& note : *notes) way_.note(step.server + ": " + note);
  return base::Ok{};
}

base::Status Copying::pass_on(const plan::Step& step, const std::vector<std::string>& schemas,
                              const std::function<base::Status()>& release, base::TimePoint deadline) {
  auto from = way_.reach(step.copy.donor), to = way_.reach(step.server);
  if (!from || !to) return from ? to.error() : from.error();
  auto tools = find_tools(way_.tools, from->version);
  if (!tools) return tools.error();
  Pumping how;
  how.dump = dump_command(*tools, *from, schemas);
  how.load = load_command(*tools, *to);
  how.dump_options = options_file(*from);
  how.load_options = options_file(*to);
  how.begun = release;
  Progress progress{"load", 0, step.copy.bytes, base::Clock::now()};
  how.going = [&](std::uint64_t bytes) {
    progress.done = bytes;
    progress.total = std::max(progress.total, bytes);
    way_.tell(progress);
    return !way_.stopping() && base::Clock::now() < deadline;
  };
  return pump(how);
}

base::Status Copying::undo(const plan::Step& step) {
  if (step.copy.way == plan::Copy::Way::clone) return base::Ok{};
  base::Status resumed = base::Ok{};
  if (step.copy.quiet_donor) {
    auto donor = way_.open(step.copy.donor, patience);
    resumed = donor ? say(**donor, plan::Dialect{(*donor)->memo().version}.text(Phrase::start_applier))
                    : base::Status{donor.error()};
    if (!resumed)
      way_.note(step.copy.donor + ": its applier may be stopped: START it (" + resumed.error().message + ")");
  }
  auto target = way_.open(step.server, patience);
  if (!target) return target.error();
  Loading loading{**target};
  if (auto done = loading.begin(); !done) return done;
  if (auto done = loading.wipe(); !done) return done;
  if (auto done = forget_accounts(**target, step.copy.accounts); !done) return done;
  return loading.end();
}

}  // namespace wye::manager
