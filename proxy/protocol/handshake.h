#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "proxy/protocol/framing.h"

// Connection phase: https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase.html
namespace wye::protocol {

namespace cap {
inline constexpr std::uint32_t long_password = 1u << 0, found_rows = 1u << 1, long_flag = 1u << 2,
                               connect_with_db = 1u << 3, no_schema = 1u << 4, compress = 1u << 5,
                               local_files = 1u << 7, ignore_space = 1u << 8, protocol_41 = 1u << 9,
                               interactive = 1u << 10, ssl = 1u << 11, transactions = 1u << 13,
                               secure_connection = 1u << 15, multi_statements = 1u << 16, multi_results = 1u << 17,
                               ps_multi_results = 1u << 18, plugin_auth = 1u << 19, connect_attrs = 1u << 20,
                               plugin_auth_lenenc_data = 1u << 21, can_handle_expired_passwords = 1u << 22,
                               session_track = 1u << 23, deprecate_eof = 1u << 24,
                               optional_resultset_metadata = 1u << 25, zstd = 1u << 26, query_attributes = 1u << 27;
}

/// MariaDB's extended capabilities (KB "Connection"): column definitions name JSON and other formats.
namespace mariadb_cap {
inline constexpr std::uint32_t progress = 1U << 0, bulk_operations = 1U << 2, extended_metadata = 1U << 3;
}

using Attributes = std::vector<std::pair<std::string, std::string>>;  // of a connection, as they came
using Nonce = std::array<std::uint8_t, 20>;                           // never contains 0 or '$'

/// Handshake v10, both directions. https://.../page_protocol_connection_phase_packets_protocol_handshake_v10.html
struct Greeting {
  std::string server_version;
  std::uint32_t connection_id = 0;
  Nonce nonce{};
  std::uint32_t capabilities = 0;
  std::uint8_t collation = 45;
  std::uint16_t status = 0x0002;
  std::string plugin;
  std::uint32_t mariadb_capabilities = 0;  // MariaDB's upper 32 bits, in the filler
};
void write_greeting(Bytes& out, const Greeting&);
/// A server that refuses before greeting sends ERR: that arrives as payload with 0xff and is the caller's to check
/// first.
std::variant<Greeting, Malformed> parse_greeting(ByteView payload);

/// HandshakeResponse41 and SSLRequest. Before 4.1 (no protocol_41): Malformed. `capabilities` after parse_login: what
/// both sides have; it decides the layout. A full response that has cap::ssl but came without TLS is the caller's to
/// refuse. write_login writes what `capabilities` has (connect_with_db for the schema, plugin_auth, connect_attrs,
/// ...), and adds protocol_41; auth is cut at 255 bytes without plugin_auth_lenenc_data.
struct Login {
  std::uint32_t capabilities = 0;
  std::uint32_t max_packet = 0;
  std::uint16_t collation = 45;  // one byte on the wire
  std::string user, schema, plugin;
  Bytes auth;
  Attributes attributes;
  std::uint32_t mariadb_capabilities = 0;  // MariaDB's upper 32 bits; only without cap::long_password
  std::uint8_t zstd_level = 0;             // with cap::zstd: what the client wishes, 1..22; 0: it did not say
  bool ssl_request = false;                // 32 bytes only: TLS begins, then the full one follows
};
std::variant<Login, Malformed> parse_login(ByteView payload, std::uint32_t announced);
void write_login(Bytes& out, const Login&);
void write_ssl_request(Bytes& out, const Login&);

/// COM_CHANGE_USER, first byte (0x11) included. https://.../page_protocol_com_change_user.html
struct ChangeUser {
  std::string user, schema, plugin;
  Bytes auth;
  std::uint16_t collation = 45;
  Attributes attributes;
};
std::variant<ChangeUser, Malformed> parse_change_user(ByteView payload, std::uint32_t capabilities);
void write_change_user(Bytes& out, const ChangeUser&, std::uint32_t capabilities);

/// AuthSwitchRequest (0xfe plugin NUL data; data as on the wire, with its NUL). A bare 0xfe (old password switch) is
/// Malformed.
struct AuthSwitch {
  std::string plugin;
  Bytes data;
};
std::variant<AuthSwitch, Malformed> parse_auth_switch(ByteView payload);
void write_auth_switch(Bytes& out, const AuthSwitch&);
AuthSwitch make_auth_switch(std::string_view plugin, const Nonce& nonce);  // nonce and NUL, as servers send it
std::optional<Nonce> nonce_of(ByteView data);                              // 20 bytes, or these and a NUL; else absent

}  // namespace wye::protocol
