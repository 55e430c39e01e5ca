#include "proxy/sql/tables.h"

#include <string>

#include "tests/unit/catch.h"

using namespace wye::sql;

namespace {

std::string names(const std::string& text) {
  std::string all;
  for (const auto& name : tables_of(text, Dialect{})) {
    all += (all.empty() ? "" : " ") + (name.schema.empty() ? "" : std::string(name.schema) + ".") +
           std::string(name.table);
  }
  return all;
}

}  // namespace

TEST_CASE("the tables that a statement names") {
  const std::pair<const char*, const char*> rows[] = {
      {"SELECT a, b FROM t", "t"},
      {"SELECT orders FROM t WHERE a = c", "t"},
      {"SELECT * FROM t, u AS x, `s`.`v w` y WHERE a IN (1, 2), b", "t u s.v w"},
      {"SELECT * FROM (t, u) JOIN v ON f(a, b) = c, w", "t u v w"},
      {"SELECT * FROM t x STRAIGHT_JOIN u USE INDEX (a, b), v LIMIT 1, 2", "t u v"},
      {"SELECT (SELECT 1 FROM u), b FROM (SELECT a, b FROM s.t) d", "u s.t"},
      {"SELECT EXTRACT(YEAR FROM d), TRIM(x FROM y), SUBSTRING(s FROM 2) FROM t", "t"},
      {"WITH c AS (SELECT * FROM t) SELECT * FROM c, LATERAL (SELECT 1 FROM u) l", "t c u"},
      {"SELECT * FROM JSON_TABLE('[1]', '$[*]' COLUMNS (a INT PATH '$')) j, t", "t"},
      {"SELECT 1 FROM DUAL; SELECT 2 FROM t", "t"},
      {"(SELECT a FROM t) UNION (SELECT b FROM u) ORDER BY a DESC, b", "t u"},
      {"SELECT a INTO @x, @y FROM t FOR UPDATE OF t", "t"},
      {"TABLE t", "t"},
      {"INSERT INTO s.t (a, b) VALUES (1, 2), (3, 4) ON DUPLICATE KEY UPDATE a = 1", "s.t"},
      {"INSERT LOW_PRIORITY IGNORE t SET a = REPLACE(b, 'x', 'y')", "t"},
      {"REPLACE INTO t SELECT * FROM u", "t u"},
      {"UPDATE t, u SET t.a = TRUNCATE(b, 1), c = 2 WHERE x LIKE y", "t u"},
      {"UPDATE IGNORE t JOIN u USING (a) SET b = 1", "t u"},
      {"DELETE FROM t WHERE a LIKE b", "t"},
      {"DELETE a, b FROM t AS a JOIN u AS b ON a.x = b.x", "t u"},
      {"TRUNCATE t", "t"},
      {"TRUNCATE TABLE s.t", "s.t"},
      {"DROP TABLE IF EXISTS t, s.u", "t s.u"},
      {"ALTER TABLE t ADD a INT, ADD b INT", "t"},
      {"CREATE TABLE t (a INT, b INT REFERENCES u (c)) ENGINE = x", "t u"},
      {"CREATE TABLE t LIKE u", "t u"},
      {"CREATE VIEW v AS SELECT 1 FROM t JOIN u ON a = b", "t u"},
      {"CREATE INDEX i ON t (a, b)", "t"},
      {"LOCK TABLES t READ, u WRITE", "t u"},
      {"LOAD DATA INFILE 'x' INTO TABLE t (a, b)", "t"},
      {"DESC t", "t"},
      {"SELECT a FROM t ORDER BY a DESC, orders", "t"},
      {"EXPLAIN SELECT * FROM t", "t"},
      {"SHOW COLUMNS FROM t", "t"},
      {"/* orders */ SELECT 'FROM orders' -- FROM orders", ""},
      {"SET NAMES utf8", ""},
      {"SELECT 1 FROM", ""},
      {"", ""},
  };
  for (const auto& [text, wanted] : rows) {
    INFO(text);
    CHECK(names(text) == wanted);
  }
}

TEST_CASE("no text is too deep for the tables") {
  std::string text = "SELECT * FROM ";
  for (int i = 0; i < 500; ++i) text += "(";
  text += "t";
  for (int i = 0; i < 600; ++i) text += ")";
  CHECK(names(text + ", u").substr(0, 1) == "t");
}
