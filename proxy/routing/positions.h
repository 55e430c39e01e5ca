#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "proxy/base/clock.h"
#include "replication/topology/gtid_set.h"
#include "replication/topology/topology.h"

namespace wye::routing {

/// What a read needs, fixed at the moment when it came in.
struct Goal {
  std::vector<std::uint64_t> numbers;                 // by slot of the frontier; 0: nothing of that source
  std::shared_ptr<const topology::GtidSet> baseline;  // what the primary had after a commit that nobody reported
  struct Seen {
    std::optional<topology::ServerId> there;        // this server has it
    std::shared_ptr<const topology::GtidSet> what;  // nullptr: nobody knows it of another one
  };
  std::vector<Seen> seen;  // by the session, or by who made its token
  bool attainable = true;  // false: it can't be said yet what it is, so no replica is known to have it
};

/// One goal for all who have one of them.
void join(Goal& all, const Goal& one);

/// What a replica is asked to wait for.
struct Question {
  std::string text;  // a GTID set as its server writes it
  Goal goal;         // what it says, and nothing else: what a yes proves
};

/// What replicas themselves answered that they have, beyond their last observation. Per worker.
///
/// An answer counts from its arrival until an observation of that server that began later is there: that one has it as
/// well, or the server has gone back (rebuilt from a backup, RESET). Before that it is forgotten when the server may be
/// another one than was asked: offline, no replica any more, another identity, address or source, a new epoch, and when
/// the connection that was asked is gone (forget()), for it may have been restarted.
class Positions {
 public:
  void observe(const topology::Topology& topology);
  /// The server, asked for this in this `life` of it, has had all of it at `now`.
  void proved(topology::ServerId server, std::uint32_t life, const Goal& goal, base::TimePoint now);
  void forget(topology::ServerId server);
  /// Grows each time that everything known of the server is forgotten: an answer to an older question proves nothing.
  std::uint32_t life(topology::ServerId server) const;
  /// It has every number from 1 to this of the frontier's source in that slot. 0: nothing known.
  std::uint64_t through(topology::ServerId server, std::size_t slot) const;
  bool has_baseline(topology::ServerId server, const std::shared_ptr<const topology::GtidSet>& baseline) const;

 private:
  struct Proof {
    std::uint64_t through = 0;
    base::TimePoint at{};
  };
  struct Identity {
    std::string uuid, source, address;
    std::uint32_t number = 0;
    bool operator==(const Identity&) const = default;
  };
  struct Replica {
    std::vector<Proof> proofs;  // by slot
    std::shared_ptr<const topology::GtidSet> baseline;
    base::TimePoint baseline_at{};
    Identity identity;
    std::uint32_t life = 0;
  };
  Replica& replica(topology::ServerId server);
  std::vector<Replica> replicas_;  // by ServerId
  std::uint64_t epoch_ = 0;
};

/// Is it worth asking this replica, from how the last questions went? One replica, one worker.
class WaitEstimate {
 public:
  void covered(base::microseconds took);
  void timed_out(base::TimePoint now);
  /// The last questions were in vain: reads don't wait, a question now and then finds out when that ends.
  bool hopeless() const { return streak_ >= in_vain; }
  bool probe_due(base::TimePoint now) const { return now >= next_probe_; }
  void probes(base::TimePoint now);  // a question goes out for that
  std::uint32_t expected_us() const { return expected_us_; }

 private:
  static constexpr unsigned in_vain = 2;
  unsigned streak_ = 0;
  std::uint32_t expected_us_ = 0;  // moving average, a new one weighs 1/8
  base::milliseconds probe_interval_{0};
  base::TimePoint next_probe_{};
};

}  // namespace wye::routing
