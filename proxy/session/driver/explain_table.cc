#include "proxy/session/driver/explain_table.h"

namespace wye::session {

protocol::Table explain_table(const sql::Facts& facts, const routing::Route& route,
                              const std::vector<routing::Candidate>& candidates, const topology::Topology& topology,
                              const routing::Rule* rule) {
  protocol::Table table{{"kind", "route", "server", "reason", "candidate", "verdict", "rule"}, {}};
  const std::string words = routing::rule_in_words(rule, facts, route.reason);
  const protocol::Cell rule_cell = words.empty() ? protocol::Cell{} : protocol::Cell{words};
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
    row.push_back(rule_cell);
    table.rows.push_back(std::move(row));
  }
  if (table.rows.empty()) {
    table.rows.push_back(common);
    table.rows.back().resize(table.columns.size());
    table.rows.back().back() = rule_cell;
  }
  return table;
}

}  // namespace wye::session
