#include "replication/topology/topology.h"

#include <algorithm>
#include <charconv>

namespace wye::topology {
namespace {

base::Error bad_address(std::string_view text, const char* why) {
  return base::Error{1105, "HY000", "'" + std::string{text.substr(0, 200)} + "' is no address: " + why};
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Reads up to `parts` numbers between dots. A part over 99 would spill into the next one's digits, so it stops at 99
// (but the first, which may be any year).
std::uint32_t version_number(std::string_view text) {
  constexpr std::uint32_t weights[] = {10'000, 100, 1};
  std::uint32_t number = 0;
  for (std::size_t part = 0; part < 3; ++part) {
    std::uint32_t value = 0;
    std::size_t used = 0;
    while (used < text.size() && is_digit(text[used])) {
      value = std::min<std::uint32_t>(value * 10 + static_cast<std::uint32_t>(text[used] - '0'), 9'999);
      ++used;
    }
    if (used == 0) break;
    number += (part == 0 ? value : std::min<std::uint32_t>(value, 99)) * weights[part];
    text.remove_prefix(used);
    if (text.empty() || text.front() != '.') break;
    text.remove_prefix(1);
  }
  return number;
}

bool contains_mariadb(std::string_view text) {
  constexpr std::string_view word = "mariadb";
  auto same = [](char a, char b) { return (a >= 'A' && a <= 'Z' ? static_cast<char>(a + 32) : a) == b; };
  return std::search(text.begin(), text.end(), word.begin(), word.end(), same) != text.end();
}

bool parse_port(std::string_view text, std::uint16_t& port) {
  if (text.empty() || !std::all_of(text.begin(), text.end(), is_digit)) return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc{} && end == text.data() + text.size() && port != 0;
}

bool host_like(std::string_view host) {
  return !host.empty() && host.size() <= 255 && std::all_of(host.begin(), host.end(), [](char c) {
    const auto u = static_cast<unsigned char>(c);
    return u > 0x20 && u != 0x7f && c != '/' && c != '[' && c != ']' && c != '\'' && c != '"';
  });
}

}  // namespace

bool tracks_sessions(const Version& version) {
  return version.flavour == Flavour::mariadb || version.number >= 50'706 || version.number == 0;
}

const char* name(Role role) {
  switch (role) {
    case Role::primary:
      return "primary";
    case Role::replica:
      return "replica";
    case Role::unknown:
      break;
  }
  return "unknown";
}

const char* name(State state) {
  switch (state) {
    case State::online:
      return "online";
    case State::lagging:
      return "lagging";
    case State::draining:
      return "draining";
    case State::broken:
      return "broken";
    case State::offline:
      break;
  }
  return "offline";
}

const char* name(Flavour flavour) { return flavour == Flavour::mariadb ? "mariadb" : "mysql"; }

Version parse_version(std::string_view text) {
  Version version;
  version.text = std::string{text};
  if (contains_mariadb(text)) {
    version.flavour = Flavour::mariadb;
    // MariaDB 10 and later puts this in front of its handshake, so that old replicas don't take "10" for "1".
    constexpr std::string_view disguise = "5.5.5-";
    if (text.size() > disguise.size() && text.substr(0, disguise.size()) == disguise && is_digit(text[disguise.size()]))
      text.remove_prefix(disguise.size());
  }
  version.number = version_number(text);
  return version;
}

std::string Address::to_string() const {
  if (!path.empty()) return "unix:" + path;
  const bool six = host.find(':') != std::string::npos;
  return (six ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

base::Result<Address> parse_address(std::string_view text) {
  constexpr std::string_view unix_prefix = "unix:";
  Address address;
  if (text.substr(0, unix_prefix.size()) == unix_prefix) {
    address.path = std::string{text.substr(unix_prefix.size())};
    if (address.path.empty() || address.path.front() != '/') return bad_address(text, "unix: wants an absolute path");
    if (address.path.size() > 107 || address.path.find('\0') != std::string::npos)
      return bad_address(text, "a socket's path has at most 107 characters");
    return address;
  }
  std::string_view host = text, port;
  bool has_port = false;
  if (!text.empty() && text.front() == '[') {
    const auto close = text.find(']');
    if (close == std::string_view::npos) return bad_address(text, "the ] is missing");
    host = text.substr(1, close - 1);
    port = text.substr(close + 1);
    if (!port.empty() && port.front() != ':') return bad_address(text, "after the ] comes :port or nothing");
    has_port = !port.empty();
    if (has_port) port.remove_prefix(1);
    if (host.find(':') == std::string_view::npos) return bad_address(text, "[] is for IPv6 addresses");
  } else if (std::count(text.begin(), text.end(), ':') == 1) {
    const auto colon = text.find(':');
    host = text.substr(0, colon);
    port = text.substr(colon + 1);
    has_port = true;
  }
  if (!host_like(host)) return bad_address(text, "no host");
  if (has_port && !parse_port(port, address.port)) return bad_address(text, "the port is no number from 1 to 65535");
  address.host = std::string{host};
  return address;
}

}  // namespace wye::topology
