#include "proxy/routing/frontier.h"

#include <algorithm>
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

std::optional<std::size_t> Frontier::find(const topology::GtidSource& source) const {
  const std::size_t n = used();
  for (std::size_t slot = 0; slot < n; ++slot) {
    if (slots_[slot].source == source) return slot;
  }
  return std::nullopt;
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

std::size_t Frontier::used() const {
  std::size_t n = 0;
  while (n < slots && slots_[n].state.load(std::memory_order_acquire) == 2) ++n;
  return n;
}

void FrontierNeed::observe(const topology::Topology& topology) {
  positions_.observe(topology);
  sightings_.observe(topology);
  const std::int64_t unreported = frontier_.unreported_at();
  if (unreported == baseline_of_ || !topology.primary) return;
  const auto& primary = topology.servers[*topology.primary];
  if (primary.executed == nullptr || primary.observed_at.time_since_epoch().count() <= unreported) return;
  baseline_ = primary.executed;
  baseline_of_ = unreported;
}

bool FrontierNeed::has(topology::ServerId id, const topology::Server& replica, std::size_t slot,
                       std::uint64_t number) const {
  if (number == 0 || positions_.through(id, slot) >= number) return true;
  return replica.executed != nullptr && replica.executed->covers_through(frontier_.source(slot), number);
}

bool FrontierNeed::has(topology::ServerId id, const topology::Server& replica,
                       const std::vector<std::uint64_t>& numbers) const {
  for (std::size_t slot = 0; slot < numbers.size(); ++slot) {
    if (!has(id, replica, slot, numbers[slot])) return false;
  }
  return true;
}

bool FrontierNeed::has(topology::ServerId id, const topology::Server& replica, const topology::GtidSet& set) const {
  if (replica.executed == nullptr) return false;
  if (replica.executed.get() == &set || replica.executed->includes(set)) return true;
  const auto rest = set.minus(*replica.executed);
  for (const auto& [source, entry] : rest.entries()) {
    const auto slot = frontier_.find(source);
    if (!slot || positions_.through(id, *slot) < entry.intervals.back().last) return false;
  }
  return true;
}

bool FrontierNeed::can_ask(const topology::Server& replica, const topology::GtidSet& set, bool acknowledged) const {
  if (!can_ask(replica)) return false;
  const auto rest = set.minus(*replica.executed);
  for (const auto& [source, entry] : rest.entries()) {
    const auto slot = frontier_.find(source);
    if (!slot || (acknowledged && frontier_.number(*slot) < entry.intervals.back().last)) return false;
  }
  return true;
}

void FrontierNeed::add_numbers(topology::GtidSet& set, const std::vector<std::uint64_t>& numbers) const {
  for (std::size_t slot = 0; slot < numbers.size(); ++slot) {
    if (numbers[slot] != 0) set.add_through(frontier_.source(slot), numbers[slot]);
  }
}

bool FrontierNeed::has(topology::ServerId id, const topology::Server& replica, const Set& baseline) const {
  if (positions_.has_baseline(id, baseline)) return true;
  return replica.executed != nullptr && replica.executed->includes(*baseline);
}

bool FrontierNeed::covered_by(topology::ServerId id, const topology::Server& replica) const {
  if (replica.executed == nullptr || frontier_.overflowed()) return false;
  const std::size_t used = frontier_.used();
  for (std::size_t slot = 0; slot < used; ++slot) {
    if (!has(id, replica, slot, frontier_.number(slot))) return false;
  }
  const std::int64_t unreported = frontier_.unreported_at();
  if (unreported == INT64_MIN) return true;
  return unreported == baseline_of_ && baseline_ != nullptr && has(id, replica, baseline_);
}

bool FrontierNeed::can_ask(const topology::Server& replica) const {
  // WAIT_FOR_EXECUTED_GTID_SET came with 5.7.5, and before 5.7.6 gtid_executed runs ahead of the commit.
  constexpr std::uint32_t mysql_waits = 50'706;
  if (replica.version.flavour == topology::Flavour::mysql && replica.version.number < mysql_waits) return false;
  return replica.executed != nullptr && !frontier_.overflowed();
}

bool FrontierNeed::attainable() const {
  if (frontier_.overflowed()) return false;
  const std::int64_t unreported = frontier_.unreported_at();
  return unreported == INT64_MIN || (unreported == baseline_of_ && baseline_ != nullptr);
}

Goal FrontierNeed::freeze() const {
  Goal goal;
  const std::size_t used = frontier_.used();
  goal.numbers.reserve(used);
  for (std::size_t slot = 0; slot < used; ++slot) goal.numbers.push_back(frontier_.number(slot));
  const std::int64_t unreported = frontier_.unreported_at();
  if (unreported != INT64_MIN && unreported == baseline_of_) goal.baseline = baseline_;
  goal.attainable = !frontier_.overflowed() && (unreported == INT64_MIN || goal.baseline != nullptr);
  return goal;
}

bool FrontierNeed::covers(topology::ServerId id, const topology::Server& replica, const Goal& goal) const {
  if (replica.executed == nullptr || !goal.attainable) return false;
  if (!has(id, replica, goal.numbers)) return false;
  for (const auto& seen : goal.seen) {
    if (seen.there == id) continue;
    if (seen.what == nullptr || !has(id, replica, *seen.what)) return false;
  }
  return goal.baseline == nullptr || has(id, replica, goal.baseline);
}

/// By slot, as what was acknowledged. What has no slot nobody commits under any more: observations will tell.
void FrontierNeed::ask_for_seen(topology::ServerId id, const topology::Server& replica, const Goal& goal,
                                std::vector<std::uint64_t>& numbers) const {
  for (const auto& seen : goal.seen) {
    if (seen.there == id || seen.what == nullptr) continue;
    const auto rest = seen.what->minus(*replica.executed);
    for (const auto& [source, entry] : rest.entries()) {
      const auto slot = frontier_.find(source);
      if (!slot) continue;
      if (numbers.size() <= *slot) numbers.resize(*slot + 1);
      numbers[*slot] = std::max(numbers[*slot], entry.intervals.back().last);
    }
  }
}

Question FrontierNeed::missing(topology::ServerId id, const topology::Server& replica, const Goal& goal) const {
  const topology::Flavour flavour = replica.version.flavour;
  const bool mariadb = flavour == topology::Flavour::mariadb;
  auto numbers = goal.numbers;
  ask_for_seen(id, replica, goal, numbers);
  Question question{{}, {std::vector<std::uint64_t>(numbers.size()), nullptr, {}, true}};
  topology::GtidSet position;  // MariaDB: each domain once
  const auto also = [&question](const std::string& set) { question.text += (question.text.empty() ? "" : ",") + set; };
  for (std::size_t slot = 0; slot < numbers.size(); ++slot) {
    if (has(id, replica, slot, numbers[slot])) continue;
    question.goal.numbers[slot] = numbers[slot];
    position.add(topology::Gtid{frontier_.source(slot), numbers[slot], 1});
    if (mariadb) continue;
    // All before it as well: what was acknowledged may have been committed in any order.
    topology::GtidSet through;
    through.add_through(frontier_.source(slot), numbers[slot]);
    also(through.to_string(flavour));
  }
  if (goal.baseline != nullptr && !has(id, replica, goal.baseline)) {
    question.goal.baseline = goal.baseline;
    const topology::GtidSet rest = goal.baseline->minus(*replica.executed);
    position.add(rest);
    if (!mariadb) also(rest.to_string(flavour));
  }
  if (mariadb) question.text = position.to_string(flavour);
  return question;
}

}  // namespace wye::routing
