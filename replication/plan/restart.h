#pragma once
#include <memory>
#include <optional>
#include <string>

#include "replication/topology/observation.h"

namespace wye::plan {

/// Its only channel wants nothing of its source: the receiver is not even trying.
bool has_stopped(const topology::Observation& replica);
/// Both threads of its only channel run.
bool runs(const topology::Observation& replica);

/// When both threads were last seen to run, and what had been received by then.
struct Ran {
  base::TimePoint at;
  std::shared_ptr<const topology::GtidSet> received;
  bool away = false;  // the server could not be reached since
};

/// Threads that ended by themselves.
struct Restart {
  std::string sql;
  std::string why;  // for people
};

/// Whether they may be started without asking anybody, and how. Pure. `primary` was looked at after `replica`.
/// `rebooted`: the server has been started since its threads were last seen to run.
///
/// Not if somebody may have stopped them by hand (no error, and no start of the server in between), not with an applier
/// in error, not with transactions of its own, and only if the primary, there to be asked, has all that was received
/// (`ran` tells of before the restart): MariaDB throws away what is received and not applied when both threads begin
/// anew. A receiver alone keeps it (tried, 10.11).
std::optional<Restart> plan_restart(const topology::Observation& replica, const topology::Observation& primary,
                                    const topology::Address& primary_address, const std::optional<Ran>& ran,
                                    bool rebooted);

}  // namespace wye::plan
