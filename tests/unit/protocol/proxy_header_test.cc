#include "proxy/protocol/proxy_header.h"

#include "tests/unit/catch.h"
#include "tests/unit/protocol/hex.h"

namespace wye::protocol {
namespace {

using test::hex;
const std::string signature = "0d0a0d0a000d0a515549540a";

/// A parse in one line: "ip 1.2.3.4:5 > 6.7.8.9:10 (40)", "local (16)", "none", "more 3", or the reason of a refusal.
std::string show(const ParsedProxyHeader& parsed) {
  if (std::holds_alternative<NoProxyHeader>(parsed)) return "none";
  if (const auto* more = std::get_if<NeedMore>(&parsed)) return "more " + std::to_string(more->at_least);
  if (const auto* bad = std::get_if<Malformed>(&parsed)) return bad->why;
  const auto& h = std::get<ProxyHeader>(parsed);
  const std::string size = " (" + std::to_string(h.consumed) + ")";
  switch (h.from) {
    case ProxyHeader::From::ip:
      return "ip " + h.source.text() + " > " + h.destination.text() + size;
    case ProxyHeader::From::unix_socket:
      return "unix" + size;
    case ProxyHeader::From::local:
      return "local" + size;
    default:
      return "unknown" + size;
  }
}

std::string v1(const std::string& line) { return show(parse_proxy_header(base::bytes_of(line))); }
std::string v2(const std::string& tail) { return show(parse_proxy_header(hex(signature + tail))); }

TEST_CASE("version 1") {
  const std::string unknown = "PROXY UNKNOWN" + std::string(92, 'x');
  const std::pair<std::string, std::string> rows[] = {
      {"PROXY TCP4 10.0.0.9 10.0.0.1 51234 6033\r\n", "ip 10.0.0.9:51234 > 10.0.0.1:6033 (41)"},
      {"PROXY TCP4 10.0.0.9 10.0.0.1 0 65535\r\nmore", "ip 10.0.0.9:0 > 10.0.0.1:65535 (38)"},
      {"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n",
       "ip 255.255.255.255:65535 > 255.255.255.255:65535 (56)"},
      {"PROXY TCP6 fd00::1 ::1 1 2\r\n", "ip [fd00::1]:1 > [::1]:2 (28)"},
      {"PROXY TCP6 ::ffff:10.0.0.9 ::1 1 2\r\n", "ip 10.0.0.9:1 > [::1]:2 (36)"},
      {"PROXY UNKNOWN\r\n", "unknown (15)"},
      {"PROXY UNKNOWN ffff::1 garbage, even\r\n", "unknown (37)"},
      {unknown + "\r\n", "PROXY header of an unknown protocol"},
      {"PROXY UNKNOWN " + std::string(91, 'x') + "\r\n", "unknown (107)"},
      {"PROXY UNKNOWN " + std::string(92, 'x') + "\r\n", "PROXY header without an end"},
      {"PROXY TCP4 10.0.0.9 10.0.0.1 51234 6033\n", "PROXY header with a bare line feed"},
      {"PROXY TCP5 10.0.0.9 10.0.0.1 1 2\r\n", "PROXY header of an unknown protocol"},
      {"PROXY \r\n", "PROXY header of an unknown protocol"},
      {"PROXY TCP4\r\n", "PROXY header of an unknown protocol"},
      {"PROXY TCP4 \r\n", "PROXY header with a bad address"},
      {"PROXY TCP4 10.0.0.9 10.0.0.1\r\n", "PROXY header with a bad port"},
      {"PROXY TCP4 10.0.0.9 10.0.0.1 1\r\n", "PROXY header with a bad port"},
      {"PROXY TCP4 10.0.0.9 10.0.0.1 1 2 3\r\n", "PROXY header with a bad port"},
      {"PROXY TCP4 10.0.0.9 10.0.0.1 1 2 \r\n", "PROXY header with a bad port"},
      {"PROXY TCP4  10.0.0.9 10.0.0.1 1 2\r\n", "PROXY header with a bad address"},
      {"PROXY TCP4 10.0.0.9 10.0.0.1 01 2\r\n", "PROXY header with a bad port"},
      {"PROXY TCP4 10.0.0.9 10.0.0.1 65536 2\r\n", "PROXY header with a bad port"},
      {"PROXY TCP4 10.0.0.9 10.0.0.1 -1 2\r\n", "PROXY header with a bad port"},
      {"PROXY TCP4 10.0.0.9 10.0.0.1 +1 2\r\n", "PROXY header with a bad port"},
      {"PROXY TCP4 10.0.0.256 10.0.0.1 1 2\r\n", "PROXY header with a bad address"},
      {"PROXY TCP4 ::1 ::1 1 2\r\n", "PROXY header with a bad address"},
      {"PROXY TCP6 10.0.0.9 10.0.0.1 1 2\r\n", "PROXY header with a bad address"},
      {"PROXY TCP4 10.0.0.9\t10.0.0.1 1 2\r\n", "PROXY header with a bad address"},
      {"PROXYTCP4 10.0.0.9 10.0.0.1 1 2\r\n", "PROXY header with a broken signature"},
      {"proxy TCP4 10.0.0.9 10.0.0.1 1 2\r\n", "none"},
  };
  for (const auto& [line, expected] : rows) {
    INFO(line);
    CHECK(v1(line) == expected);
  }
}

TEST_CASE("version 2") {
  const std::string four = "0a000009 0a000001 c822 1791";
  const std::string six = "fd000000000000000000000000000001 00000000000000000000000000000001 0001 0002";
  const std::pair<std::string, std::string> rows[] = {
      {"21 11 000c" + four, "ip 10.0.0.9:51234 > 10.0.0.1:6033 (28)"},
      {"21 11 000c" + four + "ffff", "ip 10.0.0.9:51234 > 10.0.0.1:6033 (28)"},
      {"21 21 0024" + six, "ip [fd00::1]:1 > [::1]:2 (52)"},
      {"21 31 00d8" + std::string(432, '0'), "unix (232)"},
      {"21 00 0000", "unknown (16)"},
      {"21 00 0003 aabbcc", "unknown (19)"},
      {"21 12 000c" + four, "unknown (28)"},
      {"21 22 0001 00", "unknown (17)"},
      {"21 32 0000", "unknown (16)"},
      {"20 00 0000", "local (16)"},
      {"20 11 000c" + four, "local (28)"},
      {"20 ff 0002 ffff", "local (18)"},
      {"21 01 0000", "PROXY header of an unknown family"},
      {"21 13 000c" + four, "PROXY header of an unknown family"},
      {"21 41 000c" + four, "PROXY header of an unknown family"},
      {"22 11 000c" + four, "PROXY header of an unknown version or command"},
      {"11 11 000c" + four, "PROXY header of an unknown version or command"},
      {"31 11 000c" + four, "PROXY header of an unknown version or command"},
      {"21 11 000b" + four, "PROXY header too short for its addresses"},
      {"21 21 000c" + four, "PROXY header too short for its addresses"},
      {"21 31 000c" + four, "PROXY header too short for its addresses"},
      // TLVs: none left over, one empty, two, and those that reach beyond the header
      {"21 11 000f" + four + "04 0000", "ip 10.0.0.9:51234 > 10.0.0.1:6033 (31)"},
      {"21 11 0015" + four + "01 0002 6833 ee 0001 00", "ip 10.0.0.9:51234 > 10.0.0.1:6033 (37)"},
      {"21 11 000d" + four + "04", "PROXY header with a TLV beyond its end"},
      {"21 11 000e" + four + "0400", "PROXY header with a TLV beyond its end"},
      {"21 11 000f" + four + "04 0001 ff", "PROXY header with a TLV beyond its end"},
      {"21 11 0012" + four + "ee ffff 000000", "PROXY header with a TLV beyond its end"},
      // by its head alone
      {"21 11 0ff0", "more 4080"},
      {"21 11 0ff1", "PROXY header too long"},
      {"21 11 ffff", "PROXY header too long"},
  };
  for (const auto& [tail, expected] : rows) {
    INFO(tail);
    CHECK(v2(tail) == expected);
  }
  CHECK(show(parse_proxy_header(hex("0d0a0d0a 000d0a5155495421"))) == "PROXY header with a broken signature");
}

TEST_CASE("every prefix of a header wants more, and never more than the header has") {
  for (const Bytes& whole : {hex(signature + "21 11 000f 0a000009 0a000001 c822 1791 04 0000"), Bytes{[] {
                               const auto text = base::bytes_of("PROXY TCP4 10.0.0.9 10.0.0.1 51234 6033\r\n");
                               return Bytes(text.begin(), text.end());
                             }()}}) {
    REQUIRE(std::holds_alternative<ProxyHeader>(parse_proxy_header(whole)));
    test::each_prefix(whole, [&](ByteView prefix) {
      const auto parsed = parse_proxy_header(prefix);
      REQUIRE(std::holds_alternative<NeedMore>(parsed));
      const std::size_t more = std::get<NeedMore>(parsed).at_least;
      CHECK(more > 0);
      CHECK(prefix.size() + more <= whole.size());
    });
  }
}

TEST_CASE("a login is told from a header by its first four bytes") {
  for (const std::string_view login : {"55 00 00 01 8da6ff09", "0d 0a 00 01 8da6ff09", "50 52 4f 01 8da6ff09", "20"}) {
    INFO(login);
    CHECK(show(parse_proxy_header(hex(login))) == "none");
  }
}

TEST_CASE("what is written is read back") {
  const auto end = [](const char* address, std::uint16_t port) { return Endpoint{*IpAddress::parse(address), port}; };
  struct Row {
    std::optional<Endpoint> source, destination;
    std::string expected;
  };
  const Row rows[] = {
      {end("10.0.0.9", 51234), end("10.0.0.1", 6033), "ip 10.0.0.9:51234 > 10.0.0.1:6033 (28)"},
      {end("fd00::1", 1), end("::1", 65535), "ip [fd00::1]:1 > [::1]:65535 (52)"},
      {end("10.0.0.9", 1), end("::1", 2), "ip 10.0.0.9:1 > [::1]:2 (52)"},
      {std::nullopt, end("::1", 2), "local (16)"},
      {end("10.0.0.9", 1), std::nullopt, "local (16)"},
      {std::nullopt, std::nullopt, "local (16)"},
  };
  for (const Row& row : rows) {
    Bytes out;
    write_proxy_header(out, row.source, row.destination);
    CHECK(show(parse_proxy_header(out)) == row.expected);
  }
  Bytes out;
  write_proxy_header(out, end("10.0.0.9", 51234), end("10.0.0.1", 6033));
  CHECK(test::to_hex(out) == signature + "2111000c0a0000090a000001c8221791");
}

}  // namespace
}  // namespace wye::protocol
