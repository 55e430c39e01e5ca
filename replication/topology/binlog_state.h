#pragma once
#include <string_view>

#include "replication/topology/gtid_set.h"

namespace wye::topology {

/// MariaDB's @@gtid_binlog_state: the last GTID of each server in each domain. A source of the set is a domain and, in
/// the last bytes of its uuid, a server: a position alone doesn't tell whose transaction had a number.
base::Result<GtidSet> parse_binlog_state(std::string_view text);
/// The server of such a source.
std::uint32_t author_of(const GtidSource& source);

}  // namespace wye::topology
