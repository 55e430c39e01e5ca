#include "proxy/admin/differences.h"

#include "tests/unit/catch.h"

using namespace wye;
using namespace wye::admin;

namespace {

config::Config some() {
  const auto loaded = config::load_text(
      "servers: [{name: db1, address: a:1}, {name: db2, address: b:1, tags: [x]}]\n"
      "monitor: {user: wye, password: hunter2}\n"
      "accounts: {source: file, users: [{name: app, password: hunter3}]}\n");
  REQUIRE(loaded.config);
  return *loaded.config;
}

std::string shown(const std::vector<Difference>& all) {
  std::string text;
  for (const auto& d : all)
    text += d.setting + ": " + d.from.value_or("-") + " -> " + d.to.value_or("-") + (d.now ? "\n" : " (restart)\n");
  return text;
}

}  // namespace

TEST_CASE("the same file is no difference") { CHECK(differences(some(), some()).empty()); }

TEST_CASE("what can change now and what needs a restart") {
  const auto running = some();
  auto wanted = some();
  wanted.routing.max_lag = base::milliseconds{500};
  wanted.pool.hand_over = "never";
  wanted.log.level = "debug";
  wanted.log.format = "json";
  wanted.sessions.max = 5;
  wanted.failover.hold = base::milliseconds{1};
  wanted.servers[1].weight = 3;
  wanted.servers[1].tags.clear();
  wanted.servers[0].address = "c:1";
  wanted.workers = 4;
  CHECK(shown(differences(running, wanted)) ==
        "servers.db2.weight: 1 -> 3\n"
        "servers.db2.tags: x -> \n"
        "pool.hand_over: needed -> never\n"
        "sessions.max: 10000 -> 5\n"
        "routing.max_lag: 10000ms -> 500ms\n"
        "failover.hold: 10000ms -> 1ms\n"
        "log.level: info -> debug\n"
        "servers.db1.address: a:1 -> c:1 (restart)\n"
        "log.format: text -> json (restart)\n"
        "workers: auto -> 4 (restart)\n");
  const auto between = merged(running, wanted);
  CHECK(between.servers[0].address == "a:1");
  CHECK(between.servers[1].weight == 3);
  CHECK(between.workers == 0);
  CHECK(differences(between, merged(running, wanted)).empty());
  CHECK(
      shown(differences(between, wanted)) ==
      "servers.db1.address: a:1 -> c:1 (restart)\nlog.format: text -> json (restart)\nworkers: auto -> 4 (restart)\n");
}

TEST_CASE("rules differ by name, with their order") {
  const auto with = [](const std::string& rules) {
    const auto loaded =
        config::load_text("servers: [a:1]\nmonitor: {user: w, password: p}\nrouting: {rules: [" + rules + "]}\n");
    REQUIRE(loaded.config);
    return *loaded.config;
  };
  const auto before = with("{name: a, user: x, route: replica}");
  const auto after = with("{name: b, table: t, reject: 'no'}, {name: a, user: x, route: server=db1}");
  CHECK(shown(differences(before, after)) ==
        "routing.rules: a -> b, a\n"
        "routing.rules.a.route: replica -> server=db1\n"
        "routing.rules.b.table: - -> t\n"
        "routing.rules.b.reject: - -> no\n");
}

TEST_CASE("of a secret only that it has changed") {
  auto wanted = some();
  wanted.monitor.password = "hunter4";
  wanted.accounts.users[0].password = "hunter5";
  const auto all = differences(some(), wanted);
  CHECK(shown(all) ==
        "monitor.password: (set) -> (changed) (restart)\n"
        "accounts.users[0].password: (set) -> (changed) (restart)\n");
  for (const auto& row : differences_table(all).rows) {
    for (const auto& cell : row) CHECK(cell.value_or("").find("hunter") == std::string::npos);
  }
}

TEST_CASE("mistakes have their place") {
  const auto table = mistakes_table("wye.yaml", {{3, 7, "bad"}});
  REQUIRE(table.rows.size() == 1);
  CHECK(table.rows[0][0] == "wye.yaml:3:7");
  CHECK(table.rows[0][3] == "mistake, nothing changes: bad");
}
