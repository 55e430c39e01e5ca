#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/base/clock.h"
#include "proxy/base/result.h"

// What one value of the configuration means. Pure, but for expand, which reads the environment.
// An Error's message is the mistake's text, without the value itself: that may be a secret.
namespace wye::config {

using base::Result;

/// "250ms", "10s", "5m", "8h", "1d"; "0" needs no unit.
Result<base::milliseconds> parse_duration(std::string_view text);
/// "512B", "64KiB", "64MiB", "1GiB".
Result<std::uint64_t> parse_size(std::string_view text);
/// Decimal digits only.
Result<std::uint64_t> parse_number(std::string_view text);
/// true, false, on, off, yes, no.
Result<bool> parse_bool(std::string_view text);
/// An octal file mode, "0600" or "600".
Result<unsigned> parse_mode(std::string_view text);
/// host:port, [ipv6]:port or unix:/path; without a port `default_port`, or a mistake if that is 0. Gives the normal
/// form.
Result<std::string> parse_address(std::string_view text, unsigned default_port, bool any_port);
/// 10.0.0.0/8, fd00::/8, or one address.
Result<std::string> parse_network(std::string_view text);

/// The text with each ${NAME} replaced by the environment's value; "$${" stands for "${".
/// `used`, if given, is set when something was replaced.
Result<std::string> expand(const std::string& text, bool* used = nullptr);

/// Names of servers and rules, which users also type as arguments: 1 to 64 letters, digits, _, - or .
bool valid_name(const std::string& name);

std::string to_text(base::milliseconds);  // "250ms", "8h": as the user would write it
std::string size_text(std::uint64_t);     // "64MiB"

}  // namespace wye::config
