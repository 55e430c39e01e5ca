#include "proxy/cli/answer_text.h"

#include "tests/unit/catch.h"

using namespace wye::cli;
using wye::base::milliseconds;

namespace {

Answer table() {
  Answer a;
  a.is_table = true;
  a.columns = {"name", "lag_ms"};
  a.numeric = {false, true};
  a.rows = {{"db1", std::nullopt}, {"gr\xc3\xbc\xc3\x9f", "1200"}};
  return a;
}

}  // namespace

TEST_CASE("a table as the mysql shell draws it") {
  CHECK(as_table(table(), milliseconds{1234}) ==
        "+------+--------+\n"
        "| name | lag_ms |\n"
        "+------+--------+\n"
        "| db1  |   NULL |\n"
        "| gr\xc3\xbc\xc3\x9f |   1200 |\n"
        "+------+--------+\n"
        "2 rows in set (1.23 sec)\n");
  Answer empty = table();
  empty.rows.clear();
  CHECK(as_table(empty, milliseconds{5}) == "Empty set (0.00 sec)\n");
  Answer ok;
  ok.affected_rows = 1;
  ok.info = "drained";
  CHECK(as_table(ok, milliseconds{50}) == "Query OK, 1 row affected (0.05 sec)\ndrained\n");
}

TEST_CASE("JSON, one object a row") {
  Answer a = table();
  a.rows.push_back({"\xff\n", "007"});
  CHECK(as_json(a) ==
        "{\"name\":\"db1\",\"lag_ms\":null}\n"
        "{\"name\":\"gr\xc3\xbc\xc3\x9f\",\"lag_ms\":1200}\n"
        "{\"name\":\"\xef\xbf\xbd\\n\",\"lag_ms\":\"007\"}\n");
  Answer ok;
  ok.affected_rows = 2;
  CHECK(as_json(ok) == "{\"affected_rows\":2,\"info\":\"\"}\n");
}

TEST_CASE("what a server says can't move the cursor") {
  CHECK(printable("a\nb\tc\x1b[2J\x7f\xc2\x9b!") == "a\\nb\\tc\\x1b[2J\\x7f\\xc2\x9b!");
  CHECK(printable("gr\xc3\xbc\xc3\x9f") == "gr\xc3\xbc\xc3\x9f");
  CHECK(printable(std::string("\0", 1)) == "\\x00");
}
