#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "proxy/base/clock.h"
#include "replication/plan/history.h"
#include "replication/topology/observation.h"
#include "replication/topology/topology.h"

namespace wye::plan {

struct Server {
  std::string name;
  topology::Address address;
  unsigned weight = 1;
  std::vector<std::string> tags;
  std::string said{};    // the address as the configuration or a command had it, in its normal form
  bool removed = false;  // nobody watches it any more; its place is kept, for the others' sake
};

struct Settings {
  std::vector<Server> servers;         // the index is the ServerId
  base::milliseconds max_lag{10'000};  // above: State::lagging
  base::milliseconds max_age{2'000};   // an observation older than that is no knowledge
  base::milliseconds interval{100};    // between two observations of a server
};

/// All that is known of one server: its last answer, and why there was none since.
struct Sight {
  std::shared_ptr<const topology::Observation> observation;  // null: never answered
  std::optional<topology::Failure> failure;                  // absent: the last try succeeded
  bool drained = false;
  std::string held{};    // not empty: an operation keeps it out of reads, and why
  bool leaving = false;  // it will be removed
};

/// It can't go on: its source's binary logs no longer hold what comes next.
bool source_purged(const topology::Observation& seen);

/// What derive() carries from one call to the next.
struct Memory {
  std::uint64_t epoch = 0, serial = 0;
  std::optional<topology::ServerId> primary;       // of the last topology
  std::optional<topology::ServerId> last_primary;  // the last that there was
  std::string last_primary_uuid;
  topology::Flavour flavour = topology::Flavour::mysql;
  std::vector<topology::Role> roles;  // last known
  History history;                    // of last_primary, and of those before it as far as it has what they had
  base::TimePoint history_at{};       // when its newest observation began
};

/// Who is what, from what the servers say. Pure: no clock, no I/O. `sights` is as long as settings.servers.
///
/// The primary is the one server that accepts writes and replicates from no server of ours. Nothing is guessed: with
/// two of them it is the one that the others replicate from; if that doesn't tell, there is none, and the reasons say
/// why. A primary that refuses to be observed (too many connections) but is alive stays the primary. The epoch grows
/// when another server becomes the primary, and when the primary comes back without what it had; it stays when the same
/// primary is away for a while.
topology::Topology derive(const Settings&, const std::vector<Sight>& sights, Memory&, base::TimePoint now);

}  // namespace wye::plan
