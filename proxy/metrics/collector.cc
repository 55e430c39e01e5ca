#include "proxy/metrics/collector.h"

#include <prometheus/text_serializer.h>

#include <algorithm>
#include <limits>
#include <sstream>

#include "proxy/base/log.h"
#include "proxy/metrics/catalog.h"
#include "proxy/metrics/process.h"

namespace wye::metrics {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using Workers = std::vector<const WorkerMetrics*>;
using Labels = std::vector<ClientMetric::Label>;

/// One family under construction.
class Family {
 public:
  explicit Family(const Metric& m) : type_{m.type} {
    x_.name = m.name;
    x_.help = m.help;
    x_.type = m.type == Type::counter ? prometheus::MetricType::Counter
              : m.type == Type::gauge ? prometheus::MetricType::Gauge
                                      : prometheus::MetricType::Histogram;
  }
  void add(Labels labels, double value) {
    ClientMetric m;
    m.label = std::move(labels);
    if (type_ == Type::counter) {
      m.counter.value = value;
    } else {
      m.gauge.value = value;
    }
    x_.metric.push_back(std::move(m));
  }
  void add(Labels labels, ClientMetric::Histogram h) {
    ClientMetric m;
    m.label = std::move(labels);
    m.histogram = std::move(h);
    x_.metric.push_back(std::move(m));
  }
  void into(std::vector<MetricFamily>& out) && {
    if (!x_.metric.empty()) out.push_back(std::move(x_));
  }

 private:
  Type type_;
  MetricFamily x_;
};

template <class F>
double sum(const Workers& workers, F&& value) {
  double total = 0;
  for (const WorkerMetrics* w : workers) total += static_cast<double>(value(*w));
  return total;
}

template <class F>
ClientMetric::Histogram sum_histogram(const Workers& workers, F&& histogram) {
  ClientMetric::Histogram out;
  std::uint64_t cumulative = 0, ns = 0;
  for (const WorkerMetrics* w : workers) ns += histogram(*w).sum_ns();
  for (std::size_t b = 0; b < Histogram::buckets; ++b) {
    for (const WorkerMetrics* w : workers) cumulative += histogram(*w).count(b);
    const double bound = b < Histogram::bounds ? static_cast<double>(Histogram::upper_bound_us(b)) / 1e6
                                               : std::numeric_limits<double>::infinity();
    out.bucket.push_back({cumulative, bound});
  }
  out.sample_count = cumulative;  // of the same reads as the buckets, so that the last one agrees with it
  out.sample_sum = static_cast<double>(ns) / 1e9;
  return out;
}

/// One series for each value of an enum.
template <class E, class F>
void by(std::vector<MetricFamily>& out, const Metric& m, const char* label, const Workers& workers, F&& instruments) {
  Family f{m};
  for (std::size_t i = 0; i < count_of<E>; ++i) {
    const auto e = static_cast<E>(i);
    f.add({{label, name(e)}}, sum(workers, [&](const WorkerMetrics& w) { return instruments(w)[e].value(); }));
  }
  std::move(f).into(out);
}

void statements(std::vector<MetricFamily>& out, const Workers& workers) {
  Family total{catalog::statements}, time{catalog::statement_seconds};
  for (std::size_t r = 0; r < count_of<RouteKind>; ++r) {
    const auto route = static_cast<RouteKind>(r);
    for (std::size_t i = 0; i < routing::reasons; ++i) {
      const auto reason = static_cast<routing::Reason>(i);
      const double n = sum(workers, [&](const auto& w) { return w.statements.at(route, reason).value(); });
      if (n > 0) total.add({{"route", name(route)}, {"reason", routing::name(reason)}}, n);
    }
    for (std::size_t i = 0; i < count_of<Phase>; ++i) {
      const auto phase = static_cast<Phase>(i);
      auto h = sum_histogram(
          workers, [&](const auto& w) -> auto& { return w.statement_seconds.at(route, phase); });
      if (h.sample_count > 0) time.add({{"route", name(route)}, {"phase", name(phase)}}, std::move(h));
    }
  }
  std::move(total).into(out);
  std::move(time).into(out);
}

void clients(std::vector<MetricFamily>& out, const Workers& workers) {
  by<SessionState>(
      out, catalog::sessions, "state", workers, [](auto& w) -> auto& { return w.sessions; });
  by<SessionResult>(
      out, catalog::sessions_total, "result", workers, [](auto& w) -> auto& { return w.sessions_total; });
  by<LoginFailure>(
      out, catalog::login_failures, "reason", workers, [](auto& w) -> auto& { return w.login_failures; });
  by<Pin>(
      out, catalog::pins, "reason", workers, [](auto& w) -> auto& { return w.pins; });
  by<Retry>(
      out, catalog::retries, "kind", workers, [](auto& w) -> auto& { return w.retries; });
  by<ProtocolError>(
      out, catalog::protocol_errors, "kind", workers, [](auto& w) -> auto& { return w.protocol_errors; });
  by<ConsistencyFallback>(
      out, catalog::consistency_fallbacks, "reason", workers, [](auto& w) -> auto& { return w.consistency_fallbacks; });
  by<WaitOutcome>(
      out, catalog::consistency_waits, "outcome", workers, [](auto& w) -> auto& { return w.consistency_waits; });
  Family bytes{catalog::bytes};
  for (const Side side : {Side::client, Side::server}) {
    for (const Direction d : {Direction::in, Direction::out}) {
      bytes.add({{"side", name(side)}, {"direction", name(d)}},
                sum(workers, [&](const auto& w) { return w.bytes.at(side, d).value(); }));
    }
  }
  std::move(bytes).into(out);
  Family hand_overs{catalog::hand_overs};
  hand_overs.add({}, sum(workers, [](const auto& w) { return w.hand_overs.value(); }));
  std::move(hand_overs).into(out);
  by<Kept>(
      out, catalog::kept, "why", workers, [](auto& w) -> auto& { return w.kept; });
  Family held{catalog::held_statements};
  held.add({}, sum(workers, [](const auto& w) { return w.held_statements.value(); }));
  std::move(held).into(out);
}

/// Over the workers that have something to say of this server.
template <class F>
double sum_server(const Workers& workers, topology::ServerId id, F&& value) {
  return sum(workers, [&](const WorkerMetrics& w) {
    const ServerMetrics* s = w.find_server(id);
    return s == nullptr ? 0.0 : static_cast<double>(value(*s));
  });
}

/// Mean of the workers that have one, in seconds; negative if none has.
double latency_of(const Workers& workers, topology::ServerId id) {
  double total = 0, n = 0;
  for (const WorkerMetrics* w : workers) {
    const ServerMetrics* s = w->find_server(id);
    if (s == nullptr || s->latency.value().count() == 0) continue;
    total += static_cast<double>(s->latency.value().count()) / 1e6;
    n += 1;
  }
  return n > 0 ? total / n : -1;
}

/// What workers count of each server.
void traffic(std::vector<MetricFamily>& out, const Workers& workers, const topology::Topology& t) {
  Family queries{catalog::server_queries}, latency{catalog::server_latency}, connections{catalog::backend_connections},
      errors{catalog::backend_errors}, waits{catalog::consistency_wait};
  for (std::size_t i = 0; i < t.servers.size(); ++i) {
    if (t.servers[i].removed) continue;
    const auto id = static_cast<topology::ServerId>(i);
    const std::string& server = t.servers[i].name;
    queries.add({{"server", server}}, sum_server(workers, id, [](const auto& s) { return s.queries.value(); }));
    if (const double l = latency_of(workers, id); l >= 0) latency.add({{"server", server}}, l);
    Workers there;
    for (const WorkerMetrics* w : workers) {
      if (w->find_server(id) != nullptr) there.push_back(w);
    }
    auto wait = sum_histogram(
        there, [&](const auto& w) -> auto& { return w.find_server(id)->consistency_wait; });
    if (wait.sample_count > 0) waits.add({{"server", server}}, std::move(wait));
    for (std::size_t k = 0; k < count_of<BackendState>; ++k) {
      const auto state = static_cast<BackendState>(k);
      connections.add({{"server", server}, {"state", name(state)}},
                      sum_server(workers, id, [&](const auto& s) { return s.connections[state].value(); }));
    }
    for (std::size_t k = 0; k < count_of<BackendError>; ++k) {
      const auto kind = static_cast<BackendError>(k);
      errors.add({{"server", server}, {"kind", name(kind)}},
                 sum_server(workers, id, [&](const auto& s) { return s.errors[kind].value(); }));
    }
  }
  for (Family* f : {&queries, &latency, &connections, &errors, &waits}) std::move(*f).into(out);
}

/// What the monitor knows of each server.
void observed(std::vector<MetricFamily>& out, const topology::Topology& t) {
  using topology::Role;
  using topology::State;
  Family up{catalog::server_up}, role{catalog::server_role}, state{catalog::server_state},
      age{catalog::observation_age}, lag{catalog::lag}, behind{catalog::behind}, epoch{catalog::epoch};
  epoch.add({}, static_cast<double>(t.epoch));
  const auto now = base::Clock::now();
  for (const topology::Server& s : t.servers) {
    if (s.removed) continue;
    up.add({{"server", s.name}}, s.state == State::offline || s.state == State::broken ? 0 : 1);
    for (const Role r : {Role::unknown, Role::primary, Role::replica}) {
      role.add({{"server", s.name}, {"role", topology::name(r)}}, s.role == r ? 1 : 0);
    }
    for (const State x : {State::offline, State::online, State::lagging, State::draining, State::broken}) {
      state.add({{"server", s.name}, {"state", topology::name(x)}}, s.state == x ? 1 : 0);
    }
    if (s.observed_at != base::TimePoint{}) {
      age.add({{"server", s.name}}, std::chrono::duration<double>(now - s.observed_at).count());
    }
    if (s.role != Role::replica) continue;
    if (s.lag) lag.add({{"server", s.name}}, std::chrono::duration<double>(*s.lag).count());
    behind.add({{"server", s.name}}, static_cast<double>(s.behind));
  }
  for (Family* f : {&up, &role, &state, &age, &lag, &behind, &epoch}) std::move(*f).into(out);
}

void errant(std::vector<MetricFamily>& out, const topology::Topology& t,
            const std::vector<std::optional<std::uint64_t>>& counts) {
  Family f{catalog::errant};
  for (std::size_t id = 0; id < std::min(counts.size(), t.servers.size()); ++id)
    if (counts[id] && !t.servers[id].removed) f.add({{"server", t.servers[id].name}}, static_cast<double>(*counts[id]));
  std::move(f).into(out);
}

void one(std::vector<MetricFamily>& out, const Metric& m, Labels labels, double value) {
  Family f{m};
  f.add(std::move(labels), value);
  std::move(f).into(out);
}

void process(std::vector<MetricFamily>& out, const std::string& version) {
  one(out, catalog::build_info, {{"version", version}}, 1);
  const auto dropped = log::dropped();
  Family log{catalog::log_dropped};
  log.add({{"cause", "rate"}}, static_cast<double>(dropped.by_rate));
  log.add({{"cause", "queue"}}, static_cast<double>(dropped.by_queue));
  log.add({{"cause", "slow_reader"}}, static_cast<double>(dropped.by_slow_reader));
  std::move(log).into(out);
  const auto p = read_process();
  if (!p) return;
  one(out, catalog::process_rss, {}, static_cast<double>(p->resident_bytes));
  one(out, catalog::process_virtual, {}, static_cast<double>(p->virtual_bytes));
  one(out, catalog::process_fds, {}, static_cast<double>(p->open_fds));
  one(out, catalog::process_max_fds, {}, static_cast<double>(p->max_fds));
  one(out, catalog::process_cpu, {}, p->cpu_seconds);
  one(out, catalog::process_start, {}, p->start_time_seconds);
  one(out, catalog::process_threads, {}, static_cast<double>(p->threads));
}

}  // namespace

Collector::Collector(std::vector<const WorkerMetrics*> workers, TopologySource topology, std::string version,
                     RuleSource rules, ErrantSource errant)
    : workers_{std::move(workers)},
      topology_{std::move(topology)},
      rules_{std::move(rules)},
      errant_{std::move(errant)},
      version_{std::move(version)} {}

std::vector<MetricFamily> Collector::Collect() const {
  std::vector<MetricFamily> out;
  statements(out, workers_);
  clients(out, workers_);
  if (const auto t = topology_ ? topology_() : nullptr) {
    observed(out, *t);
    traffic(out, workers_, *t);
    if (errant_) errant(out, *t, errant_());
  }
  if (rules_) {
    Family hits{catalog::rule_hits};
    for (const auto& [name, n] : rules_()) hits.add({{"rule", name}}, static_cast<double>(n));
    std::move(hits).into(out);
  }
  process(out, version_);
  return out;
}

std::string Collector::text() const {
  std::ostringstream out;
  prometheus::TextSerializer{}.Serialize(out, Collect());
  return out.str();
}

}  // namespace wye::metrics
