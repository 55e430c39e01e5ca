#include "proxy/sql/session_text.h"

#include "proxy/sql/facts.h"
#include "tests/unit/catch.h"

using namespace wye;

namespace {

/// "name=value" of each variable, "use NAME", and "?" where more may have happened.
std::string told(std::string_view text) {
  sql::Dialect dialect;
  dialect.version = 50624;
  const auto done = sql::session_text(text, dialect, sql::classify(text, dialect));
  std::string out;
  for (const auto& [name, value] : done.variables) out += (out.empty() ? "" : " ") + name + "=" + value;
  if (done.schema) out += (out.empty() ? "use " : " use ") + *done.schema;
  if (!done.whole) out += out.empty() ? "?" : " ?";
  return out;
}

std::string names(const std::string& charset, const std::string& collation) {
  return "character_set_client=" + charset + " character_set_connection=" + charset +
         " character_set_results=" + charset + " collation_connection=" + collation;
}

}  // namespace

TEST_CASE("What a statement's text says of the session") {
  struct Row {
    const char *text, *told;
  };
  const std::string latin1 = names("latin1", "latin1_swedish_ci"), utf8 = names("utf8mb4", "utf8mb4_general_ci");
  const std::string bin = names("utf8", "utf8_bin");
  const Row table[] = {
      {"SELECT 1", ""},
      {"INSERT INTO t VALUES ('SET x=1; CALL p()')", ""},
      {"BEGIN", ""},
      {"SET NAMES latin1", latin1.c_str()},
      {"/* hello */ set names 'UTF8MB4'", utf8.c_str()},
      {"SET NAMES utf8 COLLATE 'utf8_bin';", bin.c_str()},
      {"SET NAMES DEFAULT", "?"},
      {"SET NAMES utf8 COLLATE DEFAULT", "?"},
      {"SET CHARACTER SET utf8", "?"},
      {"SET character_set_results = NULL", "character_set_results="},
      {"SET character_set_connection=gbk", "character_set_connection=gbk collation_connection=gbk_chinese_ci"},
      {"SET collation_connection = latin1_bin", "collation_connection=latin1_bin character_set_connection=latin1"},
      {"SET collation_connection = binary", "collation_connection=binary character_set_connection=binary"},
      {"SET collation_connection = 33", "?"},
      {"SET sql_mode='STRICT_ALL_TABLES,no_zero_date'", "sql_mode=STRICT_ALL_TABLES,NO_ZERO_DATE"},
      {"SET @@session.sql_mode := ansi", "sql_mode=ANSI,ANSI_QUOTES,IGNORE_SPACE"},
      {"SET sql_mode=''", "sql_mode="},
      {"SET sql_mode=0", "?"},
      {"SET sql_mode=CONCAT(@@sql_mode, ',STRICT_ALL_TABLES')", "?"},
      {"SET sql_mode=(SELECT 1)", "?"},
      {"SET time_zone = '+01:00', @@local.wait_timeout=28800", "time_zone=+01:00 wait_timeout=28800"},
      {"SET SESSION foreign_key_checks=OFF, LOCAL unique_checks = true", "foreign_key_checks=0 unique_checks=1"},
      {"SET wait_timeout = DEFAULT", "?"},
      {"SET wait_timeout = 10+20", "?"},
      {"SET wait_timeout = -5", "wait_timeout=-5"},
      {"SET wait_timeout = 0x10", "?"},
      {"SET wait_timeout = @x", "?"},
      {"SET time_zone = @@global.time_zone", "?"},
      {"SET time_zone = 'a\\'b'", "?"},
      {"SET time_zone = 'it''s'", "time_zone=it's"},
      {"SET time_zone = '+01' ':00'", "?"},
      {"SET time_zone = SYSTEM", "?"},
      {"SET lc_time_names = current_user", "?"},
      {"SET autocommit=0", ""},
      {"SET autocommit=0, sql_auto_is_null=0", "sql_auto_is_null=0"},
      {"SET @a = f(1, (2)), sql_safe_updates=1", "sql_safe_updates=1 ?"},
      {"SET @a = ABS(-1), sql_safe_updates=1", "sql_safe_updates=1"},
      {"SET timestamp = 1", ""},
      {"SET GLOBAL max_connections = 5", "?"},
      {"SET @@global.max_connections = 5, sql_notes=0", "sql_notes=0"},
      {"SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", ""},
      {"SET @@tx_isolation = 'SERIALIZABLE'", ""},
      {"SET tx_isolation = 'read-committed'", "tx_isolation=READ-COMMITTED"},
      {"SET tx_isolation = 3", "tx_isolation=SERIALIZABLE"},
      {"SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ", "tx_isolation=REPEATABLE-READ"},
      {"SET SESSION TRANSACTION ISOLATION LEVEL READ UNCOMMITTED, READ ONLY",
       "tx_isolation=READ-UNCOMMITTED tx_read_only=1"},
      {"SET SESSION TRANSACTION READ WRITE", "tx_read_only=0"},
      {"SET GLOBAL TRANSACTION READ ONLY", ""},
      {"SET PASSWORD = PASSWORD('x')", ""},
      {"USE shop", "use shop"},
      {"USE `a``b`;", "use a`b"},
      {"DROP DATABASE shop", "?"},
      {"DROP TABLE shop", ""},
      {"CALL p()", "?"},
      {"EXECUTE s", "?"},
      {"PREPARE s FROM 'SET sql_mode=0'", ""},
      {"SELECT f(1)", "?"},
      {"SELEC 1", "?"},
      {"SET", "?"},
      {"SET x", "?"},
      {"SET sql_mode='' garbage", "?"},
      {"SET time_zone='unterminated", "?"},
      {"SET sql_notes=?", "?"},
      {"INSERT INTO t VALUES (1); SET sql_notes=0; USE `shop`", "sql_notes=0 use shop"},
      {"BEGIN; UPDATE t SET a=1; COMMIT", ""},
      {"SELECT 1; CALL p()", "?"},
      {"CREATE PROCEDURE p() BEGIN SET sql_notes=0; END", ""},
      {"SET sql_notes=0; CREATE PROCEDURE p() SET sql_notes=1", "sql_notes=0"},
      {"/*!40101 SET NAMES latin1 */", latin1.c_str()},
      {"/*!50700 SET NAMES latin1 */", ""},
  };
  for (const Row& row : table) {
    INFO(row.text);
    CHECK(told(row.text) == row.told);
  }
}
