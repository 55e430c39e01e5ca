#include "proxy/base/log_line.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <utility>

namespace wye::log {
namespace {

/// Length of the well-formed UTF-8 sequence at the front (RFC 3629: no overlong forms, no surrogates), 0 if there is
/// none.
std::size_t utf8_length(std::string_view s) {
  const auto byte = [&](std::size_t i) { return i < s.size() ? static_cast<unsigned char>(s[i]) : 0u; };
  const auto tail = [&](std::size_t i) { return (byte(i) & 0xc0u) == 0x80u; };
  const unsigned a = byte(0), b = byte(1);
  if (a < 0x80) return 1;
  if (a >= 0xc2 && a <= 0xdf) return tail(1) ? 2 : 0;
  if (a >= 0xe0 && a <= 0xef) {
    const bool in_range = (a != 0xe0 || b >= 0xa0) && (a != 0xed || b <= 0x9f);
    return in_range && tail(1) && tail(2) ? 3 : 0;
  }
  if (a >= 0xf0 && a <= 0xf4) {
    const bool in_range = (a != 0xf0 || b >= 0x90) && (a != 0xf4 || b <= 0x8f);
    return in_range && tail(1) && tail(2) && tail(3) ? 4 : 0;
  }
  return 0;
}

/// Characters beyond ASCII that move the cursor, break lines or turn the direction of writing: a terminal must not get
/// them.
bool invisible(std::string_view c) {
  if (c.size() == 2) return c[0] == '\xc2' && static_cast<unsigned char>(c[1]) < 0xa0;  // C1 controls
  if (c.size() != 3) return false;
  const unsigned code = ((static_cast<unsigned char>(c[0]) & 0x0fu) << 12) |
                        ((static_cast<unsigned char>(c[1]) & 0x3fu) << 6) | (static_cast<unsigned char>(c[2]) & 0x3fu);
  return (code >= 0x200b && code <= 0x200f) || (code >= 0x2028 && code <= 0x202e) ||
         (code >= 0x2066 && code <= 0x2069) || code == 0xfeff;
}

void escape_ascii(std::string& out, char c, Format format) {
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      break;
  }
  const auto byte = static_cast<unsigned char>(c);
  if (byte >= 0x20 && byte != 0x7f) {
    out += c;
  } else {
    out += format == Format::json ? fmt::format("\\u{:04x}", byte) : fmt::format("\\x{:02x}", byte);
  }
}

/// Between quotes. Text shows bytes that are no UTF-8 as \xNN, JSON, which has no bytes, as U+FFFD.
void escape(std::string& out, std::string_view s, Format format) {
  const bool cut = s.size() > longest_value;
  s = s.substr(0, longest_value);
  while (!s.empty()) {
    const std::size_t n = utf8_length(s);
    if (n == 1) {
      escape_ascii(out, s[0], format);
    } else if (n == 0 && format == Format::json) {
      out += "\\ufffd";
    } else if (n == 0) {
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<unsigned char>(s[0]));
    } else if (invisible(s.substr(0, n)) && format == Format::text) {
      for (std::size_t i = 0; i < n; ++i) {
        fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<unsigned char>(s[i]));
      }
    } else {
      out += s.substr(0, n);
    }
    s.remove_prefix(std::max<std::size_t>(n, 1));
  }
  if (cut) out += "...";
}

bool plain(std::string_view s) {
  return !s.empty() && s.size() <= longest_value && std::all_of(s.begin(), s.end(), [](char c) {
    return c > ' ' && c < 0x7f && c != '"' && c != '=' && c != '\\';
  });
}

void append_text(std::string& out, std::string_view s, Format format) {
  if (format == Format::text && plain(s)) {
    out += s;
    return;
  }
  out += '"';
  escape(out, s, format);
  out += '"';
}

void append_value(std::string& out, const Value& value, Format format) {
  std::visit(
      [&](auto v) {
        using T = decltype(v);
        if constexpr (std::is_same_v<T, std::string_view>) {
          append_text(out, v, format);
        } else if constexpr (std::is_same_v<T, double>) {
          out += std::isfinite(v) ? fmt::format("{:g}", v) : format == Format::json ? "null" : "nan";
        } else {
          fmt::format_to(std::back_inserter(out), "{}", v);
        }
      },
      value.any());
}

void append_key(std::string& out, std::string_view key) {
  for (const char c : key) {
    const bool fine =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
    out += fine ? c : '_';
  }
}

const char* word_of(Level level) {
  switch (level) {
    case Level::debug:
      return "debug";
    case Level::info:
      return "info";
    case Level::warning:
      return "warn";
    case Level::error:
      break;
  }
  return "error";
}

void append_field(std::string& out, std::string_view key, const Value& value, Format format) {
  const std::size_t before = out.size();
  if (format == Format::json) {
    out += ",\"";
    append_key(out, key);
    out += "\":";
  } else {
    out += ' ';
    append_key(out, key);
    out += '=';
  }
  append_value(out, value, format);
  // Whole fields only, so that what is left still parses.
  if (out.size() > longest_line) out.resize(before);
}

}  // namespace

std::string format_line(Format format, std::chrono::system_clock::time_point time, Level level, std::string_view name,
                        Fields fields, std::uint64_t dropped) {
  const auto since = std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch());
  const auto whole = std::chrono::floor<std::chrono::seconds>(since);
  const std::string stamp =
      fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(whole.count()), (since - whole).count());
  std::string out = format == Format::json ? fmt::format("{{\"time\":\"{}\",\"level\":\"{}\"", stamp, word_of(level))
                                           : fmt::format("{} {:<5}", stamp, word_of(level));
  append_field(out, "event", Value{name}, format);
  if (dropped > 0) append_field(out, "dropped", Value{dropped}, format);
  for (const Field& f : fields) append_field(out, f.key, f.value, format);
  if (format == Format::json) out += '}';
  return out;
}

RateLimit::Verdict RateLimit::check(std::string_view name, base::TimePoint now) {
  auto it = buckets_.find(name);
  if (it == buckets_.end()) {
    if (buckets_.size() >= most_names) {
      ++total_;
      return {};
    }
    it = buckets_.emplace(std::string{name}, Bucket{burst, now, 0}).first;
  }
  Bucket& b = it->second;
  const double elapsed = std::chrono::duration<double>(now - b.at).count();
  b.tokens = std::min(burst, b.tokens + std::max(0.0, elapsed) * per_second);
  b.at = now;
  if (b.tokens < 1) {
    ++b.dropped;
    ++total_;
    return {};
  }
  b.tokens -= 1;
  return {true, std::exchange(b.dropped, 0)};
}

}  // namespace wye::log
