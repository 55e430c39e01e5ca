// Connection phase, client's side of it: HandshakeResponse41, SSLRequest, COM_CHANGE_USER.
#include <algorithm>

#include "proxy/protocol/handshake.h"
#include "proxy/protocol/wire.h"

namespace wye::protocol {

namespace {

constexpr std::uint8_t change_user_command = 0x11;
constexpr std::size_t filler = 19, ssl_request_size = 32;

void read_attributes(Reader& in, Attributes& attributes) {
  Reader block{in.lenenc_bytes()};
  while (!block.empty()) {
    const std::string_view name = block.lenenc_string();
    const std::string_view value = block.lenenc_string();
    if (block.ok()) attributes.emplace_back(name, value);
  }
  if (!block.ok()) in.fail();
}

void put_attributes(Bytes& out, const Attributes& attributes) {
  Bytes block;
  for (const auto& [name, value] : attributes) {
    put_lenenc_string(block, name);
    put_lenenc_string(block, value);
  }
  put_lenenc_bytes(out, block);
}

Bytes read_auth(Reader& in, bool lenenc, bool secure) {
  ByteView auth;
  if (lenenc) {
    auth = in.lenenc_bytes();
  } else if (secure) {
    auth = in.take(in.u8());
  } else {
    auth = base::bytes_of(in.nul_string());
  }
  return {auth.begin(), auth.end()};
}

void put_auth(Bytes& out, const Bytes& auth, bool lenenc, bool secure) {
  if (lenenc) return put_lenenc_bytes(out, auth);
  if (!secure) return put_nul_string(out, base::chars_of(auth));
  const std::size_t n = std::min<std::size_t>(auth.size(), 0xff);  // a longer one can't be sent in this layout
  put_u8(out, static_cast<std::uint8_t>(n));
  put_bytes(out, ByteView{auth}.first(n));
}

void put_login_head(Bytes& out, const Login& login, std::uint32_t capabilities) {
  put_u32(out, capabilities);
  put_u32(out, login.max_packet);
  put_u8(out, static_cast<std::uint8_t>(login.collation & 0xff));
  put_zeros(out, filler);
  put_u32(out, (capabilities & cap::long_password) == 0 ? login.mariadb_capabilities : 0);
}

}  // namespace

std::variant<Login, Malformed> parse_login(ByteView payload, std::uint32_t announced) {
  Reader in{payload};
  Login login;
  const std::uint32_t all = in.u32();
  const std::uint32_t caps = login.capabilities = all & announced;
  login.max_packet = in.u32();
  login.collation = in.u8();
  in.skip(filler);
  const std::uint32_t mariadb = in.u32();
  if ((all & cap::long_password) == 0) login.mariadb_capabilities = mariadb;
  if (!in.ok() || (caps & cap::protocol_41) == 0) return Malformed{"client is older than 4.1"};
  if (payload.size() == ssl_request_size && (caps & cap::ssl) != 0) {
    login.ssl_request = true;
    return login;
  }
  login.user = in.nul_string();
  login.auth = read_auth(in, (caps & cap::plugin_auth_lenenc_data) != 0, (caps & cap::secure_connection) != 0);
  if ((caps & cap::connect_with_db) != 0) login.schema = in.nul_string();
  if ((caps & cap::plugin_auth) != 0) login.plugin = in.nul_string_or_rest();
  if ((caps & cap::connect_attrs) != 0 && !in.empty()) read_attributes(in, login.attributes);
  if ((caps & cap::zstd) != 0 && !in.empty()) login.zstd_level = in.u8();
  if (!in.ok()) return Malformed{"bad handshake response"};
  return login;
}

void write_login(Bytes& out, const Login& login) {
  const std::uint32_t caps = login.capabilities | cap::protocol_41;
  put_login_head(out, login, caps);
  put_nul_string(out, login.user);
  put_auth(out, login.auth, (caps & cap::plugin_auth_lenenc_data) != 0, (caps & cap::secure_connection) != 0);
  if ((caps & cap::connect_with_db) != 0) put_nul_string(out, login.schema);
  if ((caps & cap::plugin_auth) != 0) put_nul_string(out, login.plugin);
  if ((caps & cap::connect_attrs) != 0) put_attributes(out, login.attributes);
  if ((caps & cap::zstd) != 0) put_u8(out, login.zstd_level);
}

void write_ssl_request(Bytes& out, const Login& login) {
  put_login_head(out, login, login.capabilities | cap::protocol_41 | cap::ssl);
}

std::variant<ChangeUser, Malformed> parse_change_user(ByteView payload, std::uint32_t capabilities) {
  Reader in{payload};
  if (in.u8() != change_user_command) return Malformed{"not COM_CHANGE_USER"};
  ChangeUser c;
  c.user = in.nul_string();
  c.auth = read_auth(in, false, (capabilities & cap::secure_connection) != 0);
  c.schema = in.nul_string();
  if (!in.empty()) c.collation = in.u16();
  if ((capabilities & cap::plugin_auth) != 0) c.plugin = in.nul_string_or_rest();
  if ((capabilities & cap::connect_attrs) != 0 && !in.empty()) read_attributes(in, c.attributes);
  if (!in.ok()) return Malformed{"bad COM_CHANGE_USER"};
  return c;
}

void write_change_user(Bytes& out, const ChangeUser& c, std::uint32_t capabilities) {
  put_u8(out, change_user_command);
  put_nul_string(out, c.user);
  put_auth(out, c.auth, false, (capabilities & cap::secure_connection) != 0);
  put_nul_string(out, c.schema);
  put_u16(out, c.collation);
  if ((capabilities & cap::plugin_auth) != 0) put_nul_string(out, c.plugin);
  if ((capabilities & cap::connect_attrs) != 0) put_attributes(out, c.attributes);
}

}  // namespace wye::protocol
