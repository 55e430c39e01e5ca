#include "proxy/cli/explain.h"

#include <nlohmann/json.hpp>
#include <sstream>
#include <vector>

#include "tests/unit/catch.h"

using namespace wye::cli;

namespace {

std::vector<nlohmann::json> explain(const std::string& input, ExplainOptions options = {}) {
  options.sql = "-";
  options.json = true;
  std::istringstream in{input};
  std::ostringstream out, err;
  CHECK(run_explain(options, in, out, err) == 0);
  CHECK(err.str().empty());
  std::vector<nlohmann::json> objects;
  std::istringstream lines{out.str()};
  for (std::string line; std::getline(lines, line);) objects.push_back(nlohmann::json::parse(line));
  return objects;
}

std::string route_of(const std::string& statement, ExplainOptions options = {}) {
  const auto objects = explain(statement + "\n", options);
  REQUIRE(objects.size() == 1);
  return objects[0]["route"].get<std::string>() + " " + objects[0]["reason"].get<std::string>();
}

}  // namespace

TEST_CASE("explain names the route") {
  CHECK(route_of("SELECT * FROM t") == "replica replica_read");
  CHECK(route_of("UPDATE t SET a = 1") == "primary write");
  CHECK(route_of("SELECT * FROM t\\nFOR UPDATE") == "primary locking_read");
  CHECK(route_of("START TRANSACTION READ ONLY") == "replica read_only_transaction");
  CHECK(route_of("BEGIN") == "primary transaction");
  CHECK(route_of("SELECT my_f(1)") == "primary unknown_function");
  CHECK(route_of("/* wye: server=db7 */ SELECT 1") == "replica hint_server");
  CHECK(route_of("/* wye: tag=x */ SELECT 1") == "replica replica_read");
  ExplainOptions primary;
  primary.routing.consistency = wye::routing::Consistency::primary;
  CHECK(route_of("SELECT 1", primary) == "primary reads_always_primary");
  ExplainOptions mariadb;
  mariadb.dialect.mariadb = true;
  mariadb.dialect.version = 101119;
  CHECK(route_of("SELECT 1 /*M! FOR UPDATE */", mariadb) == "primary locking_read");
  CHECK(route_of("SELECT 1 /*M! FOR UPDATE */") == "replica replica_read");
}

TEST_CASE("explain names the rule of the configuration") {
  const auto loaded = wye::config::load_text(
      "servers: [{name: db1, address: a}, {name: db2, address: b}]\nmonitor: {user: w, password: p}\n"
      "routing: {rules: [{name: reports, user: report, route: server=db2}, {name: inside, client: 10.0.0.0/8, tag: x},"
      " {table: u, reject: closed}]}\n");
  REQUIRE(loaded.config);
  ExplainOptions options;
  options.rules = *wye::routing::Rules::make(loaded.config->routing.rules, 1);
  const auto said = [&](const std::string& statement) {
    const auto object = explain(statement + "\n", options).at(0);
    return object["route"].get<std::string>() + " " + object["reason"].get<std::string>() + " " +
           object.value("rule", "-") + " " + object.value("error", "-");
  };
  CHECK(said("SELECT 1 FROM t") == "replica replica_read - -");
  CHECK(said("SELECT 1 FROM u") == "none rule_reject rule3 closed");
  options.client = "10.0.0.7";
  CHECK(said("SELECT 1 FROM u") == "replica replica_read inside -");
  options.user = "report";
  CHECK(said("SELECT 1 FROM t") == "replica rule_server reports -");
  CHECK(said("UPDATE t SET a = 1") == "primary write reports (not server=db2: write, rules move reads only) -");
}

TEST_CASE("session is what changes only the session") {
  for (const char* statement : {"SET NAMES utf8", "SET @a = 1", "USE d", "COMMIT", "ROLLBACK", "SAVEPOINT s",
                                "ROLLBACK TO s", "RELEASE SAVEPOINT s", ";", "SET SESSION TRANSACTION READ ONLY"}) {
    INFO(statement);
    CHECK(route_of(statement).rfind("session ", 0) == 0);
  }
  for (const char* statement : {"SET GLOBAL x = 1", "SET PASSWORD = 'a'", "LOCK TABLES t READ", "KILL 5"}) {
    INFO(statement);
    CHECK(route_of(statement).rfind("primary ", 0) == 0);
  }
}

TEST_CASE("one statement a line, escapes, and one object each") {
  const auto objects = explain("SELECT 1\n\nSELECT\\t'\\\\n'\\n\nINSERT INTO t VALUES (1)");
  REQUIRE(objects.size() == 3);
  CHECK(objects[1]["statement"] == "SELECT\t'\\n'\n");
  CHECK(objects[2]["kind"] == "write");
  CHECK(objects[0]["kind"] == "read");
}

TEST_CASE("a refused hint is an answer, and hostile bytes are valid JSON") {
  const auto refused = explain("/* wye: replica */ DELETE FROM t\n");
  REQUIRE(refused.size() == 1);
  CHECK(refused[0]["route"] == "none");
  CHECK(refused[0]["error"].get<std::string>().find("replica") != std::string::npos);
  CHECK(explain("SELECT '\xff\xfe'\n").size() == 1);
  CHECK(explain("/* wye: \xff */ SELECT 1\n").size() == 1);
}

TEST_CASE("text for people") {
  ExplainOptions options;
  options.sql = "SELECT *\nFROM t\x1b[2J FOR UPDATE";
  std::istringstream in;
  std::ostringstream out, err;
  CHECK(run_explain(options, in, out, err) == 0);
  CHECK(out.str().find("route    primary") != std::string::npos);
  CHECK(out.str().find("reason   locking_read") != std::string::npos);
  CHECK(out.str().find('\x1b') == std::string::npos);
  out.setstate(std::ios::badbit);
  CHECK(run_explain(options, in, out, err) == 1);
}
