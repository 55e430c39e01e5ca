#include "proxy/routing/frontier.h"

#include <thread>

namespace wye::routing {

Frontier::Slot* Frontier::slot_of(const topology::GtidSource& source) {
  for (auto& slot : slots_) {
    int state = slot.state.load(std::memory_order_acquire);
    if (state == 0) {
      int free = 0;
      if (slot.state.compare_exchange_strong(free, 1, std::memory_order_acq_rel)) {
        slot.source = source;
        slot.state.store(2, std::memory_order_release);
        return &slot;
      }
      state = free;
    }
    while (state == 1) {  // another worker is writing 24 bytes
      std::this_thread::yield();
      state = slot.state.load(std::memory_order_acquire);
    }
    if (slot.source == source) return &slot;
  }
  return nullptr;
}

void Frontier::raise(const topology::Gtid& gtid) {
  Slot* slot = slot_of(gtid.source);
  if (slot == nullptr) {
    overflowed_.store(true, std::memory_order_relaxed);
    return;
  }
  std::uint64_t old = slot->number.load(std::memory_order_relaxed);
  while (old < gtid.number && !slot->number.compare_exchange_weak(old, gtid.number, std::memory_order_acq_rel)) {
  }
}

void Frontier::raise(const topology::GtidSet& set) {
  for (const auto& [source, entry] : set.entries()) {
    if (!entry.intervals.empty()) raise(topology::Gtid{source, entry.intervals.back().last, entry.server_id});
  }
}

void Frontier::unreported_commit(base::TimePoint now) {
  const std::int64_t ticks = now.time_since_epoch().count();
  std::int64_t old = unreported_at_.load(std::memory_order_relaxed);
  while (old < ticks && !unreported_at_.compare_exchange_weak(old, ticks, std::memory_order_acq_rel)) {
  }
}

bool Frontier::covered_by(const topology::GtidSet& executed) const {
  if (overflowed()) return false;
  for (const auto& slot : slots_) {
    if (slot.state.load(std::memory_order_acquire) != 2) break;
    const auto number = slot.number.load(std::memory_order_acquire);
    if (number != 0 && !executed.covers_through(slot.source, number)) return false;
  }
  return true;
}

void FrontierNeed::observe(const topology::Topology& topology) {
  const std::int64_t unreported = frontier_.unreported_at();
  if (unreported == baseline_of_ || !topology.primary) return;
  const auto& primary = topology.servers[*topology.primary];
  if (primary.executed == nullptr || primary.observed_at.time_since_epoch().count() <= unreported) return;
  baseline_ = primary.executed;
  baseline_of_ = unreported;
}

bool FrontierNeed::covered_by(const topology::Server& replica) const {
  if (replica.executed == nullptr || !frontier_.covered_by(*replica.executed)) return false;
  const std::int64_t unreported = frontier_.unreported_at();
  if (unreported == INT64_MIN) return true;
  return unreported == baseline_of_ && baseline_ != nullptr && replica.executed->includes(*baseline_);
}

}  // namespace wye::routing
