// Vectors marked "capture" came from MariaDB 10.11.19; the others follow the documentation.
#include <string>

#include "proxy/protocol/response_tracker.h"
#include "tests/unit/catch.h"
#include "tests/unit/protocol/hex.h"

namespace wye::protocol {
namespace {

using test::hex;
using test::to_hex;

const char* const updated =  // capture: UPDATE, with and without CLIENT_SESSION_TRACK (not documented so, but it is)
    "0001000200000028526f7773206d6174636865643a203120204368616e6765643a203120205761726e696e67733a2030";
const char* const updated_tracked =  // capture: the same with last_gtid tracked
    "0001000240000028526f7773206d6174636865643a203120204368616e6765643a203120205761726e696e67733a203012"
    "0010096c6173745f6774696405302d312d35";

TEST_CASE("OK packets are parsed and written back byte for byte") {
  struct Row {
    const char* packet;
    bool track;
    std::uint64_t rows, id;
    unsigned status, warnings;
    std::string info;
    std::size_t state_size;
  };
  const std::string info = "Rows matched: 1  Changed: 1  Warnings: 0";
  const Row row = GENERATE_COPY(
      values<Row>({{"00000002000000", false, 0, 0, 2, 0, "", 0},
                   {"00000002000000", true, 0, 0, 2, 0, "", 0},
                   {updated, false, 1, 0, 2, 0, info, 0},
                   {updated, true, 1, 0, 2, 0, info, 0},
                   {updated_tracked, true, 1, 0, 0x4002, 0, info, 0x12},
                   {"00fcfb00fd0000010300ffff", false, 251, 65536, 3, 65535, "", 0},
                   {"fe000022000000", true, 0, 0, 0x22, 0, "", 0},                // capture: end of a result
                   {"fe00000a400000000401020174", true, 0, 0, 0x400a, 0, "", 4},  // capture: the same inside CALL
                   {"00000002400000000701020174020131", true, 0, 0, 0x4002, 0, "", 7}}));  // capture: USE t
  CAPTURE(row.packet, row.track);
  const Bytes packet = hex(row.packet);
  const auto parsed = parse_ok(packet, row.track);
  REQUIRE(std::holds_alternative<OkInfo>(parsed));
  const auto& ok = std::get<OkInfo>(parsed);
  CHECK(ok.affected_rows == row.rows);
  CHECK(ok.insert_id == row.id);
  CHECK(ok.status == row.status);
  CHECK(ok.warnings == row.warnings);
  CHECK(ok.info == row.info);
  CHECK(ok.session_state.size() == row.state_size);
  Bytes again;
  write_ok(again, ok, {packet[0] == 0xfe, row.track});
  CHECK(to_hex(again) == row.packet);
}

TEST_CASE("a client without session tracking gets the OK that a server would give it") {
  const Bytes tracked = hex(updated_tracked);
  const auto parsed = parse_ok(tracked, true);
  Bytes out;
  write_ok(out, std::get<OkInfo>(parsed), {false, false});
  CHECK(to_hex(out) == updated);
}

TEST_CASE("an info that is the rest of the packet, as documented, is understood") {
  const Bytes packet = hex("00000002000000 526f7773");  // "Rows": 'R' is no length that fits
  const auto parsed = parse_ok(packet, false);
  CHECK(std::get<OkInfo>(parsed).info == "Rows");
}

TEST_CASE("truncated OK packets are malformed, never read past the end") {
  test::each_prefix(hex(updated_tracked), [](ByteView prefix) {
    // Up to the warnings nothing fits; then the flag says that a block follows.
    CHECK(std::holds_alternative<Malformed>(parse_ok(prefix, true)));
    CHECK(std::holds_alternative<Malformed>(parse_ok(prefix, false)) == (prefix.size() < 7));
  });
}

TEST_CASE("what is no OK packet") {
  for (const char* bad : {"", "01000002000000", "ff000002000000", "00fb0002000000", "00000002000000 00 00",
                          "00000002400000 00 0401020174 00", "00000002400000 00 0501020174", "fe00000200"}) {
    CAPTURE(bad);
    CHECK(std::holds_alternative<Malformed>(parse_ok(hex(bad), true)));
  }
}

TEST_CASE("EOF packets") {
  const Bytes packet = hex("fe0300220a");
  const auto eof = std::get<EofInfo>(parse_eof(packet));
  CHECK(eof.warnings == 3);
  CHECK(eof.status == 0x0a22);
  Bytes again;
  write_eof(again, eof);
  CHECK(again == packet);
  test::each_prefix(packet, [](ByteView prefix) { CHECK(std::holds_alternative<Malformed>(parse_eof(prefix))); });
  CHECK(std::holds_alternative<Malformed>(parse_eof(hex("fe00000000 00000000"))));
  CHECK(std::holds_alternative<Malformed>(parse_eof(hex("0000000000"))));
}

TEST_CASE("ERR packets") {
  struct Row {
    const char* packet;
    unsigned code;
    const char *state, *message;
  };
  const Row row = GENERATE(values<Row>({{"ff1904233432303030 6e6f", 1049, "42000", "no"},
                                        {"ff100454 6f6f", 1040, "", "Too"},  // before authentication
                                        {"ff1904", 1049, "", ""},
                                        {"ffffff234859303030 6f6f", 65535, "HY000", "oo"},  // SIGNAL may say so
                                        {"ff1904233432303030", 1049, "42000", ""},
                                        {"ff19042334323030", 1049, "", "#4200"}}));
  const Bytes packet = hex(row.packet);
  const auto err = std::get<ErrInfo>(parse_err(packet));
  CHECK(err.code == row.code);
  CHECK(err.state == row.state);
  CHECK(err.message == row.message);
  Bytes again;
  write_err(again, err);
  CHECK(again == packet);
  for (const char* bad : {"", "ff", "ff00", "001904"}) {
    CHECK(std::holds_alternative<Malformed>(parse_err(hex(bad))));
  }
}

std::string listed(ByteView block, bool& whole) {
  std::string out;
  whole = for_each_tracker(block, [&](const TrackerItem& i) {
    out += std::to_string(static_cast<int>(i.type)) + ":" + std::string{i.name} + "=" + std::string{i.value} + ";";
  });
  return out;
}

TEST_CASE("session trackers") {
  struct Row {
    const char* block;
    const char* items;
  };
  const Row row = GENERATE(values<Row>({
      {"", ""},
      // captures
      {"001d156368617261637465725f7365745f726573756c7473066c6174696e31001c146368617261637465725f7365745f636c69656e7406"
       "6c6174696e310020186368617261637465725f7365745f636f6e6e656374696f6e066c6174696e31020131",
       "0:character_set_results=latin1;0:character_set_client=latin1;0:character_set_connection=latin1;2:=1;"},
      {"0017156368617261637465725f7365745f726573756c747300020131", "0:character_set_results=;2:=1;"},
      {"050908545f5f5f5f5f5f5f0413125354415254205452414e53414354494f4e3b", "5:=T_______;4:=START TRANSACTION;;"},
      {"0010096c6173745f6774696405302d312d360509085f5f5f5f5f5f5f5f040100", "0:last_gtid=0-1-6;5:=________;4:=;"},
      {"01020174020131", "1:=t;2:=1;"},
      // several pairs in one item; GTIDs with their encoding byte; a tracker of the future, undecoded
      {"0008 0161 0131 0162 0132", "0:a=1;0:b=2;"},
      {"0305 00 03 613a31", "3:=a:1;"},
      {"0903 414243", "9:=ABC;"},
  }));
  CAPTURE(row.items);
  bool whole = false;
  const Bytes block = hex(row.block);
  CHECK(listed(block, whole) == row.items);
  CHECK(whole);
  test::each_prefix(block, [&](ByteView prefix) {
    bool all = false;
    const std::string some = listed(prefix, all);
    CHECK(std::string{row.items}.starts_with(some));  // a cut never invents an item
  });
}

TEST_CASE("broken tracker blocks") {
  for (const char* bad : {"00", "0000", "0002 0561", "0003 0161 05", "0101 05", "0103 0161 00", "0300", "0302 00 05",
                          "02fb01", "02feffffffffffffffff", "0106 0161"}) {
    CAPTURE(bad);
    bool whole = true;
    listed(hex(bad), whole);
    CHECK_FALSE(whole);
  }
}

}  // namespace
}  // namespace wye::protocol
