#include "proxy/protocol/networks.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

namespace wye::protocol {

namespace {
constexpr std::array<std::uint8_t, 12> v4_prefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
}

bool IpAddress::is_v4() const { return std::equal(v4_prefix.begin(), v4_prefix.end(), bytes.begin()); }

IpAddress IpAddress::v4(const std::uint8_t* network_order) {
  IpAddress a;
  std::copy(v4_prefix.begin(), v4_prefix.end(), a.bytes.begin());
  std::copy_n(network_order, 4, a.bytes.begin() + v4_prefix.size());
  return a;
}

IpAddress IpAddress::v6(const std::uint8_t* network_order) {
  IpAddress a;
  std::copy_n(network_order, a.bytes.size(), a.bytes.begin());
  return a;
}

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  char whole[INET6_ADDRSTRLEN] = {};
  if (text.size() >= sizeof whole || text.find('\0') != text.npos) return std::nullopt;
  std::copy(text.begin(), text.end(), whole);
  std::uint8_t raw[16];
  if (inet_pton(AF_INET, whole, raw) == 1) return v4(raw);
  if (inet_pton(AF_INET6, whole, raw) == 1) return v6(raw);
  return std::nullopt;
}

std::string IpAddress::text() const {
  char out[INET6_ADDRSTRLEN] = {};
  if (is_v4()) {
    inet_ntop(AF_INET, bytes.data() + v4_prefix.size(), out, sizeof out);
  } else {
    inet_ntop(AF_INET6, bytes.data(), out, sizeof out);
  }
  return out;
}

std::string Endpoint::text() const {
  const std::string host = address.text();
  return (address.is_v4() ? host : "[" + host + "]") + ":" + std::to_string(port);
}

bool Networks::add(std::string_view text) {
  const std::size_t slash = text.find('/');
  const std::string_view host = text.substr(0, slash);
  const auto address = IpAddress::parse(host);
  if (!address) return false;
  const bool dotted = host.find(':') == host.npos;
  const unsigned widest = dotted ? 32 : 128;
  unsigned bits = widest;
  if (slash != text.npos) {
    const std::string_view number = text.substr(slash + 1);
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), bits);
    if (error != std::errc{} || end != number.data() + number.size() || bits > widest) return false;
  }
  networks_.push_back({*address, dotted ? bits + 96 : bits});
  return true;
}

bool Networks::contains(const IpAddress& address) const {
  return std::any_of(networks_.begin(), networks_.end(), [&](const Network& n) {
    const std::size_t whole = n.bits / 8;
    if (!std::equal(n.address.bytes.begin(), n.address.bytes.begin() + static_cast<std::ptrdiff_t>(whole),
                    address.bytes.begin()))
      return false;
    const unsigned rest = n.bits % 8;
    return rest == 0 || (n.address.bytes[whole] ^ address.bytes[whole]) >> (8 - rest) == 0;
  });
}

}  // namespace wye::protocol
