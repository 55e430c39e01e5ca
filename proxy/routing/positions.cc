#include "proxy/routing/positions.h"

#include <algorithm>

namespace wye::routing {

using topology::ServerId;
using topology::State;

namespace {
constexpr base::milliseconds first_probe{10}, last_probe{1600};
}

void join(Goal& all, const Goal& one) {
  if (!one.attainable) return;
  if (all.numbers.size() < one.numbers.size()) all.numbers.resize(one.numbers.size());
  for (std::size_t slot = 0; slot < one.numbers.size(); ++slot)
    all.numbers[slot] = std::max(all.numbers[slot], one.numbers[slot]);
  if (one.baseline != nullptr) all.baseline = one.baseline;  // the newest comes last
  for (const auto& seen : one.seen) {
    const auto same = [&](const Goal::Seen& other) { return other.what == seen.what && other.there == seen.there; };
    if (std::none_of(all.seen.begin(), all.seen.end(), same)) all.seen.push_back(seen);
  }
}

Positions::Replica& Positions::replica(ServerId server) {
  if (replicas_.size() <= server) replicas_.resize(std::size_t{server} + 1);
  return replicas_[server];
}

void Positions::observe(const topology::Topology& topology) {
  const bool new_epoch = topology.epoch != epoch_;
  epoch_ = topology.epoch;
  for (std::size_t i = 0; i < topology.servers.size(); ++i) {
    const auto id = static_cast<ServerId>(i);
    const topology::Server& seen = topology.servers[i];
    Replica& known = replica(id);
    Identity identity{seen.uuid, seen.source, seen.address.to_string(), seen.server_number};
    const bool gone =
        seen.state == State::offline || seen.state == State::broken || seen.role != topology::Role::replica;
    const bool another = !(identity == known.identity);
    known.identity = std::move(identity);
    if (new_epoch || gone || another) {
      forget(id);
      continue;
    }
    for (Proof& proof : known.proofs) {
      if (proof.at <= seen.observed_at) proof = {};
    }
    if (known.baseline_at <= seen.observed_at) known.baseline.reset();
  }
}

void Positions::proved(ServerId server, std::uint32_t life, const Goal& goal, base::TimePoint now) {
  Replica& known = replica(server);
  if (known.life != life) return;
  if (known.proofs.size() < goal.numbers.size()) known.proofs.resize(goal.numbers.size());
  for (std::size_t slot = 0; slot < goal.numbers.size(); ++slot) {
    // An older answer for more stays what it is, with its own time.
    if (goal.numbers[slot] != 0 && goal.numbers[slot] >= known.proofs[slot].through)
      known.proofs[slot] = {goal.numbers[slot], now};
  }
  if (goal.baseline == nullptr) return;
  known.baseline = goal.baseline;
  known.baseline_at = now;
}

void Positions::forget(ServerId server) {
  Replica& known = replica(server);
  ++known.life;
  known.proofs.clear();
  known.baseline.reset();
}

std::uint32_t Positions::life(ServerId server) const { return server < replicas_.size() ? replicas_[server].life : 0; }

std::uint64_t Positions::through(ServerId server, std::size_t slot) const {
  if (server >= replicas_.size() || slot >= replicas_[server].proofs.size()) return 0;
  return replicas_[server].proofs[slot].through;
}

bool Positions::has_baseline(ServerId server, const std::shared_ptr<const topology::GtidSet>& baseline) const {
  return server < replicas_.size() && replicas_[server].baseline == baseline;
}

void WaitEstimate::covered(base::microseconds took) {
  const auto us = static_cast<std::uint32_t>(std::clamp<std::int64_t>(took.count(), 1, 60'000'000));
  expected_us_ = expected_us_ == 0 ? us : expected_us_ - expected_us_ / 8 + us / 8;
  streak_ = 0;
  probe_interval_ = base::milliseconds{0};
}

void WaitEstimate::timed_out(base::TimePoint now) {
  if (++streak_ == in_vain) probes(now);
}

void WaitEstimate::probes(base::TimePoint now) {
  probe_interval_ = std::clamp(probe_interval_ * 2, first_probe, last_probe);
  next_probe_ = now + probe_interval_;
}

}  // namespace wye::routing
