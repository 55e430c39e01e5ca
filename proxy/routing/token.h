#pragma once
#include <string_view>

#include "proxy/base/result.h"
#include "replication/topology/gtid_set.h"

namespace wye::routing {

/// The text that `SELECT @@wye_token` gives and the hint `token=` takes: a GTID set, or MariaDB's positions. From
/// outside: it can be anything.
base::Result<topology::GtidSet> parse_token(topology::Flavour flavour, std::string_view text);

}  // namespace wye::routing
