// Connection phase, server's side of it: greeting and authentication switch. The client's side: login.cc.
#include "proxy/protocol/handshake.h"

#include <algorithm>

#include "proxy/protocol/wire.h"

namespace wye::protocol {

namespace {

constexpr std::uint8_t protocol_version = 10, auth_switch_head = 0xfe;
constexpr std::size_t nonce_part1 = 8, nonce_part2 = 12;
constexpr std::uint8_t nonce_with_nul = nonce_part1 + nonce_part2 + 1;

}  // namespace

void write_greeting(Bytes& out, const Greeting& greeting) {
  const bool plugins = (greeting.capabilities & cap::plugin_auth) != 0;
  const bool mariadb = (greeting.capabilities & cap::long_password) == 0;
  const ByteView nonce{greeting.nonce};
  put_u8(out, protocol_version);
  put_nul_string(out, greeting.server_version);
  put_u32(out, greeting.connection_id);
  put_bytes(out, nonce.first(nonce_part1));
  put_u8(out, 0);
  put_u16(out, static_cast<std::uint16_t>(greeting.capabilities & 0xffff));
  put_u8(out, greeting.collation);
  put_u16(out, greeting.status);
  put_u16(out, static_cast<std::uint16_t>(greeting.capabilities >> 16));
  put_u8(out, plugins ? nonce_with_nul : std::uint8_t{0});
  put_zeros(out, 6);
  put_u32(out, mariadb ? greeting.mariadb_capabilities : 0);
  put_bytes(out, nonce.subspan(nonce_part1));
  put_u8(out, 0);
  if (plugins) put_nul_string(out, greeting.plugin);
}

std::variant<Greeting, Malformed> parse_greeting(ByteView payload) {
  Reader in{payload};
  if (in.u8() != protocol_version) return Malformed{"server does not speak protocol 10"};
  Greeting g;
  g.server_version = in.nul_string();
  g.connection_id = in.u32();
  const ByteView part1 = in.take(nonce_part1);
  in.skip(1);
  const std::uint16_t low = in.u16();
  g.collation = in.u8();
  g.status = in.u16();
  const std::uint16_t high = in.u16();
  g.capabilities = static_cast<std::uint32_t>(high) << 16 | low;
  const std::uint8_t auth_data = in.u8();
  in.skip(6);
  const std::uint32_t mariadb = in.u32();
  const ByteView part2 = in.take(nonce_part2);
  in.skip(1);  // NUL
  if (!in.ok()) return Malformed{"greeting too short"};
  constexpr std::uint32_t needed = cap::protocol_41 | cap::secure_connection;
  if ((g.capabilities & needed) != needed) return Malformed{"server is older than 4.1"};
  if ((g.capabilities & cap::long_password) == 0) g.mariadb_capabilities = mariadb;
  std::copy(part1.begin(), part1.end(), g.nonce.begin());
  std::copy(part2.begin(), part2.end(), g.nonce.begin() + nonce_part1);
  if ((g.capabilities & cap::plugin_auth) != 0) {
    if (auth_data > nonce_with_nul) in.skip(auth_data - nonce_with_nul);
    g.plugin = in.nul_string_or_rest();  // servers before 5.5.10 forgot the NUL
    if (!in.ok()) return Malformed{"greeting too short"};
  }
  return g;
}

std::variant<AuthSwitch, Malformed> parse_auth_switch(ByteView payload) {
  Reader in{payload};
  const std::uint8_t head = in.u8();
  AuthSwitch s;
  s.plugin = in.nul_string();
  const ByteView data = in.rest();
  s.data.assign(data.begin(), data.end());
  // A bare 0xfe asks for the password scramble of 4.0, which is as good as clear text.
  if (!in.ok() || head != auth_switch_head) return Malformed{"bad authentication switch"};
  return s;
}

void write_auth_switch(Bytes& out, const AuthSwitch& s) {
  put_u8(out, auth_switch_head);
  put_nul_string(out, s.plugin);
  put_bytes(out, s.data);
}

std::optional<Nonce> nonce_of(ByteView data) {
  Nonce nonce{};
  const bool fits = data.size() == nonce.size() || (data.size() == nonce.size() + 1 && data.back() == 0);
  if (!fits) return std::nullopt;
  std::copy_n(data.begin(), nonce.size(), nonce.begin());
  return nonce;
}

AuthSwitch make_auth_switch(std::string_view plugin, const Nonce& nonce) {
  AuthSwitch s{std::string{plugin}, Bytes(nonce.begin(), nonce.end())};
  s.data.push_back(0);
  return s;
}

}  // namespace wye::protocol
