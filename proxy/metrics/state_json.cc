// What the live page shows.
#include <nlohmann/json.hpp>

#include "proxy/metrics/collector.h"
#include "proxy/metrics/process.h"

namespace wye::metrics {
namespace {

using nlohmann::json;

json server_json(const topology::Server& s, topology::ServerId id, const std::vector<const WorkerMetrics*>& workers) {
  std::uint64_t queries = 0, errors = 0, latency = 0, with_latency = 0;
  std::int64_t idle = 0, in_use = 0;
  for (const WorkerMetrics* w : workers) {
    const ServerMetrics* m = w->find_server(id);
    if (m == nullptr) continue;
    queries += m->queries.value();
    idle += m->connections[BackendState::idle].value();
    in_use += m->connections[BackendState::in_use].value();
    for (std::size_t k = 0; k < count_of<BackendError>; ++k) errors += m->errors[static_cast<BackendError>(k)].value();
    if (m->latency.value().count() == 0) continue;
    latency += static_cast<std::uint64_t>(m->latency.value().count());
    ++with_latency;
  }
  return {{"name", s.name},
          {"address", s.address.to_string()},
          {"role", topology::name(s.role)},
          {"state", topology::name(s.state)},
          {"reason", s.reason},
          {"version", s.version.text},
          {"lag_ms", s.lag ? json(s.lag->count()) : json(nullptr)},
          {"behind", s.behind},
          {"queries", queries},
          {"errors", errors},
          {"latency_us", with_latency > 0 ? json(latency / with_latency) : json(nullptr)},
          {"idle", idle},
          {"in_use", in_use}};
}

}  // namespace

std::string Collector::state_json() const {
  json sessions = json::object(), statements = json::object(), servers = json::array();
  for (std::size_t i = 0; i < count_of<SessionState>; ++i) {
    std::int64_t n = 0;
    for (const WorkerMetrics* w : workers_) n += w->sessions[static_cast<SessionState>(i)].value();
    sessions[name(static_cast<SessionState>(i))] = n;
  }
  for (std::size_t i = 0; i < count_of<RouteKind>; ++i) {
    std::uint64_t n = 0;
    for (std::size_t r = 0; r < routing::reasons; ++r) {
      for (const WorkerMetrics* w : workers_) {
        n += w->statements.at(static_cast<RouteKind>(i), static_cast<routing::Reason>(r)).value();
      }
    }
    statements[name(static_cast<RouteKind>(i))] = n;
  }
  json out = {{"version", version_}, {"sessions", sessions}, {"statements", statements}};
  if (const auto t = topology_ ? topology_() : nullptr) {
    out["epoch"] = t->epoch;
    for (std::size_t i = 0; i < t->servers.size(); ++i) {
      if (t->servers[i].removed) continue;
      servers.push_back(server_json(t->servers[i], static_cast<topology::ServerId>(i), workers_));
    }
  }
  out["servers"] = servers;
  if (const auto p = read_process()) {
    out["resident_bytes"] = p->resident_bytes;
    out["cpu_seconds"] = p->cpu_seconds;
    out["start_time_seconds"] = p->start_time_seconds;
  }
  // Servers' errors are their text: whatever is no UTF-8 in it is replaced.
  return out.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace wye::metrics
