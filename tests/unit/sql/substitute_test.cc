#include "proxy/sql/substitute.h"

#include <array>

#include "proxy/sql/previous.h"
#include "tests/unit/catch.h"

namespace wye::sql {
namespace {

std::string rewritten(std::string_view text) {
  const std::array constants{Constant{"found_rows", false, "5"}, Constant{"warning_count", true, "3"}};
  const auto out = with_constants(text, Dialect{}, constants);
  return out ? *out : "(unchanged)";
}

TEST_CASE("functions and variables of the session give way to constants, columns keep their names") {
  const std::pair<const char*, const char*> table[] = {
      {"SELECT FOUND_ROWS()", "SELECT 5 AS `FOUND_ROWS()`"},
      {"SELECT found_rows( ) AS n, 1", "SELECT 5 AS n, 1"},
      {"SELECT @@warning_count", "SELECT 3 AS `@@warning_count`"},
      {"SELECT @@session.warning_count, @@LOCAL.Warning_Count w", "SELECT 3 AS `@@session.warning_count`, 3 w"},
      {"INSERT INTO t VALUES (FOUND_ROWS(), @@warning_count)", "INSERT INTO t VALUES (5, 3)"},
      {"SET @a = @@warning_count + FOUND_ROWS()", "SET @a = 3 + 5"},
      {"SELECT a FROM t WHERE b = FOUND_ROWS() LIMIT 1", "SELECT a FROM t WHERE b = 5 LIMIT 1"},
  };
  for (const auto& [text, expected] : table) {
    CAPTURE(text);
    CHECK(rewritten(text) == expected);
  }
}

TEST_CASE("what only looks like them stays") {
  for (const char* text :
       {"SELECT FOUND_ROWS(1)", "SELECT t.found_rows()", "SELECT found_rows FROM t", "SELECT '@@warning_count'",
        "SELECT @@global.warning_count", "SET @@session.warning_count = 1", "SELECT @warning_count",
        "SELECT `FOUND_ROWS`()", "SELECT 1 -- FOUND_ROWS()"}) {
    CAPTURE(text);
    CHECK(rewritten(text) == "(unchanged)");
  }
}

TEST_CASE("which values of the previous statement a text reads") {
  const auto use = [](const char* text) { return previous_use(text, Dialect{}); };
  CHECK(use("SELECT 1") == previous_none);
  CHECK(use("SELECT 'FOUND_ROWS()'") == previous_none);
  CHECK(use("select found_rows(), ROW_COUNT()") == (previous_found_rows | previous_row_count));
  CHECK(use("SELECT LAST_INSERT_ID() + @@identity") == previous_insert_id);
  CHECK(use("SELECT @@warning_count, @@session.error_count") == previous_conditions);
  CHECK(use("SHOW COUNT(*) WARNINGS") == previous_diagnostics);
  CHECK(use("GET CURRENT DIAGNOSTICS @n = ROW_COUNT") == (previous_diagnostics | previous_row_count));
}

TEST_CASE("what FOUND_ROWS() says is set by some statements only, as seen on MySQL 9.7.4 and MariaDB 10.11.19") {
  struct Row {
    const char* text;
    bool mysql, mariadb;
  };
  const Row table[] = {{"SELECT 1", true, true},
                       {"(SELECT 1)", true, true},
                       {"SHOW TABLES", true, true},
                       {"DESCRIBE t", true, true},
                       {"SHOW WARNINGS", false, false},
                       {"EXPLAIN SELECT 1", false, true},
                       {"HELP 'x'", false, false},
                       {"CHECKSUM TABLE t", false, false},
                       {"INSERT INTO t VALUES (1)", false, false},
                       {"INSERT INTO t SELECT n FROM u", true, true},
                       {"REPLACE INTO t VALUES (1, 2)", false, false},
                       {"UPDATE t SET n = 1", true, false},
                       {"DELETE FROM t", false, false},
                       {"SET @a = 1", false, false},
                       {"DO 1", true, false},
                       {"BEGIN", false, false},
                       {"COMMIT", false, false},
                       {"USE s", false, false},
                       {"CREATE TABLE t (n INT)", false, false},
                       {"CALL p()", true, true}};
  for (const Row& row : table) {
    CAPTURE(row.text);
    Dialect dialect;
    CHECK(sets_found_rows(row.text, classify(row.text, dialect), dialect) == row.mysql);
    dialect.mariadb = true;
    CHECK(sets_found_rows(row.text, classify(row.text, dialect), dialect) == row.mariadb);
  }
}

}  // namespace
}  // namespace wye::sql
