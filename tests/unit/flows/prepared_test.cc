#include "proxy/session/flows/prepared.h"

#include <set>

#include "tests/unit/catch.h"
#include "tests/unit/protocol/hex.h"

namespace wye::session {
namespace {

using test::hex;
using test::to_hex;

// EXECUTE of client statement 7 with one LONG parameter, value 5.
const std::string head = "17 07000000 00 01000000 00", bound = "01 0300", value = "05000000";

PreparedStatement statement_with(std::uint16_t parameters) {
  PreparedStatement s;
  s.parameters = parameters;
  return s;
}

TEST_CASE("ids and keys are never used twice") {
  PreparedStatements mine, others;
  std::set<std::uint32_t> ids;
  std::set<std::uint64_t> keys;
  for (int i = 0; i < 100; ++i) {
    const auto& a = mine.add("SELECT 1");
    const auto& b = others.add("SELECT 2");
    CHECK(mine.find(a.id) == &a);
    ids.insert(a.id);
    keys.insert({a.key, b.key});
    if (i % 2 == 0) mine.remove(a.id);
  }
  CHECK(ids.size() == 100);
  CHECK(keys.size() == 200);
  CHECK(mine.size() == 50);
  CHECK(mine.find(0) == nullptr);
  CHECK(mine.find(0xffffffff) == nullptr);
  mine.clear();
  CHECK(mine.size() == 0);
}

TEST_CASE("a statement's text does not move when others come: its facts are views into it") {
  PreparedStatements all;
  const auto& first = all.add("SELECT 1");
  const char* text = first.text.data();
  for (int i = 0; i < 1000; ++i) all.add("x");
  CHECK(first.text.data() == text);
}

TEST_CASE("EXECUTE gets the server's id; what the client bound passes as it is") {
  auto s = statement_with(1);
  PreparedThere there{0x01020304, {}};
  const auto payload = hex(head + bound + value);
  REQUIRE(note_types(payload, s));
  CHECK(to_hex(s.types) == "0300");
  const auto r = rewrite_execute(payload, s, there);
  REQUIRE(r);
  CHECK_FALSE(r->grew);
  CHECK(to_hex(r->prefix) ==
        "17040302010001000000000103000500"
        "0000");
}

TEST_CASE("types that a server has not seen go along; those that it has do not") {
  auto s = statement_with(1);
  PreparedThere a{1, {}}, b{2, {}};
  REQUIRE(note_types(hex(head + bound + value), s));
  REQUIRE(rewrite_execute(hex(head + bound + value), s, a));
  const auto again = hex(head + "00" + value);
  REQUIRE(note_types(again, s));
  CHECK(to_hex(s.types) == "0300");
  auto r = rewrite_execute(again, s, a);
  REQUIRE(r);
  CHECK_FALSE(r->grew);
  r = rewrite_execute(again, s, b);
  REQUIRE(r);
  CHECK(r->grew);
  CHECK(to_hex(r->prefix) == "170200000000010000000001030005000000");
  r = rewrite_execute(again, s, b);
  REQUIRE(r);
  CHECK_FALSE(r->grew);
}

TEST_CASE("types that were bound anew elsewhere go along to a server that knows older ones") {
  auto s = statement_with(1);
  PreparedThere a{1, {}}, b{2, {}};
  const auto first = hex(head + bound + value), other = hex(head + "01 fe00" + "0161"),
             again = hex(head + "00" + "0162");
  REQUIRE(note_types(first, s));
  REQUIRE(rewrite_execute(first, s, a));
  REQUIRE(note_types(other, s));
  REQUIRE(rewrite_execute(other, s, b));
  REQUIRE(note_types(again, s));
  const auto r = rewrite_execute(again, s, a);  // the value is a string; `a` believes in a number
  REQUIRE(r);
  CHECK(r->grew);
  CHECK(to_hex(r->prefix) ==
        "1701000000000100000000"
        "01fe00"
        "0162");
}

TEST_CASE("without parameters there are no types") {
  auto s = statement_with(0);
  PreparedThere there{9, {}};
  const auto payload = hex("17 07000000 00 01000000");
  REQUIRE(note_types(payload, s));
  const auto r = rewrite_execute(payload, s, there);
  REQUIRE(r);
  CHECK(to_hex(r->prefix) == "17090000000001000000");
}

TEST_CASE("a malformed EXECUTE is neither noted nor rewritten") {
  auto s = statement_with(9);
  PreparedThere there{1, {}};
  test::each_prefix(hex("17 07000000 00 01000000 0000 01 030003000300030003000300030003000300"),
                    [&](base::ByteView prefix) {
                      CHECK_FALSE(note_types(prefix, s));
                      CHECK_FALSE(rewrite_execute(prefix, s, there));
                    });
  CHECK_FALSE(note_types(hex("03 53454c45435420312020202020202020"), s));
  CHECK(s.types.empty());
}

}  // namespace
}  // namespace wye::session
