#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "proxy/net/stream.h"
#include "proxy/protocol/handshake.h"
#include "proxy/protocol/secret.h"
#include "replication/topology/topology.h"

namespace wye::pool {

using base::Bytes;

/// What the servers are told of one client. A connection that carries it serves nobody else.
struct Passed {
  std::optional<protocol::Attributes> attributes;  // in place of wye's own
  Bytes proxy_header;                              // of the PROXY protocol, ahead of everything; empty: none
};

/// How to open a connection. What makes two connections interchangeable is `key`.
struct BackendKey {
  topology::ServerId server = 0;
  bool to_replica = false;  // connections to replicas begin every transaction READ ONLY
  protocol::AccountPtr account;
  std::uint32_t client_flags = 0;  // those of the client that change results (routing.md 4)
  std::uint8_t collation = 45;
  std::uint32_t mariadb_flags = 0;       // likewise, of MariaDB's extended capabilities
  std::shared_ptr<const Passed> passed;  // each session's is its own; nullptr: wye speaks for itself
  bool operator==(const BackendKey&) const = default;
};
struct BackendOptions {
  enum class Tls : std::uint8_t { off, preferred, required, verify } tls = Tls::preferred;
  net::TlsContext tls_context;
  std::shared_ptr<net::TlsSession> tls_session;  // of this server; the pool fills it in
  protocol::Attributes attributes{};             // wye's own
  /// wye's own account: the only one that may log in by who wye is on a Unix socket (auth_socket, unix_socket).
  const protocol::Account* own = nullptr;
  std::string system_user{};  // the operating system's name for wye's process
};

}  // namespace wye::pool
