#include "proxy/config/scalar.h"

#include <arpa/inet.h>
#include <sys/un.h>

#include <array>
#include <charconv>
#include <cstdlib>
#include <optional>
#include <utility>

namespace wye::config {
namespace {

base::Error mistake(std::string text) { return {0, "HY000", std::move(text)}; }

struct Split {
  std::optional<std::uint64_t> number;  // absent: no digits, or too many
  std::string_view unit;
};

Split split_unit(std::string_view text) {
  std::uint64_t n = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  const auto digits = static_cast<std::size_t>(end - text.data());
  if (error != std::errc{} || digits == 0) return {std::nullopt, text};
  return {n, text.substr(digits)};
}

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};
constexpr std::array durations = {Unit{"ms", 1}, Unit{"s", 1000}, Unit{"m", 60'000}, Unit{"h", 3'600'000},
                                  Unit{"d", 86'400'000}};
constexpr std::array sizes = {Unit{"B", 1}, Unit{"KiB", 1u << 10}, Unit{"MiB", 1u << 20}, Unit{"GiB", 1u << 30}};

template <std::size_t N>
std::optional<std::uint64_t> scaled(std::string_view text, const std::array<Unit, N>& units) {
  const Split s = split_unit(text);
  if (!s.number) return std::nullopt;
  for (const Unit& u : units) {
    // The cap leaves room for sums of a few of them in 64 bits of microseconds.
    if (s.unit == u.name && *s.number <= (std::uint64_t{1} << 43) / u.factor) return *s.number * u.factor;
  }
  return std::nullopt;
}

template <std::size_t N>
std::string shortest(std::uint64_t n, const std::array<Unit, N>& units) {
  Unit best = units[0];
  for (const Unit& u : units) {
    if (n % u.factor == 0 && n != 0) best = u;
  }
  return std::to_string(n / best.factor) + std::string{best.name};
}

bool is_name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

bool valid_host(std::string_view host) {
  if (host.empty() || host.size() > 255) return false;
  for (const char c : host) {
    if (!is_name_char(c) && c != '-' && c != '.') return false;
  }
  return true;
}

Result<std::string> unix_address(std::string_view text) {
  const std::string_view path = text.substr(5);
  if (path.empty() || path[0] != '/') return mistake("the path after unix: must begin with /");
  if (path.size() >= sizeof(sockaddr_un::sun_path)) return mistake("the path of a Unix socket has at most 107 bytes");
  if (path.find('\0') != path.npos) return mistake("the path holds a NUL byte");
  return std::string{text};
}

}  // namespace

Result<base::milliseconds> parse_duration(std::string_view text) {
  if (text == "0") return base::milliseconds{0};
  if (const auto ms = scaled(text, durations)) return base::milliseconds{static_cast<std::int64_t>(*ms)};
  return mistake("not a duration: write it like 250ms, 10s, 5m or 8h");
}

Result<std::uint64_t> parse_size(std::string_view text) {
  if (const auto n = scaled(text, sizes)) return *n;
  return mistake("not a size: write it like 512B, 64KiB, 64MiB or 1GiB");
}

Result<std::uint64_t> parse_number(std::string_view text) {
  const Split s = split_unit(text);
  if (!s.number || !s.unit.empty()) return mistake("not a whole number");
  return *s.number;
}

Result<bool> parse_bool(std::string_view text) {
  if (text == "true" || text == "on" || text == "yes") return true;
  if (text == "false" || text == "off" || text == "no") return false;
  return mistake("must be true or false");
}

Result<unsigned> parse_mode(std::string_view text) {
  unsigned mode = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), mode, 8);
  if (error != std::errc{} || end != text.data() + text.size() || text.empty() || mode > 0777) {
    return mistake("not a file mode: write it in octal, like \"0600\"");
  }
  return mode;
}

Result<std::string> parse_address(std::string_view text, unsigned default_port, bool any_port) {
  if (text.starts_with("unix:")) return unix_address(text);
  std::string_view host = text, port;
  const bool six = text.starts_with('[');
  if (six) {
    const std::size_t close = text.find(']');
    if (close == text.npos) return mistake("the bracket of the IPv6 address is not closed");
    host = text.substr(1, close - 1);
    port = text.substr(close + 1);
    if (!port.empty() && port[0] != ':') return mistake("after the bracket of an IPv6 address comes :port");
  } else if (const std::size_t colon = text.find(':'); colon != text.npos) {
    if (text.find(':', colon + 1) != text.npos) return mistake("an IPv6 address needs brackets: \"[::1]:3306\"");
    host = text.substr(0, colon);
    port = text.substr(colon);
  }
  in6_addr ignored{};
  if (six ? inet_pton(AF_INET6, std::string{host}.c_str(), &ignored) != 1 || host.find('\0') != host.npos
          : !valid_host(host)) {
    return mistake("not an address: write it like 10.0.0.1:3306, \"[::1]:3306\" or unix:/path");
  }
  std::uint64_t number = default_port;
  if (!port.empty()) {
    const auto parsed = parse_number(port.substr(1));
    if (!parsed || *parsed > 65535 || (*parsed == 0 && !any_port))
      return mistake("the port must be between 1 and 65535");
    number = *parsed;
  } else if (default_port == 0) {
    return mistake("the port is missing");
  }
  const std::string h{host};
  return (six ? "[" + h + "]" : h) + ":" + std::to_string(number);
}

Result<std::string> parse_network(std::string_view text) {
  const std::size_t slash = text.find('/');
  const std::string address{text.substr(0, slash)};
  in6_addr six{};
  in_addr four{};
  const bool is_four = inet_pton(AF_INET, address.c_str(), &four) == 1;
  const bool valid = address.find('\0') == address.npos && (is_four || inet_pton(AF_INET6, address.c_str(), &six) == 1);
  const std::uint64_t widest = is_four ? 32 : 128;
  std::uint64_t bits = widest;
  if (slash != text.npos) {
    const auto n = parse_number(text.substr(slash + 1));
    bits = n ? *n : widest + 1;
  }
  if (!valid || bits > widest) return mistake("not a network: write it like 10.0.0.0/8 or fd00::/8");
  return address + "/" + std::to_string(bits);
}

Result<std::string> expand(const std::string& text, bool* used) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    if (text.compare(at, 3, "$${") == 0) {
      out += "${";
      at += 3;
      continue;
    }
    if (text.compare(at, 2, "${") != 0) {
      out += text[at++];
      continue;
    }
    const std::size_t close = text.find('}', at);
    if (close == text.npos) return mistake("${ is not closed");
    const std::string name = text.substr(at + 2, close - at - 2);
    bool valid = !name.empty() && !(name[0] >= '0' && name[0] <= '9');
    for (const char c : name) valid = valid && is_name_char(c);
    if (!valid) return mistake("between ${ and } stands the name of an environment variable");
    const char* const value = std::getenv(name.c_str());
    if (value == nullptr) return mistake("the environment variable " + name + " is not set");
    if (used != nullptr) *used = true;
    out += value;
    at = close + 1;
  }
  return out;
}

std::string to_text(base::milliseconds ms) { return shortest(static_cast<std::uint64_t>(ms.count()), durations); }
std::string size_text(std::uint64_t n) { return shortest(n, sizes); }

}  // namespace wye::config
