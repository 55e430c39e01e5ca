#pragma once
#include <string>
#include <vector>

#include "replication/plan/repair.h"
#include "replication/server/connection.h"

namespace wye::server {

/// Where these transactions stand in the server's binary logs, newest first, and what they changed; each is in the
/// answer, with an empty file where it was not found. Reads no more than `most_events` events.
base::Result<std::vector<plan::Located>> locate(Connection& connection, const topology::GtidSet& wanted,
                                                topology::Flavour flavour);

/// The transaction that `end` of `file` is a part of: its GTID. `from`: where an earlier one begins, or 4. Empty: there
/// is none.
base::Result<std::string> transaction_at(Connection& connection, const std::string& file, std::uint64_t from,
                                         std::uint64_t end);

}  // namespace wye::server
