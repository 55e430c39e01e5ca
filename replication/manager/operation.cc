#include "replication/manager/operation.h"

#include <algorithm>

#include "replication/manager/change_log.h"
#include "replication/plan/dialect.h"
#include "replication/server/native_hash.h"
#include "replication/server/observe.h"

namespace wye::manager {
namespace {

constexpr base::milliseconds poll{50};
constexpr base::milliseconds undo_time{15'000};       // for each step's undo
constexpr base::milliseconds statement_time{60'000};  // of the library; a step's own deadline comes first

base::Error failure(std::string why) { return base::Error{1105, "HY000", std::move(why)}; }

bool has_mark(const std::string& sql) {
  return sql.find(plan::password_mark) != std::string::npos || sql.find(plan::hash_mark) != std::string::npos;
}

/// Errors of a receiver that waiting does not cure: wrong password, its GTIDs are gone, same server_id.
bool is_final(unsigned receiver_errno) {
  return receiver_errno == 1045 || receiver_errno == 1236 || receiver_errno == 1593 || receiver_errno == 13'117 ||
         receiver_errno == 13'114;
}

/// 1883: the plugin of a source is in use until its replicas' threads have noticed that they are gone.
bool may_pass(const base::Error& error) { return server::is_unreachable(error) || error.code == 1883; }

std::string shown(const base::Error& error) { return std::to_string(error.code) + ": " + error.message; }

}  // namespace

const char* name(Mark mark) {
  constexpr const char* names[] = {"waiting", "running", "done", "already so", "undone", "not undone"};
  return names[static_cast<std::size_t>(mark)];
}

const char* name(Report::State state) {
  constexpr const char* names[] = {"none", "planned", "running", "undoing", "done", "undone", "stopped"};
  return names[static_cast<std::size_t>(state)];
}

Report Operation::planned(const plan::Plan& plan) {
  Report report;
  report.operation = plan.operation;
  report.state = Report::State::planned;
  report.notes = plan.notes;
  for (const plan::Step& step : plan.steps) {
    StepReport& out = report.steps.emplace_back();
    out.server = step.server;
    out.what = step.what;
    for (const std::string& sql : step.sql) out.sql += (out.sql.empty() ? "" : "; ") + plan::masked(sql);
    if (step.copy.way == plan::Copy::Way::dump) out.sql = Copying::in_words(step);
  }
  return report;
}

Report Operation::report() const {
  const std::lock_guard lock{mutex_};
  return report_;
}

void Operation::stop() {
  const std::lock_guard lock{mutex_};
  stopping_ = true;
  for (auto& [server, place] : places_)
    if (place.connection) place.connection->interrupt();
  for (Place& place : copies_) place.connection->interrupt();
  stopped_.notify_all();
}

bool Operation::pause() {
  std::unique_lock lock{mutex_};
  stopped_.wait_for(lock, poll, [this] { return stopping_.load(); });
  return !stopping_;
}

void Operation::start(const plan::Plan& plan, std::vector<Mark> marks) {
  plan_ = plan;
  const std::lock_guard lock{mutex_};
  report_ = planned(plan);
  report_.state = Report::State::running;
  for (std::size_t k = 0; k < marks.size(); ++k) report_.steps[k].mark = marks[k];
}

Report Operation::run(const plan::Plan& plan) {
  start(plan, {});
  log_(false,
       "event=operation_begins operation=" + quoted(plan.operation) + " steps=" + std::to_string(plan.steps.size()));
  if (auto done = journal_.begin(means_.state_dir, plan); !done) {
    const std::lock_guard lock{mutex_};
    report_.error = done.error().message;  // nothing is done that could not be undone after a crash
    report_.state = Report::State::undone;
    return report_;
  }
  return carry_on();
}

Report Operation::resume(const Unfinished& unfinished) {
  start(unfinished.plan, unfinished.marks);
  const auto done = std::count_if(unfinished.marks.begin(), unfinished.marks.end(),
                                  [](Mark m) { return m == Mark::done || m == Mark::already; });
  log_(true, "event=operation_resumed operation=" + quoted(unfinished.plan.operation) +
                 " done=" + std::to_string(done) + " steps=" + std::to_string(unfinished.plan.steps.size()) +
                 " undoing=" + (unfinished.undoing ? "yes" : "no"));
  if (auto opened = journal_.resume(means_.state_dir); !opened) {
    const std::lock_guard lock{mutex_};
    report_.error = opened.error().message;
    report_.state = Report::State::stopped;
    return report_;
  }
  return unfinished.undoing ? undo(unfinished.why) : carry_on();
}

Report Operation::carry_on() {
  for (std::size_t k = 0; k < plan_.steps.size(); ++k) {
    const Mark now = report().steps[k].mark;
    if (now == Mark::done || now == Mark::already) continue;
    const auto began = base::Clock::now();
    const auto done = step(k);
    if (stopping_) return finish(Report::State::stopped);
    {
      const std::lock_guard lock{mutex_};
      report_.steps[k].took = std::chrono::duration_cast<base::milliseconds>(base::Clock::now() - began);
      if (!done) report_.steps[k].error = shown(done.error());
    }
    tell(k);
    if (!done) return undo(plan_.steps[k].server + ": " + plan_.steps[k].what + ": " + shown(done.error()));
  }
  if (auto kept = settle(true); !kept) return undo(kept.error().message);
  return finish(Report::State::done);
}

base::Status Operation::settle(bool done) {
  if (plan_.membership.kind == plan::Membership::Kind::stays || !means_.settle) return base::Ok{};
  return means_.settle(plan_.membership, done);
}

void Operation::tell(std::size_t k) {
  const StepReport one = report().steps[k];
  log_(!one.error.empty(),
       "event=operation_step step=" + std::to_string(k + 1) + "/" + std::to_string(plan_.steps.size()) +
           " server=" + quoted(one.server) + " what=" + quoted(one.what) + " result=" + quoted(name(one.mark)) +
           " ms=" + std::to_string(one.took.count()) + (one.error.empty() ? "" : " error=" + quoted(one.error)));
}

Report Operation::finish(Report::State state) {
  if (state != Report::State::stopped) {
    if (auto done = journal_.end(); !done)
      log_(true, "event=journal_not_written error=" + quoted(done.error().message));
  }
  const std::lock_guard lock{mutex_};
  places_.clear();  // the report stays for long, connections need not
  report_.state = state;
  log_(state != Report::State::done, "event=operation_ends operation=" + quoted(plan_.operation) +
                                         " result=" + name(state) +
                                         (report_.error.empty() ? "" : " error=" + quoted(report_.error)));
  return report_;
}

base::Status Operation::mark(std::size_t k, Mark mark) {
  auto done = journal_.mark(k, mark);
  if (!done) return done;
  const std::lock_guard lock{mutex_};
  report_.steps[k].mark = mark;
  return base::Ok{};
}

/// One step up to its deadline. A server that can't be reached is tried again; it may have done what was asked, which
/// the check tells.
base::Status Operation::step(std::size_t k) {
  const base::TimePoint deadline = base::Clock::now() + plan_.steps[k].deadline;
  for (;;) {
    auto done = attempt(k, deadline);
    if (done || !server::is_unreachable(done.error())) return done;
    if (base::Clock::now() >= deadline || !pause()) return done;
  }
}

base::Status Operation::attempt(std::size_t k, base::TimePoint deadline) {
  const plan::Step& step = plan_.steps[k];
  auto at = place(step.server);
  if (!at) return at.error();
  const bool begun = report().steps[k].mark == Mark::begun;
  if (!step.check.empty() && !step.always && step.replicates_from.empty()) {
    auto so = holds(**at, step.check);
    if (!so) return so.error();
    if (*so) return mark(k, begun || step.sql.empty() ? Mark::done : Mark::already);
  }
  if (begun && !step.replicates_from.empty()) {  // stopping it again would do no good
    auto so = replicates(**at, step.replicates_from);
    if (so && *so) return mark(k, Mark::done);
  }
  if (!step.guard.empty()) {
    auto as_planned = holds(**at, step.guard);
    if (!as_planned) return as_planned.error();
    if (!*as_planned) return failure("it is no longer as it was when the plan was made; plan again");
  }
  if (!begun) {
    if (auto written = mark(k, Mark::begun); !written) return written;
  }
  if (step.copy.way != plan::Copy::Way::none) {
    if (auto copied = copy(k, deadline, begun); !copied) return copied;
  } else {
    for (const std::string& sql : step.sql)
      if (auto sent = send(**at, sql); !sent) return sent;
  }
  if (auto effect = wait_for(step, deadline); !effect) return effect;
  return mark(k, Mark::done);
}

base::Status Operation::wait_for(const plan::Step& step, base::TimePoint deadline) {
  for (;;) {
    auto at = place(step.server);
    if (!at) return at.error();
    base::Result<bool> so = true;
    if (!step.check.empty()) so = holds(**at, step.check);
    if (so && *so && !step.replicates_from.empty()) so = replicates(**at, step.replicates_from);
    if (!so) return so.error();
    if (*so) return base::Ok{};
    if (base::Clock::now() >= deadline)
      return failure("no effect within " + std::to_string(step.deadline.count()) + " ms");
    if (!pause()) return base::Error{2013, "HY000", "wye stops"};
  }
}

base::Result<bool> Operation::holds(Place& at, const std::string& query) {
  auto answer = at.connection->query(query);
  if (!answer) return answer.error();
  if (answer->empty() || answer->front().rows.empty()) return false;
  const auto& value = answer->front().rows.front().front();
  return value && *value == "1";
}

base::Result<bool> Operation::replicates(Place& at, const std::string& from) {
  const topology::Version version = at.connection->memo().version;
  auto status = at.connection->query(server::replica_status_statement(version));
  if (!status) return status.error();
  topology::Observation seen;
  if (status->empty()) return false;
  if (auto read = server::read_channels(status->front(), version.flavour, seen); !read) return read.error();
  for (const topology::Channel& channel : seen.channels) {
    if (!channel.name.empty() || channel.source_host + ":" + std::to_string(channel.source_port) != from) continue;
    if (channel.applier_errno != 0)
      return failure(std::to_string(channel.applier_errno) + ": " + channel.applier_error);
    if (is_final(channel.receiver_errno))
      return failure(std::to_string(channel.receiver_errno) + ": " + channel.receiver_error);
    return channel.receiver_running && channel.applier_running && channel.uses_gtid;
  }
  return false;
}

base::Result<std::string> Operation::filled(const std::string& sql) const {
  auto password = plan::quoted(means_.replication.password);
  if (!password) return password;
  auto hash = plan::quoted(server::native_hash(means_.replication.password));
  if (sql.find(plan::own_mark) == std::string::npos) return plan::filled(sql, *password, *hash);
  auto own = plan::quoted(means_.login.password);
  if (!own) return own;
  return plan::filled(sql, *password, *hash, *own);
}

base::Status Operation::send(Place& at, const std::string& sql) {
  std::string text = sql;
  if (has_mark(sql)) {
    if (!at.log_off && at.connection->memo().version.flavour == topology::Flavour::mariadb) {
      auto quiet = holds(at, "SELECT @@GLOBAL.general_log = 0");
      if (!quiet) return quiet.error();
      if (!*quiet)
        return failure(
            "the general log would show the password: SET GLOBAL general_log = OFF, or give wye's account SUPER "
            "(for sql_log_off)");
    }
    auto whole = filled(sql);
    if (!whole) return whole.error();
    text = std::move(*whole);
  }
  auto answer = at.connection->query(text);
  if (answer) return base::Ok{};
  base::Error error = answer.error();
  // "You have an error in your SQL syntax near ..." quotes what it was told.
  if (has_mark(sql) && error.code == 1064) error.message = "the server does not understand: " + plan::masked(sql);
  return error;
}

base::Status Operation::prepare(Place& at, const std::string& server) {
  server::Connection& connection = *at.connection;
  auto seen = server::observe(connection);
  if (!seen) return seen.error();
  const std::string identity = plan::identity_of(seen->version, seen->uuid, seen->hostname, seen->port);
  for (const plan::Identity& one : plan_.servers)
    if (one.server == server && one.identity != identity)
      return failure("another server answers there than when the plan was made (" + identity + ", not " + one.identity +
                     ")");
  // What a literal is must not depend on the server's configuration.
  if (auto done = connection.query("SET SESSION sql_mode = ''"); !done) return done.error();
  auto off = connection.query("SET SESSION sql_log_off = 1");
  if (!off && server::is_unreachable(off.error())) return off.error();
  at.log_off = bool{off};
  return base::Ok{};
}

base::Result<Operation::Place*> Operation::place(const std::string& server) {
  const auto known = means_.servers.find(server);
  if (known == means_.servers.end()) return failure("it is not in the configuration any more");
  Place* at = nullptr;
  {
    const std::lock_guard lock{mutex_};
    if (stopping_) return base::Error{2013, "HY000", "wye stops"};
    at = &places_[server];
    if (!at->connection) at->connection = std::make_unique<server::Connection>();
  }
  if (at->connection->connected()) return at;
  if (auto done = enter(*at, server, statement_time); !done) return done.error();
  return at;
}

base::Status Operation::enter(Place& at, const std::string& server, base::milliseconds patience) {
  const auto known = means_.servers.find(server);
  if (known == means_.servers.end()) return failure("it is not in the configuration any more");
  server::ConnectOptions options = means_.connect;
  options.read_timeout = patience;
  if (auto done = at.connection->connect(known->second, means_.login, options); !done) return done;
  auto done = prepare(at, server);
  if (!done) at.connection->close();
  return done;
}

Report Operation::undo(const std::string& why) {
  {
    const std::lock_guard lock{mutex_};
    report_.state = Report::State::undoing;
    report_.error = why;
  }
  if (auto done = journal_.undoing(why); !done)
    log_(true, "event=journal_not_written error=" + quoted(done.error().message));
  for (std::size_t k = plan_.steps.size(); k-- > 0;) {
    const Mark now = report().steps[k].mark;
    if (now != Mark::begun && now != Mark::done) continue;
    undo_step(k);
    if (stopping_) return finish(Report::State::stopped);
  }
  if (auto settled = settle(false); !settled)
    log_(true, "event=membership_not_written error=" + quoted(settled.error().message));
  return finish(Report::State::undone);
}

/// A server that is gone is waited for once, not for each of its steps.
base::Status Operation::undo_by(const plan::Step& step) {
  const auto time = gone_.contains(step.server) ? base::milliseconds{0} : undo_time;
  const base::TimePoint deadline = base::Clock::now() + time;
  base::Status done = base::Ok{};
  if (step.copy.way != plan::Copy::Way::none)
    done = copying(static_cast<std::size_t>(&step - plan_.steps.data())).undo(step);
  for (const std::string& sql : step.undo) {
    do {
      auto at = place(step.server);
      done = at ? send(**at, sql) : base::Status{at.error()};
    } while (!done && may_pass(done.error()) && base::Clock::now() < deadline && pause());
    if (!done) break;
  }
  if (!done && server::is_unreachable(done.error())) gone_.insert(step.server);
  return done;
}

void Operation::undo_step(std::size_t k) {
  const plan::Step& step = plan_.steps[k];
  const base::Status done = undo_by(step);
  if (stopping_) return;
  if (auto written = mark(k, done ? Mark::undone : Mark::not_undone); !written)
    log_(true, "event=journal_not_written error=" + quoted(written.error().message));
  if (!done) {
    std::string left;
    for (const std::string& sql : step.undo) left += (left.empty() ? "" : "; ") + plan::masked(sql);
    if (left.empty()) left = "what is there is a part only; PROVISION begins anew";
    const std::lock_guard lock{mutex_};
    report_.steps[k].error +=
        (report_.steps[k].error.empty() ? "" : "; ") + std::string{"not undone ("} + shown(done.error()) + "): " + left;
  }
  tell(k);
}

}  // namespace wye::manager
