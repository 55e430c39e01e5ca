#pragma once
#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>

#include "proxy/routing/positions.h"
#include "proxy/routing/route.h"
#include "proxy/routing/sightings.h"
#include "replication/topology/gtid_set.h"

namespace wye::routing {

/// The acknowledged frontier (routing.md 5): per GTID source the highest number that any client was told is committed.
/// The one thing that workers share and change. Lock-free: a slot is claimed once per source and then only raised.
///
/// A commit may stay without a GTID in its answer (an implicit commit before an error, a lost connection). Then
/// unreported_commit() makes every replica ineligible until the primary has been observed *after* that moment; what it
/// had then is needed from there on.
class Frontier {
 public:
  static constexpr std::size_t slots = 64;  // sources with commits through this proxy; a full table fails closed

  /// Before the OK goes to the client. Any thread.
  void raise(const topology::Gtid& gtid);
  void raise(const topology::GtidSet& set);
  void unreported_commit(base::TimePoint now);
  bool covered_by(const topology::GtidSet& executed) const;
  std::int64_t unreported_at() const { return unreported_at_.load(std::memory_order_acquire); }
  bool overflowed() const { return overflowed_.load(std::memory_order_relaxed); }
  /// Where raise() has put this source.
  std::optional<std::size_t> find(const topology::GtidSource& source) const;
  /// Slots 0 .. used()-1 have a source, for good; their numbers only grow.
  std::size_t used() const;
  std::uint64_t number(std::size_t slot) const { return slots_[slot].number.load(std::memory_order_acquire); }
  const topology::GtidSource& source(std::size_t slot) const { return slots_[slot].source; }

 private:
  struct Slot {
    std::atomic<int> state{0};  // 0 free, 1 being claimed, 2 in use
    topology::GtidSource source;
    std::atomic<std::uint64_t> number{0};
  };
  Slot* slot_of(const topology::GtidSource& source);
  std::array<Slot, slots> slots_;
  std::atomic<std::int64_t> unreported_at_{INT64_MIN};  // Clock ticks
  std::atomic<bool> overflowed_{false};
};

/// What a read of this worker can need: the frontier, and what the primary had after a commit that nobody reported; and
/// sets that sessions have seen. What a replica has is known from its observation, or from its own answer since
/// (Positions). One worker.
class FrontierNeed {
 public:
  using Set = Sightings::Set;
  explicit FrontierNeed(Frontier& frontier, base::milliseconds interval = base::milliseconds{0})
      : frontier_(frontier), sightings_(interval) {}
  /// With each new topology.
  void observe(const topology::Topology& topology);
  bool covered_by(topology::ServerId id, const topology::Server& replica) const;
  /// The server knows how to wait for a position.
  bool can_ask(const topology::Server& replica) const;
  /// It is known what the frontier asks for.
  bool attainable() const;
  bool overflowed() const { return frontier_.overflowed(); }

  /// What is needed now, for a read that will go on later.
  Goal freeze() const;
  bool covers(topology::ServerId id, const topology::Server& replica, const Goal& goal) const;
  /// What of the goal this replica is not known to have: the question to ask it. Empty text: nothing.
  Question missing(topology::ServerId id, const topology::Server& replica, const Goal& goal) const;
  Positions& positions() { return positions_; }
  const Sightings& sightings() const { return sightings_; }

  /// Each of these numbers, by slot, and all before it.
  bool has(topology::ServerId id, const topology::Server& replica, const std::vector<std::uint64_t>& numbers) const;
  bool has(topology::ServerId id, const topology::Server& replica, const topology::GtidSet& set) const;
  void add_numbers(topology::GtidSet& set, const std::vector<std::uint64_t>& numbers) const;
  /// What can have been seen there until then; nullptr: not known yet.
  Set seen_in(topology::ServerId server, base::TimePoint at, const Set& known) const {
    return known != nullptr ? known : sightings_.after(server, at);
  }
  /// The replica can be asked to wait for the set; `acknowledged`: and somebody here was told of all of it.
  bool can_ask(const topology::Server& replica, const topology::GtidSet& set, bool acknowledged) const;

 private:
  bool has(topology::ServerId id, const topology::Server& replica, std::size_t slot, std::uint64_t number) const;
  bool has(topology::ServerId id, const topology::Server& replica, const Set& baseline) const;
  void ask_for_seen(topology::ServerId id, const topology::Server& replica, const Goal& goal,
                    std::vector<std::uint64_t>& numbers) const;
  Frontier& frontier_;
  Positions positions_;
  Sightings sightings_;
  Set baseline_;  // what the primary had when first observed after `baseline_of_`
  std::int64_t baseline_of_ = INT64_MIN;
};

/// What a read that has waited needs: no more than when it came in.
class FrozenNeed final : public Need {
 public:
  FrozenNeed(const FrontierNeed& need, const Goal& goal) : need_(need), goal_(goal) {}
  bool covered_by(Consistency, topology::ServerId id, const topology::Server& replica) const override {
    return need_.covers(id, replica, goal_);
  }

 private:
  const FrontierNeed& need_;
  const Goal& goal_;
};

}  // namespace wye::routing
