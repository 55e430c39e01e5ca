#pragma once
#include <vector>

#include "proxy/config/config.h"
#include "proxy/metrics/digests.h"
#include "proxy/metrics/worker_metrics.h"
#include "proxy/protocol/result_set.h"
#include "proxy/routing/rules.h"
#include "replication/topology/topology.h"

// The answers of SHOW as tables. Pure.
namespace wye::admin {

using Workers = std::vector<const metrics::WorkerMetrics*>;

protocol::Table servers_table(const topology::Topology& topology, const Workers& workers);
protocol::Table replication_table(const topology::Topology& topology);
protocol::Table routes_table(const Workers& workers);
protocol::Table pins_table(const Workers& workers);
/// In the order in which they are tried. nullptr: there are none.
protocol::Table rules_table(const routing::Rules* rules);
/// Of the digests of all workers the `most` that took longest in sum, each once.
protocol::Table digests_table(std::vector<metrics::DigestEntry> entries, std::size_t most, base::TimePoint now);
/// Every setting as it is in force. Passwords only as "(set)".
protocol::Table settings_table(const config::Config& config);

}  // namespace wye::admin
