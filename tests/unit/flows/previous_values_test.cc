#include "proxy/session/flows/previous_values.h"

#include "proxy/sql/previous.h"
#include "tests/unit/catch.h"

namespace wye::session {
namespace {

constexpr topology::ServerId primary = 0, replica = 1;

struct Session {
  PreviousValues values;
  sql::Dialect dialect;

  void runs(const char* text, topology::ServerId server, PreviousValues::Ran ran = {}) {
    ran.server = server;
    ran.primary = server == primary;
    values.ran(ran, sql::classify(text, dialect), text, dialect);
  }
  void reads(const char* text, topology::ServerId server) { runs(text, server, {0, false, false, true, 0, 0, 0}); }
  std::string text(const char* text, topology::ServerId server) const {
    const auto out = values.substituted(text, dialect, sql::previous_use(text, dialect), server);
    return out ? *out : text;
  }
};

TEST_CASE("a write after a read on a replica gets the values of that read") {
  Session s;
  s.reads("SELECT * FROM t", replica);
  CHECK(s.values.elsewhere(sql::previous_found_rows, primary) == replica);
  CHECK_FALSE(s.values.elsewhere(sql::previous_found_rows, replica));
  CHECK(s.text("INSERT INTO u VALUES (ROW_COUNT())", primary) ==
        "INSERT INTO u VALUES (CAST('-00000000000000000001' AS SIGNED))");
  CHECK(s.text("SELECT ROW_COUNT()", replica) == "SELECT ROW_COUNT()");  // it knows itself
  CHECK_FALSE(s.values.numbers_answered(replica, false, {{"nonsense", "0"}}));
  REQUIRE(s.values.numbers_answered(replica, false, {{"7", "0"}}));
  CHECK_FALSE(s.values.elsewhere(sql::previous_found_rows, primary));
  CHECK(s.text("INSERT INTO u VALUES (FOUND_ROWS())", primary) ==
        "INSERT INTO u VALUES (COALESCE(CAST('000000000000000000007' AS SIGNED),FOUND_ROWS()))");  // for its warning
  s.dialect.version = 50700;
  CHECK(s.text("INSERT INTO u VALUES (FOUND_ROWS())", primary) ==
        "INSERT INTO u VALUES (CAST('000000000000000000007' AS SIGNED))");
}

TEST_CASE("FOUND_ROWS() outlives statements that do not set it, on the server that has it") {
  Session s;
  s.reads("SELECT * FROM t", replica);
  s.runs("DELETE FROM t", primary, {0, false, false, false, 3, 0, 0});
  CHECK(s.values.common_place(sql::previous_found_rows) == replica);
  CHECK(s.values.common_place(sql::previous_row_count) == primary);
  s.runs("SELECT nope", primary, {0, false, true, false, 0, 0, 0});
  CHECK(s.values.common_place(sql::previous_found_rows) == replica);
  s.reads("SELECT 1", primary);
  CHECK(s.values.common_place(sql::previous_found_rows) == primary);
}

TEST_CASE("FOUND_ROWS() can be made on another connection, for a CALL that may count nothing") {
  Session s;
  CHECK(s.values.found_rows_sql(primary) ==
        "SELECT SQL_CALC_FOUND_ROWS 1 FROM DUAL WHERE 0<0 LIMIT 0");  // a new session's
  s.reads("SELECT * FROM t", replica);
  CHECK(s.values.found_rows_sql(primary).empty());  // must be read back first
  const auto read_back = [&](const char* rows) {
    s.reads("SELECT * FROM t", replica);
    REQUIRE(s.values.numbers_answered(replica, false, {{rows, "0"}}));
    return s.values.found_rows_sql(primary);
  };
  CHECK(read_back("7").ends_with(" UNION ALL SELECT 9) d1 WHERE 0+1*d1.d<7 LIMIT 0"));
  CHECK(read_back("1000").find("d1000 WHERE 0+1*d1.d+10*d10.d+100*d100.d+1000*d1000.d<1000 ") != std::string::npos);
  CHECK(read_back("1001").empty());
  CHECK_FALSE(read_back("12").empty());
  // The CALL says the count of the statement before it on this connection.
  s.runs("INSERT INTO t VALUES (1)", primary, {0, false, false, false, 1, 0, 0});
  CHECK(s.values.found_rows_sql(primary).empty());
  s.runs("SET @a = 1", primary);
  REQUIRE_FALSE(s.values.found_rows_sql(primary).empty());
  s.values.found_rows_made(primary);
  CHECK(s.values.common_place(sql::previous_found_rows) == primary);
  s.runs("CALL p()", primary);
  CHECK(s.values.common_place(sql::previous_found_rows) == primary);
}

TEST_CASE("functions set no FOUND_ROWS() but with their SELECT, which on MySQL must succeed") {
  for (const bool mariadb : {false, true}) {
    Session s;
    s.dialect.mariadb = mariadb;
    s.dialect.version = mariadb ? 101100 : 90700;
    s.reads("SELECT * FROM t", replica);
    s.runs("INSERT INTO t VALUES (f(1))", primary);
    s.runs("SELECT f(1)", primary, {0, false, true, false, 0, 0, 0, 1305});
    CHECK(s.values.common_place(sql::previous_found_rows) == replica);
    s.runs("SELECT f(1)", primary, {0, false, true, false, 0, 0, 0, 1644});
    CHECK(s.values.common_place(sql::previous_found_rows) == (mariadb ? primary : replica));
  }
}

TEST_CASE("GET DIAGNOSTICS counts as no statement; its own condition goes with the others") {
  Session s;
  s.reads("SELECT CAST('a' AS SIGNED) FROM t", replica);
  s.runs("GET DIAGNOSTICS @n = NUMBER", primary);
  CHECK(s.values.common_place(sql::previous_row_count) == replica);
  CHECK(s.values.conditions_at(replica));
  s.runs("GET DIAGNOSTICS CONDITION 9 @m = MESSAGE_TEXT", primary, {0, false, false, false, 0, 0, 1});
  CHECK(s.values.has_conditions(primary));
  CHECK(s.values.last_warnings() == 1);
  s.runs("SHOW WARNINGS", primary, {0, false, false, true, 0, 0, 0});
  CHECK(s.values.has_conditions(primary));
  CHECK(s.values.last_warnings() == 0);
}

TEST_CASE("MariaDB's SHOW clears the conditions only where it reads a table") {
  for (const auto& [text, clears] : std::vector<std::pair<const char*, bool>>{{"SHOW CREATE PROCEDURE p", false},
                                                                              {"SHOW FULL PROCESSLIST", false},
                                                                              {"SHOW GRANTS", false},
                                                                              {"SHOW CREATE TABLE t", true},
                                                                              {"SHOW FULL TABLES", true},
                                                                              {"SHOW STATUS", true}}) {
    CAPTURE(text);
    Session s;
    s.dialect.mariadb = true;
    s.runs("SELECT * FROM nowhere", replica, {0, false, true, false, 0, 0, 0});
    s.reads(text, primary);
    CHECK(s.values.has_conditions(replica) != clears);
  }
}

TEST_CASE("what failed may have set FOUND_ROWS() before, if it was several statements or ran a routine") {
  Session s;
  s.reads("SELECT * FROM t", replica);
  s.runs("SET @a = 1; SELECT nope", primary, {0, false, true, false, 0, 0, 0, 1054, 1});
  CHECK(s.values.common_place(sql::previous_found_rows) == replica);
  s.runs("SELECT nope; SELECT 2", primary, {0, false, true, false, 0, 0, 0, 1054, 0});
  CHECK(s.values.common_place(sql::previous_found_rows) == replica);
  s.runs("SELECT 2; SELECT nope", primary, {0, false, true, false, 0, 0, 0, 1054, 1});
  CHECK(s.values.common_place(sql::previous_found_rows) == primary);
}

TEST_CASE("an insert id is asked for where the answer's number need not be the function's") {
  Session s;
  CHECK(s.values.insert_id() == "0");
  s.reads("SELECT * FROM t", primary);
  s.runs("CREATE TABLE t (n INT)", primary);
  CHECK(s.values.insert_id() == "0");
  s.runs("INSERT INTO t VALUES (1)", primary, {0, false, false, false, 1, 100, 0});
  CHECK_FALSE(s.values.insert_id());
  CHECK(s.values.lives_on(primary, true));
  CHECK_FALSE(s.values.lives_on(replica, false));
  REQUIRE(s.values.numbers_answered(primary, true,
                                    {{"1", std::string("\0"
                                                       "7\0"
                                                       "7",
                                                       4)}}));  // UTF-16
  CHECK(s.values.insert_id() == "77");
}

TEST_CASE("conditions are told from what was stored once the connection is another session's") {
  Session s;
  s.runs("INSERT IGNORE INTO t VALUES ('x')", primary, {0, false, false, false, 1, 0, 2});
  CHECK(s.values.has_conditions(primary));
  CHECK(s.values.common_place(sql::previous_diagnostics) == primary);
  s.values.conditions_answered(primary, {{1}, {{1}}, {{2}, {3}}, {false, true}});
  CHECK_FALSE(s.values.has_conditions(primary));
  REQUIRE(s.values.stored_conditions());
  CHECK(s.text("SELECT @@error_count, @@warning_count", replica) ==
        "SELECT NULLIF(CAST('000000000000000000001' AS UNSIGNED),-1) AS `@@error_count`, "
        "NULLIF(CAST('000000000000000000002' AS UNSIGNED),-1) AS `@@warning_count`");
  s.runs("SHOW WARNINGS", primary);
  CHECK(s.values.stored_conditions());  // as often as the client asks
  s.runs("SELECT 1", primary, {0, true, false, true, 0, 0, 0});
  CHECK_FALSE(s.values.stored_conditions());
}

TEST_CASE("one condition that was read back can be made on another connection") {
  const auto row = [](std::string_view level, std::string_view code, std::string_view message) {
    protocol::Bytes payload;
    for (const auto text : {level, code, message}) protocol::put_lenenc_string(payload, text);
    return payload;
  };
  const auto sql_of = [](std::vector<protocol::Bytes> rows) {
    Session s;
    const std::vector<bool> errors(rows.size(), false);
    s.runs("INSERT IGNORE INTO t VALUES ('x')", primary, {0, false, false, false, 1, 0, 1});
    s.values.conditions_answered(primary, {{1}, {{1}}, std::move(rows), errors});
    return s.values.conditions_sql(false);
  };
  CHECK(sql_of({row("Error", "1146", "Table 't' doesn't exist")}) ==
        "SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO=1146,MESSAGE_TEXT='Table ''t'' doesn''t exist'");
  CHECK(sql_of({row("Warning", "1265", "Data truncated")}) ==
        "SIGNAL SQLSTATE '01000' SET MYSQL_ERRNO=1265,MESSAGE_TEXT='Data truncated'");
  CHECK(sql_of({row("Note", "1051", "Unknown table")}).empty());  // SIGNAL makes none
  CHECK(sql_of({row("Warning", "1265", "a"), row("Warning", "1265", "b")}).empty());
  CHECK(sql_of({row("Warning", "1265",
                    "Stra\xc3\x9f"
                    "e")})
            .empty());
  CHECK(sql_of({row("Warning", "70000", "a")}).empty());
  CHECK(sql_of({{0xfe}}).empty());
}

TEST_CASE("MariaDB: what a routine did with the conditions is asked") {
  Session s;
  s.dialect.mariadb = true;
  s.runs("SELECT nope", primary, {0, false, true, false, 0, 0, 0});
  s.runs("CALL p(1)", primary);
  CHECK(s.values.has_conditions(primary));  // perhaps
  s.values.conditions_answered(primary, {{1}, {{1}}, {}, {}});
  CHECK(s.text("SELECT @@warning_count", replica) == "SELECT NULLIF(0|0,-1) AS `@@warning_count`");
  s.runs("SELECT nope", primary, {0, false, true, false, 0, 0, 0});
  s.runs("CALL p(1)", replica);  // where they are not: it has taken none along
  CHECK_FALSE(s.values.has_conditions(primary));
}

TEST_CASE("a routine's error may have others beside it") {
  Session s;
  s.dialect.mariadb = true;
  s.runs("SELECT f(a) FROM t", replica, {0, false, true, false, 0, 0, 0});
  s.values.conditions_answered(replica, {{1}, {{1}}, {{1}, {1}}, {true, false}});
  CHECK(s.text("SELECT @@warning_count, @@error_count", primary) ==
        "SELECT NULLIF(2|0,-1) AS `@@warning_count`, NULLIF(1|0,-1) AS `@@error_count`");
}

TEST_CASE("MariaDB: a warning stands for conditions that can't be made again, until its server is asked") {
  protocol::Bytes stand_in;
  for (const std::string_view text : {"Warning", "1642", "wye: the conditions of the statement before"})
    protocol::put_lenenc_string(stand_in, text);
  for (const bool taken_away : {false, true}) {
    Session s;
    s.dialect.mariadb = true;
    s.runs("SELECT f(a) FROM t", primary, {0, false, true, false, 0, 0, 0});
    s.values.conditions_answered(primary, {{1}, {{1}}, {{1}, {2}}, {true, false}});
    REQUIRE(s.values.stored_conditions());
    s.values.stand_in_made(primary);
    CHECK_FALSE(s.values.stored_conditions());
    CHECK(s.values.stands_in_at(primary));
    s.runs("SELECT g()", primary, {0, false, false, true, 0, 0, 0});
    REQUIRE(s.values.stands_in_at(primary));
    const std::vector<protocol::Bytes> none, still{stand_in};
    s.values.conditions_answered(primary, {{1}, {{1}}, taken_away ? none : still, {false}});
    CHECK_FALSE(s.values.stands_in_at(primary));
    REQUIRE(s.values.stored_conditions());
    CHECK(s.values.stored_conditions()->rows.size() == (taken_away ? 0 : 2));
    CHECK(s.text("SELECT @@warning_count", replica) ==
          (taken_away ? "SELECT NULLIF(0|0,-1) AS `@@warning_count`" : "SELECT NULLIF(2|0,-1) AS `@@warning_count`"));
  }
}

TEST_CASE("MariaDB keeps the conditions over statements without tables") {
  Session s;
  s.dialect.mariadb = true;
  s.runs("SELECT nope", primary, {0, false, true, false, 0, 0, 0});
  s.reads("SELECT 1", replica);
  s.runs("SET @a = 1", primary);
  CHECK(s.values.common_place(sql::previous_diagnostics) == primary);
  CHECK(s.values.has_conditions(primary));
  s.reads("SELECT * FROM t", replica);
  CHECK_FALSE(s.values.has_conditions(primary));
}

TEST_CASE("MariaDB: conditions within several statements stay while those behind them use no table") {
  Session s;
  s.dialect.mariadb = true;
  const auto warning = [](std::size_t count) {
    return Conditions{{1}, {{1}}, std::vector<protocol::Bytes>(count), std::vector<bool>(count)};
  };
  s.runs("SELECT nope", primary, {0, false, true, false, 0, 0, 0});
  s.runs("SELECT 1; COMMIT", primary);
  CHECK(s.values.has_conditions(primary));  // that of SELECT nope
  s.runs("INSERT IGNORE INTO t VALUES (1), (1), (1); SELECT 1; COMMIT", primary);
  CHECK(s.values.has_conditions(primary));  // perhaps
  s.values.conditions_answered(primary, warning(2));
  CHECK(s.text("SELECT @@warning_count", replica) == "SELECT NULLIF(2|0,-1) AS `@@warning_count`");
  s.reads("SELECT a FROM t", primary);
  PreviousValues::Ran warned;
  warned.warned_before = true;
  s.runs("SELECT CAST('x' AS DATE); COMMIT", primary, warned);
  CHECK(s.values.has_conditions(primary));
  s.values.conditions_answered(primary, warning(2));
  CHECK(s.text("SELECT @@warning_count", replica) == "SELECT NULLIF(2|0,-1) AS `@@warning_count`");
  s.runs("INSERT IGNORE INTO t VALUES (1); SELECT 1; SELECT a FROM t;", primary);
  CHECK_FALSE(s.values.has_conditions(primary));
}

TEST_CASE("MySQL: what COM_INIT_DB tells of the commands before it") {
  Session s;
  PreviousValues::Ran failed;
  failed.failed = true;
  failed.error = 1146;
  failed.server = primary;
  s.runs("SELECT CAST('x' AS DATE), id FROM t", primary, {0, false, false, true, 0, 0, 2});
  s.values.ran_command(failed, false, false);  // COM_INIT_DB
  CHECK(s.values.last_warnings() == 3);
  s.values.ran_command(failed, true, false);  // COM_FIELD_LIST
  CHECK(s.values.last_warnings() == 1);
  failed.error = 1046;
  s.values.ran_command(failed, true, false);
  CHECK(s.values.last_warnings() == 3);
}

}  // namespace
}  // namespace wye::session
