#pragma once
#include <vector>

#include "proxy/protocol/result_set.h"
#include "proxy/routing/route.h"

namespace wye::session {

/// The answer of EXPLAIN ROUTE, on the client port and on the console: kind, route, server, reason, then each candidate
/// and its verdict.
protocol::Table explain_table(const sql::Facts& facts, const routing::Route& route,
                              const std::vector<routing::Candidate>& candidates, const topology::Topology& topology);

}  // namespace wye::session
