#pragma once
#include <deque>
#include <memory>
#include <vector>

#include "proxy/base/clock.h"
#include "replication/topology/gtid_set.h"
#include "replication/topology/topology.h"

namespace wye::routing {

/// What each server had at its last observations: so that a session needs only to remember when it read where. One
/// worker.
///
/// A server may show a commit a moment before its GTID counts as executed, so an observation tells what a read saw only
/// if it began an interval after that read.
class Sightings {
 public:
  using Set = std::shared_ptr<const topology::GtidSet>;
  static constexpr std::size_t kept = 64;  // of each server

  explicit Sightings(base::milliseconds interval) : interval_(interval) {}
  void observe(const topology::Topology& topology);
  /// All that a read which ended at `at` can have seen there; nullptr: not known yet. From that server's observations;
  /// of one that is gone, or has gone back since, from the primary's, which had it all.
  Set after(topology::ServerId server, base::TimePoint at) const;
  /// It has not lost anything since then.
  bool stands(topology::ServerId server, base::TimePoint at) const;
  /// Changes with each change of the primary.
  std::uint64_t epoch() const { return epoch_; }
  base::TimePoint epoch_began() const { return epoch_began_; }
  std::optional<topology::ServerId> primary() const { return primary_; }

 private:
  struct Sighting {
    base::TimePoint began;
    Set executed;
  };
  struct Seen {
    std::deque<Sighting> sightings;  // the oldest first
    std::optional<base::TimePoint> lost_at;
    std::string uuid;
  };
  Set first(topology::ServerId server, base::TimePoint at) const;

  base::milliseconds interval_;
  std::vector<Seen> servers_;  // by ServerId
  std::optional<topology::ServerId> primary_;
  std::uint64_t epoch_ = 0;
  base::TimePoint epoch_began_{};
};

}  // namespace wye::routing
