// What the statements answer. No sockets: run_statement() replies to a function.
#include "proxy/admin/statements.h"

#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>

#include "proxy/admin/tables.h"
#include "tests/unit/catch.h"

using namespace wye;
using namespace wye::admin;
using protocol::Cell;
using protocol::Table;

namespace {

topology::Server server(const char* name, topology::Role role, topology::State state) {
  topology::Server s;
  s.name = name;
  s.address.host = "10.0.0.1";
  s.role = role;
  s.state = state;
  return s;
}

std::shared_ptr<const topology::Topology> two_servers() {
  auto t = std::make_shared<topology::Topology>();
  t->primary = topology::ServerId{0};
  t->servers = {server("db1", topology::Role::primary, topology::State::online),
                server("db2", topology::Role::replica, topology::State::lagging),
                server("db3", topology::Role::unknown, topology::State::offline)};
  const char* uuid = "3e11fa47-71ca-11e1-9e33-c80aa9429562";
  const auto set = [&](const char* numbers) {
    auto parsed = topology::GtidSet::parse(topology::Flavour::mysql, std::string{uuid} + ":" + numbers);
    return std::make_shared<const topology::GtidSet>(std::move(parsed).value());
  };
  t->servers[0].executed = set("1-9");
  auto& replica = t->servers[1];
  replica.source = "10.0.0.1:3306";
  replica.receiver_running = true;
  replica.lag = base::milliseconds{1500};
  replica.behind = 4;
  replica.received = set("1-9");
  replica.executed = set("1-5");
  replica.error = "it's \"late\"";
  replica.reason = "lag 1.5 s";
  return t;
}

struct Fixture {
  Context context;
  metrics::WorkerMetrics one, two;
  std::vector<std::pair<std::string, bool>> drained;
  Fixture() {
    context.version = "1.2.3";
    context.topology = [] { return two_servers(); };
    context.metrics = {&one, &two};
    context.readiness = [] { return std::string{"no primary"}; };
    context.set_drained = [this](std::string_view name, bool on) {
      if (name != "db2") return false;
      drained.emplace_back(name, on);
      return true;
    };
    context.explain_route = [](std::string_view sql) -> base::Result<Table> {
      if (sql == "bad") return base::Error{1064, "42000", "bad hint"};
      return Table{{"sql"}, {{std::string{sql}}}};
    };
  }
  Answer run(std::string_view text) {
    std::optional<Answer> answer;
    run_statement(context, Caller{7, 0, "joe", "shop"}, text, [&](Answer a) {
      REQUIRE_FALSE(answer);  // exactly once
      answer = std::move(a);
    });
    REQUIRE(answer);
    return std::move(*answer);
  }
  Table table(std::string_view text) {
    CAPTURE(text);
    auto answer = run(text);
    REQUIRE(std::holds_alternative<Table>(answer));
    for (const auto& row : std::get<Table>(answer).rows) REQUIRE(row.size() == std::get<Table>(answer).columns.size());
    return std::get<Table>(std::move(answer));
  }
  base::Error error(std::string_view text) {
    CAPTURE(text);
    auto answer = run(text);
    REQUIRE(std::holds_alternative<base::Error>(answer));
    return std::get<base::Error>(answer);
  }
};

using Row = std::vector<Cell>;

}  // namespace

TEST_CASE_METHOD(Fixture, "HELP lists each statement, and each is known") {
  const Table help = table("HELP");
  CHECK(help.rows.size() == statements().size());
  CHECK(table("show  help;").rows == help.rows);
  for (const auto& s : statements()) {
    CAPTURE(std::string{s.words});
    const auto answer = run(std::string{s.words} + (s.argument == Argument::none ? "" : " db2"));
    const auto* e = std::get_if<base::Error>(&answer);
    CHECK((e == nullptr || e->code == 1105));  // 1105: this context has no sessions
  }
}

TEST_CASE_METHOD(Fixture, "SHOW SERVERS adds up what the workers see") {
  using State = metrics::BackendState;
  one.server(1).connections[State::idle].set(2);
  one.server(1).connections[State::in_use].set(1);
  two.server(1).connections[State::in_use].set(4);
  two.server(1).connections[State::connecting].set(1);
  one.server(1).queries.add(10);
  two.server(1).queries.add(5);
  one.server(1).latency.observe(std::chrono::microseconds{100});
  two.server(1).latency.observe(std::chrono::microseconds{300});
  const Table t = table("SHOW SERVERS");
  CHECK(t.columns == std::vector<std::string>{"name", "address", "role", "state", "lag_ms", "connections", "in_use",
                                              "queries", "latency_us", "reason"});
  REQUIRE(t.rows.size() == 3);
  CHECK(t.rows[0] == Row{"db1", "10.0.0.1:3306", "primary", "online", {}, "0", "0", "0", {}, {}});
  CHECK(t.rows[1] == Row{"db2", "10.0.0.1:3306", "replica", "lagging", "1500", "8", "5", "15", "200", "lag 1.5 s"});
  CHECK(t.rows[2][2] == "unknown");
}

TEST_CASE_METHOD(Fixture, "SHOW REPLICATION") {
  const Table t = table("show replication");
  CHECK(t.columns == std::vector<std::string>{"name", "source", "io", "sql", "lag_ms", "behind", "received", "applied",
                                              "errant", "error"});
  const std::string uuid = "3e11fa47-71ca-11e1-9e33-c80aa9429562";
  CHECK(t.rows[0] == Row{"db1", {}, {}, {}, {}, {}, {}, uuid + ":1-9", {}, {}});
  CHECK(t.rows[1] == Row{"db2",
                         "10.0.0.1:3306",
                         "running",
                         "stopped",
                         "1500",
                         "4",
                         uuid + ":1-9",
                         uuid + ":1-5",
                         {},
                         "it's \"late\""});
}

TEST_CASE_METHOD(Fixture, "SHOW ROUTES and SHOW PINS add up, without zeros") {
  CHECK(table("SHOW ROUTES").rows.empty());
  one.statements.at(metrics::RouteKind::replica, routing::Reason::replica_read).add(3);
  two.statements.at(metrics::RouteKind::replica, routing::Reason::replica_read).add(4);
  two.statements.at(metrics::RouteKind::primary, routing::Reason::write).add(1);
  CHECK(table("SHOW ROUTES").rows == std::vector<Row>{{"primary", "write", "1"}, {"replica", "replica_read", "7"}});
  one.pins[metrics::Pin::temporary_table].add(2);
  CHECK(table("SHOW PINS").rows == std::vector<Row>{{"temporary_table", "2"}});
}

TEST_CASE_METHOD(Fixture, "SHOW SETTINGS has the values and no secret") {
  config::Config config;
  config.listen.push_back({});
  config.servers.push_back({"db1", "10.0.0.1:3306", 2, {"a", "b"}, "prefer"});
  config.monitor = {"wye", "s3cret-monitor"};
  config.replication.account = {"repl", "s3cret-repl"};
  config.accounts.users = {{"app", "s3cret-app"}, {"none", ""}};
  config.limits = {{"app", 5, 0, 0}};
  config::Rule rule;
  rule.name = "slow";
  rule.table = {"shop.orders", "items"};
  rule.timeout = base::milliseconds{250};
  config.routing.rules.push_back(rule);
  CHECK(error("SHOW SETTINGS").code == 1105);
  context.config = &config;
  std::map<std::string, std::string> values;
  for (const auto& row : table("SHOW SETTINGS").rows) {
    CHECK(values.emplace(*row[0], *row[1]).second);
    CHECK(row[1]->find("s3cret") == std::string::npos);
  }
  CHECK(values["listen[0].address"] == "0.0.0.0:6033");
  CHECK(values["listen[0].tls"] == "preferred");
  CHECK(values["servers.db1.weight"] == "2");
  CHECK(values["servers.db1.tags"] == "a, b");
  CHECK(values["monitor.user"] == "wye");
  CHECK(values["monitor.password"] == "(set)");
  CHECK(values["accounts.users[1].password"] == "(not set)");
  CHECK(values["replication.user"] == "repl");
  CHECK(values["routing.rules.slow.table"] == "shop.orders, items");
  CHECK(values["routing.rules.slow.timeout"] == "250ms");
  CHECK(values["admin.mode"] == "0600");
  CHECK(values["workers"] == "auto");
}

TEST_CASE_METHOD(Fixture, "SHOW READINESS") {
  CHECK(table("SHOW READINESS").rows == std::vector<Row>{{"no", "no primary"}});
  context.readiness = [] { return std::string{}; };
  CHECK(table("SHOW READINESS").rows == std::vector<Row>{{"yes", {}}});
}

TEST_CASE_METHOD(Fixture, "DRAIN and ENABLE") {
  CHECK(std::holds_alternative<base::Ok>(run("DRAIN SERVER db2")));
  CHECK(std::holds_alternative<base::Ok>(run("enable server 'db2';")));
  CHECK(drained == std::vector<std::pair<std::string, bool>>{{"db2", true}, {"db2", false}});
  CHECK(error("DRAIN SERVER db9").message == "unknown server db9; SHOW SERVERS lists all");
  CHECK(error("DRAIN SERVER").message == "expected DRAIN SERVER <name>");
  CHECK(error("DRAIN SERVER db2 db3").code == 1064);
  CHECK(drained.size() == 2);
}

TEST_CASE_METHOD(Fixture, "EXPLAIN ROUTE gives the rest as it is") {
  CHECK(table("explain route  SELECT  /* x */ 1 ;").rows[0][0] == "SELECT  /* x */ 1");
  CHECK(table("EXPLAIN ROUTE /*wye: primary*/ SELECT 1").rows[0][0] == "/*wye: primary*/ SELECT 1");
  CHECK(error("EXPLAIN ROUTE bad").message == "bad hint");
  CHECK(error("EXPLAIN ROUTE").message == "expected EXPLAIN ROUTE <sql>");
}

TEST_CASE_METHOD(Fixture, "what is not there is no statement") {
  for (const char* text : {"SWITCHOVER TO db2", "FAILOVER", "SHOW EVENTS", "SHOW SERVERS LIKE 'x'", "SHOW",
                           "DROP TABLE t", "SELECT * FROM servers", "SELECT 1, ", "SELECT", "SELECT DATABASE(",
                           "SELECT @", "SELECT 'x'", "SELECT 1 LIMIT x", "\x01", "HELP HELP"}) {
    CAPTURE(text);
    CHECK(error(text).code == 1064);
    CHECK(error(text).message == "unknown statement; HELP lists all");
  }
  CHECK(error(std::string(1 << 20, '@')).code == 1064);
  CHECK(error(std::string("SHOW SERVERS\0 x", 15)).code == 1064);
  CHECK(error("").code == 1065);
  CHECK(error("/* only */ ;").code == 1065);
}

TEST_CASE_METHOD(Fixture, "a Context without anything gives errors") {
  context = {};
  for (const auto& s : statements()) {
    CAPTURE(std::string{s.words});
    if (s.words == "HELP" || s.words == "SHOW HELP" || s.words == "SHOW ROUTES" || s.words == "SHOW PINS") continue;
    CHECK(error(std::string{s.words} + (s.argument == Argument::none ? "" : " db2")).code == 1105);
  }
}

TEST_CASE_METHOD(Fixture, "what clients say by themselves") {
  Table t = table("select @@version_comment limit 1");
  CHECK(t.columns == std::vector<std::string>{"@@version_comment"});
  CHECK(t.rows[0][0] == "wye 1.2.3 admin console; SHOW HELP lists its statements");
  t = table(
      "/* mysql-connector-j */SELECT  @@session.auto_increment_increment AS auto_increment_increment, "
      "@@character_set_client AS `a b`, @@sql_mode 	AS sql_mode");
  CHECK(t.columns == std::vector<std::string>{"auto_increment_increment", "a b", "sql_mode"});
  CHECK(t.rows == std::vector<Row>{{"1", "utf8mb4", ""}});
  CHECK(table("SELECT DATABASE()").rows[0][0] == "shop");
  CHECK(table("SELECT DATABASE(), USER(), CONNECTION_ID(), VERSION() LIMIT 1").rows ==
        std::vector<Row>{{"shop", "joe@localhost", "7", "8.0.0-wye-1.2.3"}});
  CHECK(table("SELECT 1").rows == std::vector<Row>{{"1"}});
  CHECK(table("SHOW WARNINGS").rows.empty());
  CHECK(error("select @@innodb_page_size").code == 1193);
  CHECK(error("select $$").code == 1054);
  for (const char* text : {"SET NAMES utf8mb4", "set autocommit=0", "COMMIT", "ROLLBACK", "BEGIN", "START TRANSACTION",
                           "USE shop", "SET @@session.autocommit = OFF"}) {
    CAPTURE(text);
    CHECK(std::holds_alternative<base::Ok>(run(text)));
  }
}

TEST_CASE_METHOD(Fixture, "docs/ADMIN.md has each statement, and the columns of each table") {
  std::ostringstream text;
  text << std::ifstream{std::filesystem::path{WYE_TEST_DATA} / "../../../docs/ADMIN.md"}.rdbuf();
  const std::string docs = text.str();
  for (const auto& row : table("HELP").rows) {
    CAPTURE(*row[0]);
    CHECK(docs.find("`" + *row[0] + "`") != std::string::npos);
  }
  config::Config config;
  context.config = &config;
  for (const std::string words :
       {"SHOW SERVERS", "SHOW REPLICATION", "SHOW ROUTES", "SHOW PINS", "SHOW SETTINGS", "SHOW READINESS"}) {
    for (const auto& column : table(words).columns) {
      CAPTURE(words, column);
      CHECK(docs.find("`" + column + "`") != std::string::npos);
    }
  }
}

TEST_CASE("SHOW DIGESTS adds up the workers and sorts by time") {
  const base::TimePoint now{std::chrono::hours{2}};
  metrics::DigestStore one, two;
  const auto add = [&](metrics::DigestStore& store, std::uint64_t digest, int ms, bool on_replica) {
    auto& entry = store.entry(digest, "", "app");
    entry.text = "SELECT ?";
    metrics::DigestStore::add(
        entry, {false, on_replica, 1, 20, 300, std::chrono::milliseconds{ms}, now - std::chrono::seconds{9}});
  };
  add(one, 0x1a, 10, true);
  add(one, 0x2b, 15, false);
  add(two, 0x1a, 20, false);
  auto entries = one.entries();
  for (const auto& entry : two.entries()) entries.push_back(entry);
  const auto table = digests_table(entries, 10, now);
  REQUIRE(table.rows.size() == 2);
  CHECK(table.rows[0] == std::vector<Cell>{"000000000000001a", std::nullopt, "app", "2", "0", "2", "40", "600", "30",
                                           "15000", "24576", "50.0", "9", "9", "SELECT ?"});
  CHECK(table.rows[1][0] == "000000000000002b");
  CHECK(digests_table(entries, 1, now).rows.size() == 1);
  CHECK(digests_table({}, 1, now).rows.empty());
}

TEST_CASE("SHOW DIGESTS LIMIT takes a number") {
  Context context;
  std::size_t asked = 0;
  context.digests = [&](std::size_t most, TableDone done) {
    asked = most;
    done(protocol::Table{{"digest"}, {}});
  };
  const auto run = [&](std::string_view text) {
    Answer answer;
    run_statement(context, {}, text, [&](Answer a) { answer = std::move(a); });
    return answer;
  };
  CHECK(std::holds_alternative<Table>(run("show digests;")));
  CHECK(asked == 100);
  CHECK(std::holds_alternative<Table>(run("SHOW DIGESTS LIMIT 7")));
  CHECK(asked == 7);
  for (const char* bad :
       {"SHOW DIGESTS LIMIT", "SHOW DIGESTS LIMIT x", "SHOW DIGESTS LIMIT 7x", "SHOW DIGESTS LIMIT -1",
        "SHOW DIGESTS LIMIT 5001", "SHOW DIGESTS LIMIT 99999999999999999999999"}) {
    INFO(bad);
    const auto answer = run(bad);
    REQUIRE(std::holds_alternative<base::Error>(answer));
    CHECK(std::get<base::Error>(answer).code == 1064);
  }
}
