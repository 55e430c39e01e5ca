#include "replication/manager/operator.h"

#include <algorithm>

#include "replication/manager/change_log.h"
#include "replication/server/observe.h"
#include "replication/server/survey.h"

namespace wye::manager {
namespace {

constexpr base::milliseconds tick{200};
constexpr base::milliseconds first_wait{5'000}, longest_wait{300'000};  // between two tries that nobody asked for
constexpr base::milliseconds look_time{30'000};                         // for one statement of a survey

std::string listed(const std::vector<plan::Trouble>& troubles) {
  std::string out;
  for (const plan::Trouble& one : troubles)
    out += (out.empty() ? "" : "; ") + (one.server.empty() ? "" : one.server + ": ") + one.what;
  return out;
}

}  // namespace

Operator::Operator(Settings settings, Watch watch, Operation::Log log)
    : settings_{std::move(settings)}, watch_{std::move(watch)}, log_{std::move(log)} {}

Operator::~Operator() { stop(); }

void Operator::start() {
  if (thread_.joinable()) return;
  {
    const std::lock_guard lock{mutex_};
    stopping_ = false;
    busy_ = true;
  }
  thread_ = std::thread{[this] { loop(); }};
}

void Operator::stop() {
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
    if (operation_) operation_->stop();
    for (server::Connection* one : looking_) one->interrupt();
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

base::Status Operator::set_up(SetUpRequest request, SetUpDone done) {
  const bool dry_run = request.dry_run;
  return ask(dry_run, {[this, request = std::move(request)] { return serve(request, false); }, std::move(done)});
}

base::Status Operator::ask(bool dry_run, Asked asked) {
  if (settings_.wish.account.empty())
    return base::Error{1105, "HY000", "replication.user and replication.password are not configured"};
  if (!settings_.manages && !dry_run)
    return base::Error{1105, "HY000", "replication.mode is observe: wye changes nothing (DRY RUN shows what it would)"};
  return take(std::move(asked));
}

base::Status Operator::take(Asked asked) {
  const std::lock_guard lock{mutex_};
  if (stopping_ || !thread_.joinable()) return base::Error{1105, "HY000", "wye stops"};
  if (busy_ || asked_) return base::Error{1105, "HY000", "another operation is under way: SHOW OPERATION"};
  asked_ = std::move(asked);
  busy_ = true;
  changed_.notify_all();
  return base::Ok{};
}

Report Operator::report() const {
  const std::lock_guard lock{mutex_};
  return operation_ ? operation_->report() : Report{};
}

void Operator::loop() noexcept {
  const server::LibraryThread library;
  try {
    finish_old();
  } catch (const std::exception& error) {
    log_(true, "event=operation_failed error=" + quoted(error.what()));
  }
  for (;;) {
    {
      const std::lock_guard lock{mutex_};
      if (stopping_) return;
      busy_ = asked_.has_value();
    }
    try {
      once();
    } catch (const std::exception& error) {
      log_(true, "event=operation_failed error=" + quoted(error.what()));
    }
  }
}

void Operator::finish_old() {
  auto left = load_unfinished(settings_.means.state_dir);
  if (!left) return log_(true, "event=journal_not_read error=" + quoted(left.error().message));
  if (!*left || (!settings_.manages && !(*left)->plan.steps.empty())) return;
  {
    const std::lock_guard lock{mutex_};
    busy_ = true;
  }
  run((*left)->plan, [&](Operation& operation) { return operation.resume(**left); });
}

void Operator::once() {
  std::optional<Asked> asked;
  {
    std::unique_lock lock{mutex_};
    changed_.wait_for(lock, tick, [this] { return stopping_ || asked_; });
    if (stopping_) return;
    asked = std::exchange(asked_, std::nullopt);
  }
  if (asked) {
    SetUpAnswer answer;
    try {
      answer = asked->work();
    } catch (const std::exception& error) {  // whoever asked waits for an answer
      log_(true, "event=operation_failed error=" + quoted(error.what()));
      answer.report = report();
      answer.report.state = Report::State::stopped;
      answer.report.error = error.what();
    }
    {
      const std::lock_guard lock{mutex_};
      busy_ = false;  // who got the answer may ask again
    }
    asked->done(std::move(answer));
    return;
  }
  const bool set_up = unasked();
  const std::string target = set_up ? std::string{} : purged();
  if (!set_up && target.empty()) return start_stopped();
  // A command that comes meanwhile waits for the look, not for somebody to give it again.
  if (set_up) {
    serve({}, true);
  } else {
    ProvisionRequest request;
    request.target = target;
    fill(request, true);
  }
}

/// Nobody asks twice in a row what was refused: the same servers would say the same.
bool Operator::unasked() {
  if (!settings_.manages || watch_.servers().size() < 2 || base::Clock::now() < next_try_ || !watch_.blank())
    return false;
  try_again_ = std::clamp(try_again_ * 2, first_wait, longest_wait);
  next_try_ = base::Clock::now() + try_again_;
  return true;
}

/// On a connection of its own, which stop() interrupts.
base::Status Operator::on(const plan::Server& spec, const std::function<void(server::Connection&)>& what) {
  server::Connection connection;
  {
    const std::lock_guard lock{mutex_};
    if (stopping_) return base::Error{2013, "HY000", "wye stops"};
    looking_.insert(&connection);
  }
  server::ConnectOptions options = settings_.means.connect;
  options.read_timeout = look_time;
  auto done = connection.connect(spec.address, settings_.means.login, options);
  if (done) what(connection);
  const std::lock_guard lock{mutex_};
  looking_.erase(&connection);
  return done;
}

plan::Known Operator::look_at(const plan::Server& spec) {
  plan::Known known;
  base::Status asked = base::Ok{};
  const auto ask = [&](server::Connection& connection) -> base::Status {
    known.encrypted = connection.encrypted();
    auto seen = server::observe(connection);
    if (!seen) return seen.error();
    auto survey = server::survey(connection, true, base::Clock::now());
    if (!survey) return survey.error();
    known.observation = std::move(*seen);
    known.survey = std::move(*survey);
    return base::Ok{};
  };
  const auto done = on(spec, [&](server::Connection& connection) { asked = ask(connection); });
  const base::Status& failed = done ? asked : done;
  if (!failed) known.failure = std::to_string(failed.error().code) + ": " + failed.error().message;
  return known;
}

std::vector<plan::Known> Operator::look(const std::vector<plan::Server>& servers) {
  std::vector<plan::Known> out;
  for (const plan::Server& server : servers) out.push_back(look_at(server));
  return out;
}

plan::SetUpWish Operator::wish() const {
  plan::SetUpWish out = settings_.wish;
  for (const Known& one : watch_.servers()) {
    out.servers.push_back(one.server);
    out.promote.push_back(one.promote);
  }
  return out;
}

Means Operator::means() const {
  Means out = settings_.means;
  for (const Known& one : watch_.servers()) out.servers.emplace(one.server.name, one.server.address);
  out.settle = watch_.settle;
  return out;
}

SetUpAnswer Operator::serve(const SetUpRequest& request, bool by_itself) {
  plan::SetUpWish wish = this->wish();
  const auto known = look(wish.servers);
  wish.primary = request.primary;
  wish.overwrite = request.overwrite;
  SetUpAnswer answer;
  if (by_itself && !plan::all_blank(known)) return answer;
  for (const std::string& name : wish.overwrite)
    if (std::none_of(wish.servers.begin(), wish.servers.end(), [&](const auto& s) { return s.name == name; }))
      answer.troubles.push_back({name, "there is no such server", "SHOW SERVERS lists all"});
  plan::SetUp planned = plan::plan_set_up(wish, known);
  answer.troubles.insert(answer.troubles.end(), planned.troubles.begin(), planned.troubles.end());
  if (!answer.troubles.empty()) {
    if (by_itself) log_(true, "event=set_up_refused why=" + quoted(listed(answer.troubles)));
    return answer;
  }
  if (request.dry_run) {
    answer.report = Operation::planned(planned.plan);
    return answer;
  }
  answer.report = run(planned.plan, [&](Operation& operation) { return operation.run(planned.plan); });
  for (const std::string& note : answer.report.notes) log_(true, "event=operation_note note=" + quoted(note));
  return answer;
}

/// What is copied, and what to, answers no reads meanwhile.
Report Operator::run(const plan::Plan& plan, const std::function<Report(Operation&)>& what) {
  const plan::Membership& member = plan.membership;
  if (member.kind == plan::Membership::Kind::joins) {
    const auto address = settings_.resolve(member.address);
    const auto joined = address ? watch_.join({member.server, member.address}, *address) : address.error();
    if (!joined) {
      log_(true, "event=operation_failed error=" + quoted(joined.error().message));
      Report report = Operation::planned(plan);
      report.state = Report::State::stopped;
      report.error = joined.error().message;
      return report;
    }
  }
  Operation* operation = nullptr;
  {
    Means with = means();
    const std::lock_guard lock{mutex_};
    if (stopping_) return {};
    busy_ = true;
    operation_ = std::make_unique<Operation>(std::move(with), log_);
    operation = operation_.get();
  }
  auto held = aside(plan);
  if (member.kind == plan::Membership::Kind::joins) held.push_back(member.server);
  if (member.kind == plan::Membership::Kind::leaves) watch_.leave(member.server, true);
  const Report report = what(*operation);
  if (report.state == Report::State::stopped) return report;
  if (member.kind == plan::Membership::Kind::leaves && report.state != Report::State::done)
    watch_.leave(member.server, false);
  for (const std::string& server : held) watch_.hold(server, "");
  return report;
}

}  // namespace wye::manager
