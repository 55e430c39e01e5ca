#include "proxy/sql/connection_id.h"

#include "tests/unit/catch.h"

namespace wye::sql {
namespace {

constexpr std::uint32_t id = 2147483650;

std::string rewritten(std::string_view text) {
  const auto out = with_connection_id(text, Dialect{}, id);
  return out ? *out : "(unchanged)";
}

TEST_CASE("CONNECTION_ID() becomes the client's id under its old column name") {
#define ID "CAST(2147483650 AS UNSIGNED)"
  const std::pair<const char*, const char*> table[] = {
      {"SELECT CONNECTION_ID()", "SELECT " ID " AS `CONNECTION_ID()`"},
      {"select connection_id( ) , 1", "select " ID " AS `connection_id( )` , 1"},
      {"SELECT 1, CONNECTION_ID();", "SELECT 1, " ID " AS `CONNECTION_ID()`;"},
      {"SELECT DISTINCT CONNECTION_ID() FROM t", "SELECT DISTINCT " ID " AS `CONNECTION_ID()` FROM t"},
      {"SELECT CONNECTION_ID() id", "SELECT " ID " id"},
      {"SELECT CONNECTION_ID() AS id", "SELECT " ID " AS id"},
      {"SELECT CONNECTION_ID() AS `a`, CONNECTION_ID()", "SELECT " ID " AS `a`, " ID " AS `CONNECTION_ID()`"},
      {"SELECT CONNECTION_ID() 'id'", "SELECT " ID " 'id'"},
      {"SELECT CONNECTION_ID()>1, CONNECTION_ID() < 2",
       "SELECT " ID ">1 AS `CONNECTION_ID()>1`, " ID " < 2 AS `CONNECTION_ID() < 2`"},
      {"SELECT CONNECTION_ID()+1", "SELECT " ID "+1 AS `CONNECTION_ID()+1`"},
      {"SELECT 5 IN (CONNECTION_ID(), 2)", "SELECT 5 IN (" ID ", 2) AS `5 IN (CONNECTION_ID(), 2)`"},
      {"SELECT `x`=CONNECTION_ID() FROM t", "SELECT `x`=" ID " AS ```x``=CONNECTION_ID()` FROM t"},
      {"SELECT NOT CONNECTION_ID()", "SELECT NOT " ID " AS `NOT CONNECTION_ID()`"},
      {"SELECT CONNECTION_ID() IS NULL", "SELECT " ID " IS NULL AS `CONNECTION_ID() IS NULL`"},
      {"SELECT CONNECTION_ID() UNION SELECT CONNECTION_ID()",
       "SELECT " ID " AS `CONNECTION_ID()` UNION SELECT " ID " AS `CONNECTION_ID()`"},
      {"SELECT a FROM t WHERE b = CONNECTION_ID() ORDER BY a, CONNECTION_ID()",
       "SELECT a FROM t WHERE b = " ID " ORDER BY a, " ID},
      {"SELECT * FROM (SELECT CONNECTION_ID()) d", "SELECT * FROM (SELECT " ID ") d"},
      {"INSERT INTO t VALUES (1, CONNECTION_ID())", "INSERT INTO t VALUES (1, " ID ")"},
      {"KILL CONNECTION_ID()", "KILL 2147483650"},
      {"SET @a = CONNECTION_ID()", "SET @a = " ID},
  };
  for (const auto& [text, expected] : table) {
    CAPTURE(text);
    CHECK(rewritten(text) == expected);
  }
#undef ID
}

TEST_CASE("what only looks like the function stays") {
  for (const char* text : {"SELECT 'CONNECTION_ID()'", "SELECT `CONNECTION_ID`()", "SELECT connection_id FROM t",
                           "SELECT 1 /* CONNECTION_ID() */", "SELECT t.connection_id() FROM t",
                           "SELECT connection_id(1)", "SELECT CONNECTION_ID(), 'open"}) {
    CAPTURE(text);
    CHECK(rewritten(text) == "(unchanged)");
  }
}

TEST_CASE("KILL of a number is understood, whatever is in front of it") {
  struct Row {
    const char* text;
    std::uint64_t id;
    bool query, of_query;
  };
  for (const Row& row : {Row{"KILL 5", 5, false, false}, Row{"kill connection 2147483650;", 2147483650, false, false},
                         Row{"KILL /* x */ QUERY 7", 7, true, false}, Row{"KILL HARD QUERY ID 9", 9, true, true},
                         Row{"KILL SOFT CONNECTION 9", 9, false, false}}) {
    CAPTURE(row.text);
    const auto kill = parse_kill(row.text, Dialect{});
    REQUIRE(kill);
    CHECK(kill->id == row.id);
    CHECK(kill->query == row.query);
    CHECK(kill->of_query == row.of_query);
    CHECK(std::string_view(row.text).substr(kill->id_begin, kill->id_end - kill->id_begin) == std::to_string(row.id));
  }
  // As clients write it that hold it in a signed number.
  CHECK(parse_kill("KILL QUERY -2147483646", Dialect{})->id == 2147483650);
  CHECK(parse_kill("KILL QUERY 18446744071562067970", Dialect{})->id == 2147483650);
  CHECK(parse_kill("KILL 4294967295", Dialect{})->id == 4294967295);
  for (const char* text : {"KILL", "KILL @a", "KILL 5+1", "KILL 5; SELECT 1", "KILL USER root", "SELECT 5",
                           "KILL -5000000000", "KILL 99999999999999999999", "KILL '5'"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_kill(text, Dialect{}));
  }
}

}  // namespace
}  // namespace wye::sql
