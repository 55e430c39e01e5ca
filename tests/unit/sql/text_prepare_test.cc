#include "proxy/sql/text_prepare.h"

#include "tests/unit/catch.h"

namespace wye::sql {
namespace {

using What = TextPrepare::What;

TEST_CASE("PREPARE, EXECUTE and DEALLOCATE as text: name and inner text") {
  struct Row {
    const char* text;
    What what;
    const char* name;
    const char* inner;  // nullptr: none
    bool values = false;
  };
  const Row rows[] = {
      {"PREPARE s FROM 'SELECT 1'", What::prepare, "s", "SELECT 1"},
      {"prepare `S 1` from \"SELECT 'a'\" ;", What::prepare, "s 1", "SELECT 'a'"},
      {"PREPARE s FROM 'SELECT ''a'', \\'b\\', \\%\\_ \\n\\t\\\\'", What::prepare, "s",
       "SELECT 'a', 'b', \\%\\_ \n\t\\"},
      {"/* x */ PREPARE s FROM /* y */ 'a' -- z", What::prepare, "s", "a"},
      {"PREPARE s FROM @text", What::prepare, "s", nullptr},
      {"PREPARE s FROM 'a' 'b'", What::prepare, "s", nullptr},
      {"PREPARE s FROM CONCAT('a', 'b')", What::prepare, "s", nullptr},
      {"PREPARE s FROM N'a'", What::prepare, "s", nullptr},
      {"PREPARE s", What::unknown, "s", nullptr},
      {"PREPARE \xc3\xbc FROM 'a'", What::unknown, "", nullptr},
      {"EXECUTE s", What::execute, "s", nullptr},
      {"EXECUTE S;", What::execute, "s", nullptr},
      {"EXECUTE s USING @a, @b", What::execute, "s", nullptr, true},
      {"EXECUTE IMMEDIATE 'SELECT 1'", What::unknown, "", nullptr},
      {"EXECUTE `immediate`", What::execute, "immediate", nullptr},
      {"DEALLOCATE PREPARE s", What::drop, "s", nullptr},
      {"DROP PREPARE s", What::drop, "s", nullptr},
  };
  for (const Row& row : rows) {
    INFO(row.text);
    Dialect dialect;
    dialect.version = 90700;
    const auto found = parse_text_prepare(row.text, dialect);
    CHECK(found.what == row.what);
    CHECK(found.name == row.name);
    CHECK(found.inner == (row.inner != nullptr ? std::optional<std::string>{row.inner} : std::nullopt));
    CHECK(found.values == row.values);
  }
  Dialect raw;
  raw.version = 90700;
  raw.no_backslash_escapes = true;
  CHECK(parse_text_prepare("PREPARE s FROM 'a\\n'", raw).inner == "a\\n");
  raw.ansi_quotes = true;
  CHECK_FALSE(parse_text_prepare("PREPARE s FROM \"a\"", raw).inner);
}

}  // namespace
}  // namespace wye::sql
