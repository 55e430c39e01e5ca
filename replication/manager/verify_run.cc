#include "replication/manager/verify_run.h"

#include <algorithm>

namespace wye::manager {
namespace {

constexpr base::milliseconds chunk_time{50};
constexpr base::seconds no_progress{60}, broken_for{5};
constexpr base::milliseconds longest_nap{50};
constexpr std::uint16_t stop_code = 1317;  // ER_QUERY_INTERRUPTED
constexpr std::size_t most_kept = 10'000;  // differences: a replica that is nothing like its primary fills no memory

base::Error failure(std::string text) { return {1105, "HY000", std::move(text)}; }

const topology::Server* find(const topology::Topology& topology, const std::string& name) {
  for (const topology::Server& server : topology.servers)
    if (server.name == name) return &server;
  return nullptr;
}

}  // namespace

const char* name(VerifyReport::State state) {
  switch (state) {
    case VerifyReport::State::none:
      return "none";
    case VerifyReport::State::running:
      return "running";
    case VerifyReport::State::done:
      return "done";
    case VerifyReport::State::stopped:
      return "stopped";
    case VerifyReport::State::failed:
      return "failed";
  }
  return "";
}

VerifyRun::VerifyRun(VerifyRequest request, const Means& means, Look look)
    : request_{std::move(request)}, means_{means}, look_{std::move(look)}, pace_{chunk_time} {
  report_.state = VerifyReport::State::running;
  report_.phase = "connecting";
}

bool VerifyRun::is_stop(const base::Error& error) { return error.code == stop_code; }
base::Error VerifyRun::stop_error() { return {stop_code, "70100", "VERIFY was stopped"}; }

base::Status VerifyRun::check_servers(const topology::Topology& topology) {
  if (!topology.primary) return failure("there is no primary to compare with");
  const topology::Server& source = topology.servers[*topology.primary];
  for (const std::string& name : request_.servers) {
    const topology::Server* server = find(topology, name);
    if (server == nullptr) return failure("unknown server " + name.substr(0, 64) + "; SHOW SERVERS lists all");
    if (server == &source) return failure(name + " is the primary: replicas are compared with it");
  }
  const std::lock_guard lock{mutex_};
  primary_ = std::make_unique<VerifySide>(source.name, true, source.version);
  for (const topology::Server& server : topology.servers) {
    const auto& named = request_.servers;
    const bool wanted =
        named.empty() ? &server != &source : std::find(named.begin(), named.end(), server.name) != named.end();
    if (!wanted) continue;
    replicas_.emplace_back();
    replicas_.back().side = std::make_unique<VerifySide>(server.name, false, server.version);
  }
  if (replicas_.empty()) return failure("there are no replicas");
  return base::Ok{};
}

base::Status VerifyRun::open() {
  if (auto done = check_servers(*look_()); !done) return done;
  if (auto done = primary_->connect(means_); !done) return failure(primary_->name() + ": " + done.error().message);
  // Whether it replicates shows when it is waited for: it may only have been stopped for a moment.
  for (Replica& replica : replicas_)
    if (auto done = replica.side->connect(means_); !done) drop(replica, done.error().message);
  return base::Ok{};
}

/// Empty: it replicates, as far as the watch knows.
std::string VerifyRun::trouble_of(const Replica& replica) const {
  const auto topology = look_();
  const topology::Server* server = find(*topology, replica.name());
  if (server == nullptr) return "it is gone from the configuration";
  if (server->state != topology::State::offline && server->state != topology::State::broken) return {};
  return server->reason.empty() ? topology::name(server->state) : server->reason;
}

base::Status VerifyRun::wait(Replica& replica, const topology::GtidSet& position) {
  if (replica.applied.includes(position)) return base::Ok{};
  base::TimePoint moved = base::Clock::now(), fine = moved;
  base::milliseconds nap{1};
  for (;;) {
    auto seen = replica.side->position();
    if (!seen) return seen.error();
    const base::TimePoint now = base::Clock::now();
    if (!(*seen == replica.applied)) moved = now;
    replica.applied = std::move(*seen);
    if (replica.applied.includes(position)) return base::Ok{};
    const std::string trouble = trouble_of(replica);
    if (trouble.empty()) fine = now;
    if (now - fine > broken_for) return failure(trouble);
    if (now - moved > no_progress)
      return failure("it lacks " + std::to_string(position.minus(replica.applied).count()) +
                     " transactions of the primary's and has applied none for " + std::to_string(no_progress.count()) +
                     " s");
    if (!pause(nap)) return stop_error();
    nap = std::min(nap * 2, longest_nap);
  }
}

bool VerifyRun::stopped() const {
  if (request_.unwanted && request_.unwanted()) return true;
  const std::lock_guard lock{mutex_};
  return stopping_;
}

bool VerifyRun::pause(base::milliseconds time) {
  if (time.count() > 0) {
    std::unique_lock lock{mutex_};
    changed_.wait_for(lock, time, [this] { return stopping_; });
  }
  return !stopped();
}

base::Status VerifyRun::breathe() {
  const auto topology = look_();
  if (topology->primary && topology->servers[*topology->primary].name != primary_->name())
    return base::Error{2013, "HY000", topology->servers[*topology->primary].name + " is the primary now"};
  for (;;) {
    double ms = 0;
    auto answer = primary_->table("SELECT 1", &ms);
    const auto rest = answer ? pace_.rest(ms) : base::milliseconds{0};  // what is wrong shows at the next read
    if (!pause(rest)) return stop_error();
    if (rest.count() == 0) return base::Ok{};
    update([](VerifyReport& report) { ++report.pauses; });
  }
}

void VerifyRun::stop() {
  const std::lock_guard lock{mutex_};
  stopping_ = true;
  if (primary_) primary_->interrupt();
  for (Replica& replica : replicas_) replica.side->interrupt();
  changed_.notify_all();
}

void VerifyRun::drop(Replica& replica, const std::string& why) {
  if (replica.lost) return;
  replica.lost = true;
  note(replica.name(), {}, "not compared from here on: " + why);
}

void VerifyRun::found(verify::Difference difference) {
  const std::lock_guard lock{mutex_};
  // A table that was changed meanwhile is compared twice.
  const auto same = [&](const verify::Difference& other) {
    return other.server == difference.server && other.kind == difference.kind && other.object == difference.object &&
           other.key == difference.key;
  };
  if (difference.kind == "row" && std::any_of(report_.differences.begin(), report_.differences.end(), same)) return;
  if (report_.differences.size() < most_kept) report_.differences.push_back(std::move(difference));
}

void VerifyRun::note(const std::string& server, const std::string& object, const std::string& what) {
  found({server, "note", object, {}, what});
}

void VerifyRun::update(const std::function<void(VerifyReport&)>& change) {
  const std::lock_guard lock{mutex_};
  change(report_);
}

VerifyReport VerifyRun::report() const {
  const std::lock_guard lock{mutex_};
  VerifyReport copy = report_;
  if (copy.state == VerifyReport::State::running)
    copy.took = std::chrono::duration_cast<base::milliseconds>(base::Clock::now() - began_);
  return copy;
}

}  // namespace wye::manager
