#include "proxy/protocol/execute.h"

#include "tests/unit/catch.h"
#include "tests/unit/protocol/hex.h"

namespace wye::protocol {
namespace {

using test::hex;
using test::to_hex;

// Both accepted by MariaDB 10.11.19. SELECT ?,? with (7, NULL); INSERT with ('hi').
const char* const select_7_null = "17 01000000 00 01000000 02 01 0300 fd00 07000000";
const char* const insert_hi = "17 04000000 00 01000000 00 01 fd00 026869";

ExecuteHead head_of(ByteView payload, std::uint16_t parameters) {
  const auto parsed = parse_execute_head(payload, parameters);
  REQUIRE(std::holds_alternative<ExecuteHead>(parsed));
  return std::get<ExecuteHead>(parsed);
}

TEST_CASE("the head of COM_STMT_EXECUTE") {
  const Bytes payload = hex(select_7_null);
  const ExecuteHead head = head_of(payload, 2);
  CHECK(head.statement_id == 1);
  CHECK(head.flags == 0);
  CHECK(head.iterations == 1);
  CHECK(head.new_params_bound);
  CHECK(to_hex(head.types) == "0300fd00");
  CHECK(to_hex(head.null_bitmap) == "02");
  CHECK(head.types_offset == 11);
  CHECK(head.values_offset == 16);
  for (std::size_t n = 0; n < 16; ++n) {
    const auto cut = parse_execute_head(ByteView{payload}.first(n), 2);
    REQUIRE(std::holds_alternative<NeedMore>(cut));
    CHECK(std::get<NeedMore>(cut).at_least >= 1);
  }
  const auto values = parse_execute_values(payload, head, head.types, 2, {});
  REQUIRE(std::holds_alternative<std::vector<Parameter>>(values));
  const auto& p = std::get<std::vector<Parameter>>(values);
  CHECK(to_hex(p[0].value) == "07000000");
  CHECK(p[1].source == Parameter::Source::null);
  Bytes again;
  write_execute(again, head, p);
  CHECK(again == payload);
}

TEST_CASE("without parameters there is only the fixed part") {
  const Bytes payload = hex("17 ffffffff 01 01000000");
  const ExecuteHead head = head_of(payload, 0);
  CHECK(head.statement_id == 0xffffffff);
  CHECK(head.flags == 1);
  CHECK(head.values_offset == 10);
  CHECK(std::get<std::vector<Parameter>>(parse_execute_values(payload, head, {}, 0, {})).empty());
  CHECK(std::holds_alternative<Malformed>(parse_execute_head(hex("16"), 0)));
  CHECK(std::holds_alternative<Malformed>(parse_execute_head(hex("17 04000000 00 01000000 00 02"), 1)));
}

TEST_CASE("types are put in where the client left them out") {
  const Bytes unbound = hex("17 04000000 00 01000000 00 00 026869");
  Bytes out = hex("ee");
  write_execute_with_types(out, unbound, head_of(unbound, 1), hex("fd00"));
  CHECK(out == hex(std::string{"ee"} + insert_hi));
  // The same of a prefix that ends with the flag.
  out.clear();
  const auto prefix = ByteView{unbound}.first(12);
  write_execute_with_types(out, prefix, head_of(prefix, 1), hex("fd00"));
  CHECK(to_hex(out) ==
        "1704000000000100000000"
        "01fd00");
}

TEST_CASE("with query attributes the values are counted and named") {
  // One parameter and one attribute "a", both strings: "hi" and "x".
  const Bytes payload = hex("17 04000000 08 01000000 02 00 01 fd00 00 fe00 0161 026869 0178");
  test::each_prefix(payload, [](ByteView prefix) {
    if (prefix.size() < 20) CHECK(std::holds_alternative<NeedMore>(parse_execute_head(prefix, 1, true)));
  });
  const auto parsed = parse_execute_head(payload, 1, true);
  const auto& head = std::get<ExecuteHead>(parsed);
  CHECK(head.count == 2);
  CHECK(to_hex(head.types) == "fd0000fe000161");
  CHECK(head.values_offset == 20);
  // No parameters and no count: nothing follows. No parameters, but a count: attributes alone.
  CHECK(std::get<ExecuteHead>(parse_execute_head(hex("17 04000000 00 01000000"), 0, true)).count == 0);
  CHECK(std::get<ExecuteHead>(parse_execute_head(hex("17 04000000 08 01000000 00"), 0, true)).count == 0);
  CHECK(std::holds_alternative<Malformed>(parse_execute_head(hex("17 04000000 08 01000000 fd000001"), 0, true)));
  Bytes out;
  const Bytes unbound = hex("17 04000000 08 01000000 02 00 00 026869 0178");
  write_execute_with_types(out, unbound, std::get<ExecuteHead>(parse_execute_head(unbound, 1, true)), head.types);
  CHECK(to_hex(out) == to_hex(payload));
}

TEST_CASE("bulk execution gets its types too") {
  const Bytes with = hex("fa 04000000 8000 0300 fe00 00 05000000 00 0161");
  const auto parsed = parse_bulk_head(with, 2);
  const auto& head = std::get<BulkHead>(parsed);
  CHECK(head.statement_id == 4);
  CHECK(to_hex(head.types) == "0300fe00");
  CHECK(head.values_offset == 11);
  for (std::size_t n = 0; n < 11; ++n)
    CHECK(std::holds_alternative<NeedMore>(parse_bulk_head(ByteView{with}.first(n), 2)));
  const Bytes without = hex("fa 04000000 0000 00 05000000 00 0161");
  Bytes out;
  write_bulk_with_types(out, without, std::get<BulkHead>(parse_bulk_head(without, 2)), hex("0300fe00"));
  CHECK(to_hex(out) == to_hex(with));
  CHECK(std::holds_alternative<Malformed>(parse_bulk_head(hex("17 04000000 0000"), 2)));
}

TEST_CASE("every type has its length") {
  struct Row {
    const char *type, *value;  // as on the wire
  };
  const Row row = GENERATE(values<Row>({{"0100", "7f"},
                                        {"0180", "ff"},
                                        {"0200", "0100"},
                                        {"0d00", "e907"},
                                        {"0300", "01000000"},
                                        {"0900", "01000000"},
                                        {"0400", "0000803f"},
                                        {"0500", "000000000000f03f"},
                                        {"0880", "ffffffffffffffff"},
                                        {"0600", ""},
                                        {"0a00", "04e9070a11"},
                                        {"0a00", "00"},
                                        {"0c00", "07e9070a11010203"},
                                        {"0700", "0be9070a1101020301000000"},
                                        {"0b00", "00"},
                                        {"0b00", "080000000000010203"},
                                        {"0b00", "0c01000000000102030f000000"},
                                        {"0000", "03312e35"},
                                        {"f600", "03312e35"},
                                        {"f500", "027b7d"},
                                        {"f200", "040000803f"},
                                        {"fe00", "00"},
                                        {"0f00", "026869"},
                                        {"1000", "0101"},
                                        {"fc00", "fc0300616263"},
                                        {"ff00", "0161"}}));
  CAPTURE(row.type, row.value);
  const Bytes payload = hex(std::string{"17 01000000 00 01000000 00 01"} + row.type + row.value);
  const ExecuteHead head = head_of(payload, 1);
  const auto values = parse_execute_values(payload, head, head.types, 1, {});
  REQUIRE(std::holds_alternative<std::vector<Parameter>>(values));
  Bytes again;
  write_execute(again, head, std::get<std::vector<Parameter>>(values));
  const auto back = parse_execute_values(again, head_of(again, 1), head_of(again, 1).types, 1, {});
  CHECK(to_hex(std::get<std::vector<Parameter>>(back)[0].value) ==
        to_hex(std::get<std::vector<Parameter>>(values)[0].value));
  for (std::size_t n = head.values_offset; n < payload.size(); ++n) {
    const Bytes cut(payload.begin(), payload.begin() + static_cast<std::ptrdiff_t>(n));
    CHECK(std::holds_alternative<Malformed>(parse_execute_values(cut, head_of(cut, 1), head.types, 1, {})));
  }
  Bytes longer = payload;
  longer.push_back(0);
  CHECK(std::holds_alternative<Malformed>(parse_execute_values(longer, head_of(longer, 1), head.types, 1, {})));
}

TEST_CASE("values that no client may send") {
  for (const char* bad : {"0a00 03e9070a", "0a00 08e9070a1100000000", "0b00 04e9070a11", "0e00 00", "1100 00",
                          "f400 01", "fe00 fb", "fe00 ff", "fe00 feffffffffffffffff"}) {
    CAPTURE(bad);
    const Bytes payload = hex(std::string{"17 01000000 00 01000000 00 01"} + bad);
    const ExecuteHead head = head_of(payload, 1);
    CHECK(std::holds_alternative<Malformed>(parse_execute_values(payload, head, head.types, 1, {})));
  }
}

TEST_CASE("a parameter that was sent ahead has no value here") {
  const Bytes payload = hex("17 01000000 00 01000000 00 01 fc00 0100 05");
  const ExecuteHead head = head_of(payload, 2);
  const auto values = parse_execute_values(payload, head, head.types, 2, {true, false});
  REQUIRE(std::holds_alternative<std::vector<Parameter>>(values));
  CHECK(std::get<std::vector<Parameter>>(values)[0].source == Parameter::Source::long_data);
  Bytes again;
  write_execute(again, head, std::get<std::vector<Parameter>>(values));
  CHECK(again == payload);
}

TEST_CASE("types bound earlier, and many parameters") {
  Bytes payload = hex("17 01000000 00 01000000 ffff 01 00");  // 17 parameters, all NULL
  const ExecuteHead head = head_of(payload, 17);
  CHECK(head.null_bitmap.size() == 3);
  Bytes types;
  for (int i = 0; i < 17; ++i) base::append(types, hex("0300"));
  CHECK(std::holds_alternative<std::vector<Parameter>>(parse_execute_values(payload, head, types, 17, {})));
  CHECK(std::holds_alternative<Malformed>(parse_execute_values(payload, head, ByteView{types}.first(32), 17, {})));
}

}  // namespace
}  // namespace wye::protocol
