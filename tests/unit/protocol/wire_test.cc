#include "proxy/protocol/wire.h"

#include "tests/unit/catch.h"
#include "tests/unit/protocol/hex.h"

namespace wye::protocol {
namespace {

using test::hex;
using test::to_hex;

TEST_CASE("length-encoded integers") {
  struct Row {
    std::uint64_t value;
    const char* encoded;
  };
  const Row row = GENERATE(values<Row>({{0, "00"},
                                        {1, "01"},
                                        {0xfa, "fa"},
                                        {0xfb, "fcfb00"},
                                        {0xff, "fcff00"},
                                        {0xffff, "fcffff"},
                                        {0x10000, "fd000001"},
                                        {0xffffff, "fdffffff"},
                                        {0x1000000, "fe0000000100000000"},
                                        {~std::uint64_t{0}, "feffffffffffffffff"}}));
  Bytes out;
  put_lenenc(out, row.value);
  CHECK(to_hex(out) == row.encoded);
  Reader in{out};
  CHECK(in.lenenc() == row.value);
  CHECK(in.ok());
  CHECK(in.empty());
  test::each_prefix(out, [](ByteView prefix) {
    Reader cut{prefix};
    CHECK(cut.lenenc() == 0);
    CHECK_FALSE(cut.ok());
  });
}

TEST_CASE("longer forms than needed are integers too, NULL and 0xff are not") {
  CHECK(Reader{hex("fc0500")}.lenenc() == 5);
  for (const char* bad : {"fb", "ff", "fb00", "ff0000000000000000"}) {
    const Bytes bytes = hex(bad);
    Reader in{bytes};
    CHECK(in.lenenc() == 0);
    CHECK_FALSE(in.ok());
  }
}

TEST_CASE("fixed integers are little-endian") {
  Bytes out;
  put_u8(out, 0x01);
  put_u16(out, 0x0203);
  put_u24(out, 0x040506);
  put_u32(out, 0x0708090a);
  put_u64(out, 0x0b0c0d0e0f101112);
  CHECK(to_hex(out) ==
        "01"
        "0302"
        "060504"
        "0a090807"
        "1211100f0e0d0c0b");
  Reader in{out};
  CHECK(in.u8() == 0x01);
  CHECK(in.u16() == 0x0203);
  CHECK(in.u24() == 0x040506);
  CHECK(in.u32() == 0x0708090a);
  CHECK(in.u64() == 0x0b0c0d0e0f101112);
  CHECK(in.ok());
  CHECK(in.offset() == out.size());
}

TEST_CASE("a length beyond the end fails, however large") {
  for (const char* bad : {"0261", "fc00ff61", "feffffffffffffffff61", "feffffffffffffff7f61"}) {
    const Bytes bytes = hex(bad);
    Reader in{bytes};
    CHECK(in.lenenc_string().empty());
    CHECK_FALSE(in.ok());
    CHECK(in.u32() == 0);  // and stays so
    CHECK(in.rest().empty());
    CHECK_FALSE(in.ok());
  }
}

TEST_CASE("strings") {
  Bytes out;
  put_nul_string(out, "root");
  put_lenenc_string(out, std::string(300, 'x'));
  put_nul_string(out, std::string_view{"a\0b", 3});  // cut: it would shift what follows
  put_string(out, "rest");
  Reader in{out};
  CHECK(in.nul_string() == "root");
  CHECK(in.lenenc_string() == std::string(300, 'x'));
  CHECK(in.nul_string() == "a");
  Reader copy = in;
  CHECK(base::chars_of(copy.rest()) == "rest");
  CHECK(in.left() == 4);
  Reader lenient = in;
  CHECK(lenient.nul_string_or_rest() == "rest");
  CHECK(lenient.ok());
  CHECK(in.nul_string().empty());
  CHECK_FALSE(in.ok());
}

TEST_CASE("an empty view can be read from") {
  Reader in{ByteView{}};
  CHECK(in.empty());
  CHECK(in.take(0).empty());
  CHECK(in.nul_string_or_rest().empty());
  CHECK(in.ok());
  in.skip(1);
  CHECK_FALSE(in.ok());
}

}  // namespace
}  // namespace wye::protocol
