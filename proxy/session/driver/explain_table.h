#pragma once
#include <vector>

#include "proxy/protocol/result_set.h"
#include "proxy/routing/rules.h"

namespace wye::session {

/// The answer of EXPLAIN ROUTE, on the client port and on the console: kind, route, server, reason, then each candidate
/// and its verdict, and the rule.
protocol::Table explain_table(const sql::Facts& facts, const routing::Route& route,
                              const std::vector<routing::Candidate>& candidates, const topology::Topology& topology,
                              const routing::Rule* rule = nullptr);

}  // namespace wye::session
