#include "proxy/admin/tables.h"

namespace wye::admin {

namespace {

using metrics::count_of;
using protocol::Cell;
using protocol::Table;

Cell number(std::uint64_t n) { return std::to_string(n); }
Cell lag_of(const topology::Server& s) { return s.lag ? Cell{std::to_string(s.lag->count())} : Cell{}; }
Cell if_any(const std::string& text) { return text.empty() ? Cell{} : Cell{text}; }

/// What all workers together see of one server.
struct Use {
  std::int64_t connections = 0, in_use = 0;
  std::uint64_t queries = 0;
  std::int64_t latency_us = 0;
  std::int64_t with_latency = 0;
};

Use use_of(topology::ServerId id, const Workers& workers) {
  Use use;
  for (const auto* worker : workers) {
    const auto* m = worker->find_server(id);
    if (m == nullptr) continue;
    for (std::size_t i = 0; i < count_of<metrics::BackendState>; ++i)
      use.connections += m->connections[static_cast<metrics::BackendState>(i)].value();
    use.in_use += m->connections[metrics::BackendState::in_use].value();
    use.queries += m->queries.value();
    if (const auto latency = m->latency.value().count(); latency > 0) {
      use.latency_us += latency;
      ++use.with_latency;
    }
  }
  return use;
}

}  // namespace

Table servers_table(const topology::Topology& topology, const Workers& workers) {
  Table table{
      {"name", "address", "role", "state", "lag_ms", "connections", "in_use", "queries", "latency_us", "reason"}, {}};
  for (std::size_t i = 0; i < topology.servers.size(); ++i) {
    const auto& s = topology.servers[i];
    if (s.removed) continue;
    const Use use = use_of(static_cast<topology::ServerId>(i), workers);
    table.rows.push_back({s.name, s.address.to_string(), topology::name(s.role), topology::name(s.state), lag_of(s),
                          std::to_string(use.connections), std::to_string(use.in_use), number(use.queries),
                          use.with_latency > 0 ? Cell{std::to_string(use.latency_us / use.with_latency)} : Cell{},
                          if_any(s.reason)});
  }
  return table;
}

/// Empty cells: not known, or the server is no replica. `errant` is not computed yet.
Table replication_table(const topology::Topology& topology) {
  Table table{{"name", "source", "io", "sql", "lag_ms", "behind", "received", "applied", "errant", "error"}, {}};
  const auto thread = [](bool running) { return Cell{running ? "running" : "stopped"}; };
  for (const auto& s : topology.servers) {
    if (s.removed) continue;
    const bool replica = s.role == topology::Role::replica || !s.source.empty();
    const auto set = [&](const std::shared_ptr<const topology::GtidSet>& gtids) {
      return gtids ? Cell{gtids->to_string(s.version.flavour)} : Cell{};
    };
    table.rows.push_back({s.name, if_any(s.source), replica ? thread(s.receiver_running) : Cell{},
                          replica ? thread(s.applier_running) : Cell{}, lag_of(s), replica ? number(s.behind) : Cell{},
                          set(s.received), set(s.executed), Cell{}, if_any(s.error)});
  }
  return table;
}

Table routes_table(const Workers& workers) {
  Table table{{"route", "reason", "statements"}, {}};
  for (std::size_t k = 0; k < count_of<metrics::RouteKind>; ++k) {
    for (std::size_t r = 0; r < routing::reasons; ++r) {
      const auto kind = static_cast<metrics::RouteKind>(k);
      const auto reason = static_cast<routing::Reason>(r);
      std::uint64_t n = 0;
      for (const auto* worker : workers) n += worker->statements.at(kind, reason).value();
      if (n > 0) table.rows.push_back({metrics::name(kind), routing::name(reason), number(n)});
    }
  }
  return table;
}

Table rules_table(const routing::Rules* rules) {
  Table table{{"name", "matches", "sets", "hits"}, {}};
  if (rules == nullptr) return table;
  for (const auto& rule : rules->all())
    table.rows.push_back({rule.name, rule.matches, rule.sets, number(rule.hits->value())});
  return table;
}

Table pins_table(const Workers& workers) {
  Table table{{"reason", "pins"}, {}};
  for (std::size_t p = 0; p < count_of<metrics::Pin>; ++p) {
    const auto pin = static_cast<metrics::Pin>(p);
    std::uint64_t n = 0;
    for (const auto* worker : workers) n += worker->pins[pin].value();
    if (n > 0) table.rows.push_back({metrics::name(pin), number(n)});
  }
  return table;
}

}  // namespace wye::admin
