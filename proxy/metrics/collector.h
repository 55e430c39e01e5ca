#pragma once
#include <prometheus/collectable.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "proxy/metrics/worker_metrics.h"

namespace wye::metrics {

/// Puts the workers' counts and the topology together, on the exporter's thread.
/// The workers' metrics outlive it. `topology` is called on the exporter's thread: it must be safe there; null is no
/// topology yet.
class Collector final : public prometheus::Collectable {
 public:
  using TopologySource = std::function<std::shared_ptr<const topology::Topology>()>;
  /// The rules in force with their hits; safe on the exporter's thread, like `topology`.
  using RuleSource = std::function<std::vector<std::pair<std::string, std::uint64_t>>()>;
  /// By server: how many transactions it has and the primary has not; absent: not known, or the primary. Likewise.
  using ErrantSource = std::function<std::vector<std::optional<std::uint64_t>>()>;
  Collector(std::vector<const WorkerMetrics*> workers, TopologySource topology, std::string version,
            RuleSource rules = {}, ErrantSource errant = {});

  std::vector<prometheus::MetricFamily> Collect() const override;
  /// Prometheus' text format.
  std::string text() const;
  /// The live page's data: {version, epoch, uptime_s, sessions, statements: {primary, replica, session}, servers:
  /// [...]}.
  std::string state_json() const;

 private:
  std::vector<const WorkerMetrics*> workers_;
  TopologySource topology_;
  RuleSource rules_;
  ErrantSource errant_;
  std::string version_;
};

}  // namespace wye::metrics
