#include "proxy/protocol/query_attributes.h"

#include "tests/unit/catch.h"
#include "tests/unit/protocol/hex.h"

namespace wye::protocol {
namespace {

TEST_CASE("the text begins behind the attributes") {
  struct Row {
    const char* payload;
    std::uint64_t attributes;
    std::size_t text_offset;
  };
  for (const Row& row : {
           Row{"03 00 01 53454c", 0, 3}, Row{"03 01 01 00 01 fe00 0161 0178 53454c", 1, 11},  // a = 'x'
           Row{"03 01 01 01 01 fe00 0161 53454c", 1, 9},                                      // a = NULL
           Row{"03 02 01 00 01 0800 0161 0300 0162 0500000000000000 07000000 53", 2, 25},     // numbers
           Row{"03 00 01", 0, 3},                                                             // no text at all
       }) {
    CAPTURE(row.payload);
    const Bytes payload = test::hex(row.payload);
    const auto parsed = parse_query_head(payload);
    REQUIRE(std::holds_alternative<QueryHead>(parsed));
    CHECK(std::get<QueryHead>(parsed).attributes == row.attributes);
    CHECK(std::get<QueryHead>(parsed).text_offset == row.text_offset);
    for (std::size_t n = 0; n < row.text_offset; ++n) {
      CAPTURE(n);
      CHECK(std::holds_alternative<NeedMore>(parse_query_head(ByteView{payload}.first(n))));
    }
  }
}

TEST_CASE("attributes that no client sends are malformed") {
  for (const char* payload : {
           "03 00 00",                       // no set of values
           "03 00 02",                       // two sets
           "03 fd000001 01",                 // 65536 attributes
           "03 01 01 00 00 fe00 0161 0178",  // without types
           "03 01 01 00 01 2000 0161 0178",  // a type that is none
       }) {
    CAPTURE(payload);
    CHECK(std::holds_alternative<Malformed>(parse_query_head(test::hex(payload))));
  }
}

}  // namespace
}  // namespace wye::protocol
