#include "proxy/session/driver/explain_table.h"

namespace wye::session {

protocol::Table explain_table(const sql::Facts& facts, const routing::Route& route,
                              const std::vector<routing::Candidate>& candidates, const topology::Topology& topology) {
  protocol::Table table{{"kind", "route", "server", "reason", "candidate", "verdict"}, {}};
  const std::string side = !route.server ? "none" : topology.primary == route.server ? "primary" : "replica";
  const std::vector<protocol::Cell> common{
      sql::name(facts.kind), side, route.server ? protocol::Cell{topology.servers[*route.server].name} : std::nullopt,
      routing::name(route.reason)};
  for (const auto& candidate : candidates) {
    auto row = common;
    row.emplace_back(topology.servers[candidate.server].name);
    row.emplace_back(route.server == candidate.server ? "taken"
                     : candidate.would_wait           ? "behind, would wait"
                                                      : routing::name(candidate.rejected));
    table.rows.push_back(std::move(row));
  }
  if (table.rows.empty()) {
    table.rows.push_back(common);
    table.rows.back().resize(table.columns.size());
  }
  return table;
}

}  // namespace wye::session
