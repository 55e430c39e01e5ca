#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// IP addresses and networks as values. Pure: names are not resolved.
namespace wye::protocol {

/// IPv4 or IPv6. IPv4 is kept in its IPv4-mapped form (::ffff:10.0.0.9), so that an address is the same whether the
/// socket that it came by speaks IPv4 or both.
struct IpAddress {
  std::array<std::uint8_t, 16> bytes{};

  bool is_v4() const;
  std::string text() const;  // "10.0.0.9", "fd00::1"; also of an IPv4-mapped one "10.0.0.9"
  bool operator==(const IpAddress&) const = default;

  /// Dotted decimal or IPv6 text, without brackets, zone or port.
  static std::optional<IpAddress> parse(std::string_view text);
  /// REQUIRES: 4 or 16 bytes behind `network_order`.
  static IpAddress v4(const std::uint8_t* network_order);
  static IpAddress v6(const std::uint8_t* network_order);
};

struct Endpoint {
  IpAddress address;
  std::uint16_t port = 0;
  std::string text() const;  // "10.0.0.9:51234", "[fd00::1]:51234"
  bool operator==(const Endpoint&) const = default;
};

/// A set of networks, few and fixed.
class Networks {
 public:
  /// "10.0.0.0/8", "fd00::/8", or one address. Bits behind the prefix are ignored. False: not a network, and nothing is
  /// added.
  bool add(std::string_view text);
  /// A network of IPv4 holds IPv4 only; ::/0 holds everything.
  bool contains(const IpAddress& address) const;
  bool empty() const { return networks_.empty(); }

 private:
  struct Network {
    IpAddress address;
    unsigned bits;  // 0..128
  };
  std::vector<Network> networks_;
};

}  // namespace wye::protocol
