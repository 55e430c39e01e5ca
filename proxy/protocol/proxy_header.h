#pragma once
#include <optional>
#include <variant>

#include "proxy/protocol/framing.h"
#include "proxy/protocol/networks.h"

// The PROXY protocol: what a proxy in front says of the client, ahead of the client's own first byte.
// https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt
namespace wye::protocol {

inline constexpr std::size_t max_proxy_v1 = 107;   // CR LF included
inline constexpr std::size_t max_proxy_v2 = 4096;  // head and TLVs; the format's own limit is 16 + 65535

struct ProxyHeader {
  enum class From : std::uint8_t {
    ip,           // `source` and `destination` hold
    unix_socket,  // the client reached the proxy through a Unix socket
    unknown,      // v1 UNKNOWN, v2 UNSPEC or datagrams: the proxy does not say; the connection's own addresses hold
    local,        // v2 LOCAL: the proxy itself connects (a health check); the connection's own addresses hold
  };
  From from = From::unknown;
  Endpoint source, destination;
  std::size_t consumed = 0;  // bytes of the input
};
/// The stream does not begin with a header. Decided within four bytes: no MySQL packet of a client that begins a
/// session has a head that looks like one ("PROX" and CR LF CR LF have sequence ids that no login has).
struct NoProxyHeader {};
using ParsedProxyHeader = std::variant<ProxyHeader, NoProxyHeader, NeedMore, Malformed>;

/// Reads one header of version 1 or 2 from the front of `in`, which the caller must believe only if the peer is in a
/// trusted network. NeedMore never asks for bytes behind the header. TLVs are checked for their bounds and skipped.
ParsedProxyHeader parse_proxy_header(ByteView in);

/// Appends a header of version 2: PROXY with both addresses, or LOCAL if either is unknown (a client on a Unix socket,
/// a connection of wye's own). If one is IPv4 and the other IPv6, both go as IPv6.
void write_proxy_header(Bytes& out, const std::optional<Endpoint>& source, const std::optional<Endpoint>& destination);

}  // namespace wye::protocol
