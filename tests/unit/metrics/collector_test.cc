#include "proxy/metrics/collector.h"

#include <prometheus/metric_family.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "proxy/metrics/catalog.h"
#include "tests/unit/catch.h"

using namespace wye;
using namespace wye::metrics;

namespace {

bool near(double a, double b) { return std::abs(a - b) <= 1e-9 * std::abs(b); }

struct Parsed {
  std::map<std::string, double> samples;           // "name{a="b"}" -> value
  std::map<std::string, std::string> types, help;  // by family
};

/// Prometheus' text format, as strictly as the scraper needs it.
Parsed parse(const std::string& text) {
  Parsed p;
  std::istringstream in{text};
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("# HELP ") || line.starts_with("# TYPE ")) {
      const std::size_t space = line.find(' ', 7);
      REQUIRE(space != std::string::npos);
      auto& to = line[2] == 'H' ? p.help : p.types;
      CHECK(to.emplace(line.substr(7, space - 7), line.substr(space + 1)).second);
      continue;
    }
    const std::size_t space = line.rfind(' ');
    REQUIRE(space != std::string::npos);
    INFO(line);
    CHECK(p.samples.emplace(line.substr(0, space), std::stod(line.substr(space + 1))).second);
  }
  return p;
}

std::shared_ptr<const topology::Topology> two_servers() {
  topology::Topology t;
  t.epoch = 4;
  t.servers.resize(2);
  t.servers[0].name = "db1";
  t.servers[0].role = topology::Role::primary;
  t.servers[0].state = topology::State::online;
  t.servers[0].observed_at = base::Clock::now();
  t.servers[1].name = "db2";
  t.servers[1].role = topology::Role::replica;
  t.servers[1].state = topology::State::lagging;
  t.servers[1].reason = "lag \xff \"quoted\"";
  t.servers[1].lag = base::milliseconds{1500};
  t.servers[1].behind = 17;
  t.primary = topology::ServerId{0};
  return std::make_shared<const topology::Topology>(t);
}

struct Fixture {
  Fixture() {
    for (WorkerMetrics* w : {&a, &b}) {
      w->statements.at(RouteKind::replica, routing::Reason::replica_read).add(3);
      w->statement_seconds.at(RouteKind::replica, Phase::total).observe(std::chrono::microseconds{20});
      w->sessions[SessionState::idle].add(5);
      w->bytes.at(Side::client, Direction::in).add(100);
      w->server(1).connections[BackendState::in_use].add(2);
      w->server(1).queries.add(3);
      w->server(1).consistency_wait.observe(std::chrono::microseconds{400});
    }
    a.sessions[SessionState::idle].sub();
    a.statement_seconds.at(RouteKind::replica, Phase::total).observe(std::chrono::hours{1});
    a.server(1).latency.observe(std::chrono::microseconds{250});
    a.server(5).queries.add(1);  // a server that the topology does not know
    b.protocol_errors[ProtocolError::http].add();
  }
  WorkerMetrics a, b;
  Collector collector{{&a, &b}, [] { return two_servers(); }, "1.2.3", [] { return hits; }, [] { return errant; }};
  static const inline std::vector<std::optional<std::uint64_t>> errant{std::nullopt, 3};
  static const inline std::vector<std::pair<std::string, std::uint64_t>> hits{{"reports", 7}, {"pages", 0}};
};

}  // namespace

TEST_CASE("workers are added up, and the text can be read back") {
  Fixture f;
  const Parsed p = parse(f.collector.text());
  const auto& s = p.samples;
  CHECK(s.at(R"(wye_statements_total{route="replica",reason="replica_read"})") == 6);
  CHECK(s.count(R"(wye_statements_total{route="primary",reason="write"})") == 0);
  CHECK(s.at(R"(wye_sessions{state="idle"})") == 9);
  CHECK(s.at(R"(wye_bytes_total{side="client",direction="in"})") == 200);
  CHECK(s.at(R"(wye_bytes_total{side="server",direction="out"})") == 0);
  CHECK(s.at(R"(wye_protocol_errors_total{kind="http"})") == 1);
  CHECK(s.at(R"(wye_backend_connections{server="db2",state="in_use"})") == 4);
  CHECK(s.at(R"(wye_backend_errors_total{server="db1",kind="closed"})") == 0);
  CHECK(s.at(R"(wye_server_queries_total{server="db2"})") == 6);
  CHECK(near(s.at(R"(wye_server_latency_seconds{server="db2"})"), 0.00025));
  CHECK(s.count(R"(wye_server_latency_seconds{server="db1"})") == 0);
  CHECK(s.at(R"(wye_server_up{server="db1"})") == 1);
  CHECK(s.at(R"(wye_server_role{server="db1",role="primary"})") == 1);
  CHECK(s.at(R"(wye_server_role{server="db1",role="replica"})") == 0);
  CHECK(s.at(R"(wye_server_state{server="db2",state="lagging"})") == 1);
  CHECK(near(s.at(R"(wye_replication_lag_seconds{server="db2"})"), 1.5));
  CHECK(s.count(R"(wye_replication_lag_seconds{server="db1"})") == 0);
  CHECK(s.at(R"(wye_replication_behind_transactions{server="db2"})") == 17);
  CHECK(s.at(R"(wye_replication_errant_transactions{server="db2"})") == 3);
  CHECK(s.count(R"(wye_replication_errant_transactions{server="db1"})") == 0);
  CHECK(s.at("wye_topology_epoch") == 4);
  CHECK(s.at(R"(wye_rule_hits_total{rule="reports"})") == 7);
  CHECK(s.at(R"(wye_rule_hits_total{rule="pages"})") == 0);
  CHECK(s.at(R"(wye_build_info{version="1.2.3"})") == 1);
  CHECK(s.at("process_resident_memory_bytes") > 100'000);
  CHECK(s.at("process_open_fds") >= 3);
  CHECK(s.at("process_start_time_seconds") > 1.5e9);
  CHECK(s.at("process_threads") >= 1);
}

TEST_CASE("histograms are cumulative and end at +Inf") {
  Fixture f;
  const Parsed p = parse(f.collector.text());
  const std::string name = "wye_statement_seconds", labels = R"(route="replica",phase="total")";
  double last = 0;
  std::size_t buckets = 0;
  for (std::size_t b = 0; b < Histogram::bounds; ++b) {
    std::ostringstream le;
    le << static_cast<double>(Histogram::upper_bound_us(b)) / 1e6;
    for (const auto& [k, v] : p.samples) {
      const std::string head = name + "_bucket{" + labels + ",le=\"";
      if (!k.starts_with(head) || k.starts_with(head + "+Inf")) continue;
      if (!near(std::stod(k.substr(head.size())), static_cast<double>(Histogram::upper_bound_us(b)) / 1e6)) continue;
      CHECK(v >= last);
      last = v;
      ++buckets;
    }
  }
  CHECK(buckets == Histogram::bounds);
  CHECK(last == 2);  // the hour is beyond the last bound
  CHECK(p.samples.at(name + "_bucket{" + labels + ",le=\"+Inf\"}") == 3);
  CHECK(p.samples.at(name + "_count{" + labels + "}") == 3);
  CHECK(near(p.samples.at(name + "_sum{" + labels + "}"), 3600.00004));
}

TEST_CASE("what is exported is in the catalog, with its type, help and labels") {
  Fixture f;
  const auto families = f.collector.Collect();
  std::set<std::string> seen;
  for (const auto& family : families) {
    INFO(family.name);
    const Metric* in = nullptr;
    for (const Metric* m : catalog::all) {
      if (m->name == family.name) in = m;
    }
    REQUIRE(in != nullptr);
    CHECK(seen.insert(family.name).second);
    CHECK(family.help == in->help);
    CHECK(!family.help.empty());
    for (const auto& metric : family.metric) {
      std::string labels;
      for (const auto& l : metric.label) labels += (labels.empty() ? "" : ",") + l.name;
      CHECK(labels == in->labels);
    }
  }
  for (const Metric* m : catalog::all) {
    INFO(m->name);
    CHECK(seen.count(m->name) == 1);
  }
}

TEST_CASE("without a topology there is no server, and no crash") {
  const WorkerMetrics w;
  const Collector none{{&w}, nullptr, "x"};
  CHECK(none.text().find("wye_server_up") == std::string::npos);
  const Collector null{{&w}, [] { return nullptr; }, "x"};
  CHECK(nlohmann::json::parse(null.state_json()).at("servers").empty());
}

TEST_CASE("the page's data is JSON whatever a server said") {
  Fixture f;
  const auto j = nlohmann::json::parse(f.collector.state_json());
  CHECK(j.at("epoch") == 4);
  CHECK(j.at("sessions").at("idle") == 9);
  CHECK(j.at("statements").at("replica") == 6);
  REQUIRE(j.at("servers").size() == 2);
  CHECK(j["servers"][1].at("lag_ms") == 1500);
  CHECK(j["servers"][0].at("lag_ms").is_null());
  CHECK(j["servers"][1].at("in_use") == 4);
}

TEST_CASE("servers beyond the most share one entry") {
  WorkerMetrics w;
  CHECK(&w.server(1000) == &w.server(65535));
  CHECK(&w.server(999) != &w.server(1000));
  CHECK(w.find_server(65535) == nullptr);
}

TEST_CASE("docs/METRICS.md is the catalog") {
  const auto path = std::filesystem::path{WYE_TEST_DATA} / "../../../docs/METRICS.md";
  std::ostringstream text;
  text << std::ifstream{path}.rdbuf();
  if (text.str() != catalog_markdown()) {
    // What it should be, to copy over the old one.
    std::ofstream{"METRICS.md"} << catalog_markdown();
    FAIL("docs/METRICS.md differs from the catalog: copy METRICS.md from the working folder");
  }
  SUCCEED();
}
