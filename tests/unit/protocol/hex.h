#pragma once
#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>

#include "proxy/base/bytes.h"

namespace wye::test {

/// "00 0aFF" -> bytes; blanks are skipped.
inline base::Bytes hex(std::string_view text) {
  base::Bytes out;
  int high = -1;
  for (const char c : text) {
    if (c == ' ' || c == '\n') continue;
    const auto digit = std::string_view{"0123456789abcdef"}.find(static_cast<char>(c | 0x20));
    if (digit == std::string_view::npos) throw std::invalid_argument{"not hex"};
    if (high < 0) {
      high = static_cast<int>(digit);
    } else {
      out.push_back(static_cast<std::uint8_t>(high * 16 + static_cast<int>(digit)));
      high = -1;
    }
  }
  if (high >= 0) throw std::invalid_argument{"odd number of hex digits"};
  return out;
}

inline std::string to_hex(base::ByteView bytes) {
  std::string out;
  for (const auto b : bytes) {
    out += "0123456789abcdef"[b >> 4];
    out += "0123456789abcdef"[b & 15];
  }
  return out;
}

/// Calls `f` with every prefix shorter than `whole`, each in a block of its own, so that a sanitizer sees a read past
/// it.
template <class F>
void each_prefix(const base::Bytes& whole, F&& f) {
  for (std::size_t n = 0; n < whole.size(); ++n) {
    base::Bytes prefix(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(n));
    prefix.shrink_to_fit();
    f(base::ByteView{prefix});
  }
}

}  // namespace wye::test
