#include "proxy/session/flows/conditions.h"

#include <string_view>
#include <vector>

#include "tests/unit/catch.h"

namespace wye::session {
namespace {

TEST_CASE("SHOW WARNINGS and its kind, as the servers spell it") {
  const auto parse = [](const char* text) { return parse_show_conditions(text, sql::Dialect{}); };
  REQUIRE(parse("show warnings;"));
  CHECK_FALSE(parse("SHOW WARNINGS")->errors_only);
  CHECK(parse("SHOW ERRORS")->errors_only);
  CHECK(parse("SHOW COUNT(*) ERRORS")->count);
  CHECK(parse("SHOW WARNINGS LIMIT 2")->most == 2);
  CHECK(parse("SHOW WARNINGS LIMIT 3, 2")->offset == 3);
  CHECK(parse("SHOW WARNINGS LIMIT 2 OFFSET 3")->offset == 3);
  CHECK(parse("SHOW WARNINGS LIMIT 2 OFFSET 3")->most == 2);
  for (const char* text : {"SHOW TABLES", "SHOW WARNINGS; SELECT 1", "GET DIAGNOSTICS @n = NUMBER", "SHOW COUNT(*)"}) {
    CAPTURE(text);
    CHECK_FALSE(parse(text));
  }
}

protocol::Bytes text_row(std::string_view level, std::string_view code, std::string_view message) {
  protocol::Bytes payload;
  for (const auto text : {level, code, message}) protocol::put_lenenc_string(payload, text);
  return payload;
}

TEST_CASE("what was read back is shown as it is asked for") {
  const auto a = text_row("Error", "1146", "a"), b = text_row("Note", "4094", "b"),
             c = text_row("Warning", "70000", "c");
  const Conditions three{{3}, {}, {a, b, c}, {true, false, false}};
  using Rows = std::vector<protocol::Bytes>;
  CHECK(rows_shown(three, {}, false) == Rows{a, b, c});
  CHECK(rows_shown(three, {true, false, 0, 9}, false) == Rows{a});
  CHECK(rows_shown(three, {false, false, 1, 1}, false) == Rows{b});
  CHECK(rows_shown(three, {false, false, 0, 0}, false) == Rows{});
  const auto binary = rows_shown(three, {false, false, 2, 9}, true);
  REQUIRE(binary);
  // 70000 = 0x11170
  CHECK(*binary == Rows{{0, 0, 7, 'W', 'a', 'r', 'n', 'i', 'n', 'g', 0x70, 0x11, 0x01, 0x00, 1, 'c'}});
}

TEST_CASE("rows that are no conditions are not told in binary") {
  for (const auto& row : {protocol::Bytes{0xfe}, text_row("Error", "", "a"), text_row("Error", "12x", "a"),
                          text_row("Error", "99999999999", "a"), protocol::Bytes{}})
    CHECK_FALSE(rows_shown({{3}, {}, {row}, {true}}, {}, true));
}

}  // namespace
}  // namespace wye::session
