#include "proxy/protocol/handshake.h"

#include "tests/unit/catch.h"
#include "tests/unit/protocol/hex.h"

namespace wye::protocol {
namespace {

using test::hex;
using test::to_hex;

const char* const mariadb_greeting =  // capture: MariaDB 10.11.19
    "0a352e352e352d31302e31312e31392d4d6172696144422d302b646562313275312d6c6f67000400000067695b6a2677484300fef7080200"
    "ff81150000000000001d000000535b505d6255626e25665453006d7973716c5f6e61746976655f70617373776f726400";
const char* const native_login =  // accepted by MariaDB 10.11.19
    "85a20f00000000012d0000000000000000000000000000000000000000000000726f6f7400006d7973716c5f6e61746976655f7061737377"
    "6f726400";
constexpr std::uint32_t modern = cap::long_password | cap::protocol_41 | cap::secure_connection | cap::plugin_auth |
                                 cap::plugin_auth_lenenc_data | cap::connect_with_db | cap::connect_attrs;

bool equal(const Login& a, const Login& b) {
  return a.capabilities == b.capabilities && a.max_packet == b.max_packet && a.collation == b.collation &&
         a.user == b.user && a.schema == b.schema && a.plugin == b.plugin && a.auth == b.auth &&
         a.attributes == b.attributes && a.ssl_request == b.ssl_request;
}

Login sample(std::uint32_t capabilities) {
  Login l;
  l.capabilities = capabilities | cap::protocol_41;
  l.max_packet = 1u << 24;
  l.collation = 255;
  l.user = "u";
  l.auth = Bytes(32, 0xab);
  if ((capabilities & cap::connect_with_db) != 0) l.schema = "s";
  if ((capabilities & cap::plugin_auth) != 0) l.plugin = "caching_sha2_password";
  if ((capabilities & cap::connect_attrs) != 0)
    l.attributes = {{"_os", "linux"}, {"", ""}, {"x", std::string(300, 'y')}};
  return l;
}

TEST_CASE("MariaDB's greeting") {
  const Bytes packet = hex(mariadb_greeting);
  const auto parsed = parse_greeting(packet);
  REQUIRE(std::holds_alternative<Greeting>(parsed));
  const auto& g = std::get<Greeting>(parsed);
  CHECK(g.server_version == "5.5.5-10.11.19-MariaDB-0+deb12u1-log");
  CHECK(g.connection_id == 4);
  CHECK(to_hex(g.nonce) == "67695b6a26774843535b505d6255626e25665453");
  CHECK(g.capabilities == 0x81fff7fe);
  CHECK(g.mariadb_capabilities == 0x1d);
  CHECK(g.collation == 8);
  CHECK(g.status == 2);
  CHECK(g.plugin == "mysql_native_password");
  Bytes again;
  write_greeting(again, g);
  CHECK(to_hex(again) == mariadb_greeting);
}

TEST_CASE("greetings: truncated, too old, without plugins") {
  const Bytes packet = hex(mariadb_greeting);
  const std::size_t plugin = packet.size() - 22;
  test::each_prefix(packet, [&](ByteView prefix) {
    // Servers before 5.5.10 left the NUL behind the plugin out, so a cut inside it can't be told.
    CHECK(std::holds_alternative<Malformed>(parse_greeting(prefix)) == (prefix.size() < plugin));
  });
  Greeting g;
  g.server_version = "8.4.0";
  g.capabilities = cap::long_password | cap::protocol_41 | cap::secure_connection;
  g.nonce.fill('n');
  g.mariadb_capabilities = 7;  // not written: the bit of MySQL is set
  Bytes out;
  write_greeting(out, g);
  const auto back = std::get<Greeting>(parse_greeting(out));
  CHECK(back.plugin.empty());
  CHECK(back.mariadb_capabilities == 0);
  CHECK(back.nonce == g.nonce);
  g.capabilities = cap::protocol_41;
  out.clear();
  write_greeting(out, g);
  CHECK(std::holds_alternative<Malformed>(parse_greeting(out)));
  out[0] = 9;
  CHECK(std::holds_alternative<Malformed>(parse_greeting(out)));
}

TEST_CASE("a handshake response that a server accepted") {
  const Bytes packet = hex(native_login);
  const auto login = std::get<Login>(parse_login(packet, 0xffffffff));
  CHECK(login.user == "root");
  CHECK(login.auth.empty());
  CHECK(login.plugin == "mysql_native_password");
  CHECK(login.collation == 45);
  CHECK(login.max_packet == 1u << 24);
  Bytes again;
  write_login(again, login);
  CHECK(to_hex(again) == native_login);
}

TEST_CASE("every layout of a handshake response survives encoding and decoding; every cut is malformed") {
  const std::uint32_t bits[] = {cap::plugin_auth_lenenc_data, cap::secure_connection, cap::connect_with_db,
                                cap::plugin_auth, cap::connect_attrs};
  for (unsigned mask = 0; mask < 32; ++mask) {
    CAPTURE(mask);
    std::uint32_t capabilities = cap::protocol_41;
    for (unsigned i = 0; i < 5; ++i) capabilities |= (mask >> i & 1) != 0 ? bits[i] : 0;
    const Login login = sample(capabilities);
    Bytes out;
    write_login(out, login);
    const auto back = parse_login(out, 0xffffffff);
    REQUIRE(std::holds_alternative<Login>(back));
    CHECK(equal(std::get<Login>(back), login));
    test::each_prefix(out, [&](ByteView prefix) {
      const auto cut = parse_login(prefix, 0xffffffff);
      if (const auto* l = std::get_if<Login>(&cut)) {  // only where a trailing field may be missing
        CHECK((capabilities & (cap::plugin_auth | cap::connect_attrs)) != 0);
        CHECK(l->user == login.user);
        CHECK(l->auth == login.auth);
        CHECK(l->schema == login.schema);
      }
    });
  }
}

TEST_CASE("the layout goes by what both sides have") {
  Login login = sample(modern);
  login.auth = Bytes(20, 0xcd);
  login.capabilities &= ~(cap::plugin_auth_lenenc_data | cap::connect_attrs);
  login.attributes.clear();
  Bytes out;
  write_login(out, login);
  // The client claims more than was announced, but lays its answer out by what was.
  out[2] = static_cast<std::uint8_t>(out[2] | cap::plugin_auth_lenenc_data >> 16);
  const auto back = std::get<Login>(parse_login(out, modern & ~cap::plugin_auth_lenenc_data));
  CHECK(back.auth == login.auth);
  CHECK((back.capabilities & cap::plugin_auth_lenenc_data) == 0);
}

TEST_CASE("zstd's level is the last byte, if both sides have zstd") {
  Login login = sample(modern | cap::zstd);
  login.zstd_level = 7;
  Bytes out;
  write_login(out, login);
  CHECK(out.back() == 7);
  CHECK(std::get<Login>(parse_login(out, modern | cap::zstd)).zstd_level == 7);
  CHECK(std::get<Login>(parse_login(out, modern)).zstd_level == 0);
  out.pop_back();
  CHECK(std::get<Login>(parse_login(out, modern | cap::zstd)).zstd_level == 0);
}

TEST_CASE("SSLRequest") {
  Bytes out;
  write_ssl_request(out, sample(modern));
  CHECK(out.size() == 32);
  const auto back = std::get<Login>(parse_login(out, modern | cap::ssl));
  CHECK(back.ssl_request);
  CHECK(back.collation == 255);
  CHECK(std::holds_alternative<Malformed>(parse_login(out, modern)));  // TLS was not announced
  test::each_prefix(out,
                    [](ByteView prefix) { CHECK(std::holds_alternative<Malformed>(parse_login(prefix, 0xffffffff))); });
}

TEST_CASE("logins that are none") {
  CHECK(std::holds_alternative<Malformed>(parse_login(base::bytes_of("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), modern)));
  Bytes old(40, 0);  // no protocol_41
  CHECK(std::holds_alternative<Malformed>(parse_login(old, 0xffffffff)));
  Login login = sample(modern);
  Bytes out;
  write_login(out, login);
  out[34] = 0xfe;  // a length of auth far beyond the end
  CHECK(std::holds_alternative<Malformed>(parse_login(out, 0xffffffff)));
}

TEST_CASE("a long scramble can't shift what follows in the old layout") {
  Login login = sample(cap::secure_connection | cap::plugin_auth);
  login.auth = Bytes(300, 1);
  Bytes out;
  write_login(out, login);
  const auto back = std::get<Login>(parse_login(out, 0xffffffff));
  CHECK(back.auth.size() == 255);
  CHECK(back.plugin == login.plugin);
}

TEST_CASE("COM_CHANGE_USER") {
  const char* const accepted =
      "11726f6f7400007400"
      "2d006d7973716c5f6e61746976655f70617373776f726400";  // by MariaDB
  const Bytes packet = hex(accepted);
  constexpr std::uint32_t caps = cap::secure_connection | cap::plugin_auth;
  const auto c = std::get<ChangeUser>(parse_change_user(packet, caps));
  CHECK(c.user == "root");
  CHECK(c.auth.empty());
  CHECK(c.schema == "t");
  CHECK(c.collation == 45);
  CHECK(c.plugin == "mysql_native_password");
  Bytes again;
  write_change_user(again, c, caps);
  CHECK(again == packet);

  ChangeUser full{"u", "s", "p", Bytes(20, 9), 255, {{"a", "b"}}};
  for (const std::uint32_t more : {0u, cap::connect_attrs, cap::secure_connection,
                                   cap::connect_attrs | cap::plugin_auth, caps | cap::connect_attrs}) {
    Bytes out;
    write_change_user(out, full, more);
    const auto back = std::get<ChangeUser>(parse_change_user(out, more));
    CHECK(back.user == "u");
    CHECK(back.auth == full.auth);
    CHECK(back.schema == "s");
    CHECK(back.collation == 255);
    CHECK(back.plugin == ((more & cap::plugin_auth) != 0 ? "p" : ""));
    CHECK(back.attributes.size() == ((more & cap::connect_attrs) != 0 ? 1u : 0u));
    test::each_prefix(out, [&](ByteView prefix) { (void)parse_change_user(prefix, more); });
  }
  for (const char* bad : {"", "03", "11", "1161", "116100", "116100051234", "1161000073", "11610000730001"}) {
    CHECK(std::holds_alternative<Malformed>(parse_change_user(hex(bad), caps)));
  }
  CHECK(std::get<ChangeUser>(parse_change_user(hex("116100007300"), caps)).schema == "s");
}

TEST_CASE("authentication switch") {
  const Bytes packet =  // capture
      hex("fe6d7973716c5f6e61746976655f70617373776f7264005a6e3d23372b6e6b4d7e556c3f36302f3b77692900");
  const auto s = std::get<AuthSwitch>(parse_auth_switch(packet));
  CHECK(s.plugin == "mysql_native_password");
  const auto nonce = nonce_of(s.data);
  REQUIRE(nonce);
  CHECK(base::chars_of(*nonce) == "Zn=#7+nkM~Ul?60/;wi)");
  Bytes again;
  write_auth_switch(again, make_auth_switch(s.plugin, *nonce));
  CHECK(again == packet);
  CHECK(std::holds_alternative<Malformed>(parse_auth_switch(hex("fe"))));
  CHECK(std::holds_alternative<Malformed>(parse_auth_switch(hex("fe6162"))));
  CHECK(std::holds_alternative<Malformed>(parse_auth_switch(hex("00616200"))));
  CHECK(std::holds_alternative<Malformed>(parse_auth_switch({})));
  CHECK_FALSE(nonce_of(ByteView{s.data}.first(19)));
  CHECK(nonce_of(ByteView{s.data}.first(20)));
  CHECK_FALSE(nonce_of(Bytes(21, 1)));
}

}  // namespace
}  // namespace wye::protocol
