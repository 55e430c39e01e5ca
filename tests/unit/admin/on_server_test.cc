#include "proxy/admin/on_server.h"

#include "proxy/admin/reads_only.h"
#include "tests/unit/catch.h"

using namespace wye;
using admin::refusal;
using admin::shows_statements;
using admin::without_secrets;

namespace {

const sql::Dialect mysql{};
const sql::Dialect mariadb{true, 101100};

}  // namespace

TEST_CASE("what only reads goes to a server, also what is that server's own") {
  for (const char* sql :
       {"SELECT 1", "SELECT * FROM shop.t -- all", "(SELECT 1) UNION (SELECT 2)",
        "WITH c AS (SELECT 1) SELECT * FROM c", "SHOW DATABASES", "SHOW TABLES FROM `shop`", "SHOW PROCESSLIST",
        "SHOW CREATE TABLE shop.t", "SELECT @@server_id", "SELECT @@GLOBAL.gtid_executed", "SELECT SLEEP(1000)",
        "SELECT COUNT(*) FROM information_schema.tables", "SELECT * FROM performance_schema.threads",
        "SHOW GLOBAL STATUS LIKE 'Handler%'", "EXPLAIN SELECT 1", "DESCRIBE shop.t", "SELECT 'a;b'",
        "SELECT user FROM mysql.db"}) {
    INFO(sql);
    CHECK(refusal(sql, mysql).empty());
    CHECK(refusal(sql, mariadb).empty());
  }
  CHECK(refusal("SHOW REPLICA STATUS", mysql).empty());
  CHECK(refusal("SHOW ALL SLAVES STATUS", mariadb).empty());
}

TEST_CASE("all else is refused, and why is said") {
  const std::pair<const char*, const char*> cases[] = {
      {"", "no statement"},
      {"/* nothing */", "no statement"},
      {"SELECT 1; SELECT 2", "more than one"},
      {"SELECT 1; DELETE FROM t", "more than one"},
      {"DELETE FROM t", "it writes"},
      {"/*! DELETE */ FROM t", "it writes"},
      {"WITH c AS (SELECT 1) DELETE FROM t", "it writes"},
      {"SELECT 1 FOR UPDATE", "locks rows"},
      {"SELECT @@port FROM t LOCK IN SHARE MODE", "locks rows"},
      {"SELECT 1 INTO @x", "INTO"},
      {"SELECT 1 INTO OUTFILE '/tmp/x'", "INTO"},
      {"SELECT @x", "user variables"},
      {"SELECT @x := @@port", "user variables"},
      {"SELECT f()", "none of the server's own"},
      {"SELECT shop.f()", "none of the server's own"},
      {"SELECT LOAD_FILE('/etc/passwd')", "reads files"},
      {"SELECT GET_LOCK('a', 1)", ""},
      {"SHOW WARNINGS", "statement before"},
      {"SELECT 'open", "no end"},
      {"EXPLAIN ROUTE SELECT 1", "EXPLAIN ROUTE"},
      {"SET STATEMENT max_statement_time = 0 FOR SELECT 1", ""},
      {"CALL p()", ""},
      {"BEGIN", ""},
  };
  for (const auto& [sql, why] : cases) {
    INFO(sql);
    for (const auto& dialect : {mysql, mariadb}) {
      const std::string said = refusal(sql, dialect);
      CHECK_FALSE(said.empty());
      CHECK_THAT(said, Catch::Contains(why));
    }
  }
}

TEST_CASE("tables with passwords are not read") {
  for (const char* sql :
       {"SELECT * FROM mysql.user", "TABLE MySQL . `USER`", "SELECT 1 FROM t JOIN mysql/**/.global_priv",
        "SHOW COLUMNS FROM mysql.servers", "/*! SELECT * FROM mysql.slave_master_info */"}) {
    INFO(sql);
    CHECK_THAT(refusal(sql, mysql), Catch::Contains("passwords"));
  }
  CHECK(refusal("SELECT user FROM shop.mysql, shop.user", mysql).empty());
}

TEST_CASE("only what shows statements of others is masked") {
  for (const char* sql : {"SHOW GRANTS", "SHOW PROCESSLIST", "SELECT info FROM information_schema.processlist"})
    CHECK(shows_statements(sql, mysql));
  for (const char* sql : {"SELECT 1", "SELECT * FROM shop.t", "SHOW TABLES"}) CHECK_FALSE(shows_statements(sql, mysql));
}

TEST_CASE("passwords and hashes in a statement's text") {
  const std::pair<const char*, const char*> cases[] = {
      {"GRANT ALL ON *.* TO `a`@`%` IDENTIFIED BY PASSWORD '*ABC' WITH GRANT OPTION",
       "GRANT ALL ON *.* TO `a`@`%` IDENTIFIED BY PASSWORD '<secret>' WITH GRANT OPTION"},
      {"CREATE USER `a`@`%` IDENTIFIED WITH 'caching_sha2_password' AS '$A$it''s\\'x' REQUIRE NONE",
       "CREATE USER `a`@`%` IDENTIFIED WITH 'caching_sha2_password' AS '<secret>' REQUIRE NONE"},
      {"CREATE USER a IDENTIFIED WITH sha256_password AS 0x24AB REQUIRE NONE",
       "CREATE USER a IDENTIFIED WITH sha256_password AS <secret> REQUIRE NONE"},
      {"ALTER USER a IDENTIFIED VIA ed25519 USING PASSWORD('x') OR unix_socket",
       "ALTER USER a IDENTIFIED VIA ed25519 USING PASSWORD('<secret>') OR unix_socket"},
      {"alter user a identified by \"new\" replace 'old'", "alter user a identified by '<secret>' replace '<secret>'"},
      {"SET PASSWORD FOR 'a'@'%' = 'x'", "SET PASSWORD FOR 'a'@'%' = '<secret>'"},
      {"SET PASSWORD='x'", "SET PASSWORD='<secret>'"},
      {"CHANGE MASTER TO MASTER_HOST='h', MASTER_PASSWORD = 'x', MASTER_PORT=1",
       "CHANGE MASTER TO MASTER_HOST='h', MASTER_PASSWORD = '<secret>', MASTER_PORT=1"},
      {"CREATE USER a IDENTIFIED BY 'cut of", "CREATE USER a IDENTIFIED BY '<secret>'"},
      {"SELECT 'password' AS 'x' FROM t", "SELECT 'password' AS 'x' FROM t"},
      {"CREATE TABLE `u` (`password` char(4) DEFAULT 'none')", "CREATE TABLE `u` (`password` char(4) DEFAULT 'none')"},
      {"", ""},
      {"'", "'"},
      {"größe\n\\", "größe\n\\"},
  };
  for (const auto& [text, shown] : cases) CHECK(without_secrets(text) == shown);
}

TEST_CASE("ON asks the server that it names, and no other") {
  admin::Context context;
  topology::Topology known;
  for (const char* name : {"db1", "gone", "db2"}) known.servers.emplace_back().name = name;
  known.servers[0].version = topology::parse_version("9.7.4");
  known.servers[1].removed = true;
  known.servers[2].reason = "connection refused";
  context.topology = [&] { return std::make_shared<const topology::Topology>(known); };
  std::vector<std::string> asked;
  base::Result<server::Table> gives = server::Table{{"a", "b"}, {{"SET PASSWORD = 'x'", std::nullopt}}};
  context.read = [&](manager::ReadRequest request, const manager::ReadDone& done) -> base::Status {
    asked.push_back(request.server + ": " + request.sql);
    done(gives);
    return base::Ok{};
  };
  const auto run = [&](const char* text) {
    std::optional<admin::Answer> answer;
    admin::run_statement(context, {}, text, [&](admin::Answer a) { answer = std::move(a); });
    REQUIRE(answer);
    return std::move(*answer);
  };
  const auto error = [&](const char* text) { return std::get<base::Error>(run(text)).message; };
  CHECK_THAT(error("ON gone SELECT 1"), Catch::Contains("unknown server gone; there are: db1, db2"));
  CHECK_THAT(error("SHOW DATABASES ON db2"), Catch::Contains("db2 has not answered yet: connection refused"));
  CHECK_THAT(error("ON db1 DELETE FROM t"), Catch::Contains("only reads"));
  CHECK(asked.empty());
  CHECK(std::get<protocol::Table>(run("ON db1 SELECT a, b FROM t;")).rows[0][0] == "SET PASSWORD = 'x'");
  const auto shown = std::get<protocol::Table>(run("on db1 show processlist"));
  CHECK(shown.columns == std::vector<std::string>{"a", "b"});
  CHECK((shown.rows[0][0] == "SET PASSWORD = '<secret>'" && !shown.rows[0][1]));
  run("SHOW TABLES ON db1 FROM shop");
  CHECK(asked ==
        std::vector<std::string>{"db1: SELECT a, b FROM t", "db1: show processlist", "db1: SHOW TABLES FROM `shop`"});
  gives = base::Error{1146, "42S02", "Table 'shop.x' doesn't exist"};
  const auto said = std::get<base::Error>(run("ON db1 SELECT * FROM shop.x"));
  CHECK((said.code == 1146 && said.state == "42S02" && said.message == "Table 'shop.x' doesn't exist"));
}

TEST_CASE("the server of ON, and what follows") {
  admin::ServerAndRest on;
  REQUIRE(admin::parse_on("10.0.0.1:3306 SELECT 1", on));
  CHECK((on.server == "10.0.0.1:3306" && on.rest == " SELECT 1"));
  REQUIRE(admin::parse_on(" 'db 2'/*+ */SELECT ';' ", on));
  CHECK((on.server == "db 2" && on.rest == "/*+ */SELECT ';'"));
  for (const char* wrong : {"", " ", "'db2 SELECT", "'' SELECT 1", ";"}) {
    INFO(wrong);
    CHECK_FALSE(admin::parse_on(wrong, on));
  }
  auto tables = admin::parse_show_tables_on("db2 from `a-b`");
  REQUIRE(tables);
  CHECK((tables->server == "db2" && tables->sql == "SHOW TABLES FROM `a-b`"));
  CHECK(admin::parse_show_tables_on("db2 IN 'a`b'")->sql == "SHOW TABLES FROM `a``b`");
  for (const char* wrong : {"", "db2", "db2 FROM", "db2 FROM a b", "db2 FROM 'a", "db2 LIKE 'a'", "FROM a"}) {
    INFO(wrong);
    CHECK_FALSE(admin::parse_show_tables_on(wrong));
  }
}
