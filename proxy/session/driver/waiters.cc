#include "proxy/session/driver/waiters.h"

#include <algorithm>

#include "proxy/session/driver/asker.h"

namespace wye::session {

using metrics::WaitOutcome;
using topology::ServerId;

namespace {

bool waits_for(const routing::WaitFor& replicas, ServerId server) {
  const auto end = replicas.servers.begin() + static_cast<std::ptrdiff_t>(replicas.count);
  return std::find(replicas.servers.begin(), end, server) != end;
}

}  // namespace

Waiters::Waiters(net::Loop& loop, pool::Pool& pool, metrics::WorkerMetrics& metrics, routing::FrontierNeed& need,
                 Settings settings)
    : loop_(loop), pool_(pool), metrics_(metrics), need_(need), settings_(std::move(settings)), timer_(loop, [this] {
        time_out();
      }) {}

Waiters::~Waiters() = default;

Waiters::Asker& Waiters::asker(ServerId server) {
  auto& asker = askers_[server];
  if (asker == nullptr) asker = std::make_unique<Asker>(*this, server);
  return *asker;
}

void Waiters::wait(Reader& reader, const routing::Goal& goal, const routing::WaitFor& replicas) {
  waiting_.push_back({&reader, &goal, replicas, loop_.now()});
  if (waiting_.size() == 1) set_timer();
  for (std::size_t i = 0; i < replicas.count; ++i) asker(replicas.servers[i]).want();
}

void Waiters::set_times(base::milliseconds wait, base::milliseconds idle) {
  settings_.wait = wait;
  settings_.idle = idle;
  set_timer();
}

void Waiters::cancel(const Reader& reader) {
  std::erase_if(waiting_, [&](const Waiting& w) { return w.reader == &reader; });
}

void Waiters::passed_over() {
  for (auto& asker : askers_) {
    if (asker != nullptr) asker->probe();
  }
}

void Waiters::on_topology(std::shared_ptr<const topology::Topology> topology) {
  topology_ = std::move(topology);
  if (askers_.size() < topology_->servers.size()) askers_.resize(topology_->servers.size());
  for (auto& asker : askers_) {
    if (asker != nullptr) asker->on_topology();
  }
  release_covered();
}

void Waiters::sweep() {
  for (auto& asker : askers_) {
    if (asker != nullptr) asker->sweep();
  }
}

/// All that those who wait for it need.
std::optional<routing::Goal> Waiters::joint_goal(ServerId server) const {
  std::optional<routing::Goal> all;
  for (const auto& w : waiting_) {
    if (!waits_for(w.replicas, server)) continue;
    if (!all) all.emplace();
    routing::join(*all, *w.goal);
  }
  return all;
}

bool Waiters::covered(const Waiting& waiting, ServerId server) const {
  return need_.covers(server, topology_->servers[server], *waiting.goal);
}

/// Those of the waiting that are over, out of the list.
template <class Over>
std::vector<Waiters::Waiting> Waiters::take(Over&& is_over) {
  std::vector<Waiting> over;
  std::size_t kept = 0;
  for (auto& w : waiting_) {
    if (is_over(w)) {
      over.push_back(w);
    } else {
      waiting_[kept++] = w;
    }
  }
  waiting_.resize(kept);
  return over;
}

void Waiters::release_covered() {
  const auto is_covered = [&](Waiting& w) {
    for (std::size_t i = 0; i < w.replicas.count; ++i) {
      if (!covered(w, w.replicas.servers[i])) continue;
      w.replicas.servers[0] = w.replicas.servers[i];  // whose time it is
      return true;
    }
    return false;
  };
  end(take(is_covered), WaitOutcome::covered);
}

/// This replica does not answer. Who waits for no other need not wait any longer.
void Waiters::give_up(ServerId server) {
  const auto was_the_last = [&](Waiting& w) {
    auto* const first = w.replicas.servers.data();
    auto* const last = first + w.replicas.count;
    auto* const here = std::find(first, last, server);
    if (here == last || w.replicas.count == 1) return here != last;
    std::move(here + 1, last, here);
    --w.replicas.count;
    return false;
  };
  end(take(was_the_last), WaitOutcome::failed);
}

void Waiters::time_out() {
  const auto now = loop_.now();
  const auto over = take([&](const Waiting& w) { return now - w.since >= settings_.wait; });
  for (const auto& w : over) {
    for (std::size_t i = 0; i < w.replicas.count; ++i) asker(w.replicas.servers[i]).in_vain(now);
  }
  end(over, WaitOutcome::timeout);
}

/// They may come back and wait again from inside their calls.
void Waiters::end(const std::vector<Waiting>& over, WaitOutcome outcome) {
  const auto now = loop_.now();
  for (const auto& w : over) {
    metrics_.consistency_waits[outcome].add();
    metrics_.server(w.replicas.servers[0]).consistency_wait.observe(now - w.since);
    w.reader->on_wait_over(outcome);
  }
  set_timer();
}

void Waiters::set_timer() {
  if (waiting_.empty()) return timer_.stop();
  // All wait equally long: the first is the next.
  const auto left = waiting_.front().since + settings_.wait - loop_.now();
  timer_.once(std::max(std::chrono::ceil<base::milliseconds>(left), base::milliseconds{0}));
}

}  // namespace wye::session
