#pragma once
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "proxy/base/bytes.h"

namespace wye::fuzz {

/// A property that must hold for every input; unlike assert() also in release builds.
inline void must(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "must: %s\n", what);
  std::abort();
}

/// Takes choices from the front of the input; 0 once it is used up.
class Choices {
 public:
  explicit Choices(base::ByteView in) : in_{in} {}
  std::uint8_t byte() {
    if (in_.empty()) return 0;
    const std::uint8_t b = in_.front();
    in_ = in_.subspan(1);
    return b;
  }
  std::uint16_t word() {
    const std::uint8_t low = byte();
    return static_cast<std::uint16_t>(byte() << 8 | low);
  }
  std::uint32_t four() {
    const std::uint32_t low = word();
    return static_cast<std::uint32_t>(word()) << 16 | low;
  }
  base::ByteView rest() const { return in_; }

 private:
  base::ByteView in_;
};

/// Bytes in a block of exactly their size, so that the sanitizer sees a read one byte past them.
inline base::Bytes exact(base::ByteView in) { return {in.begin(), in.end()}; }

/// Cheap repeatable numbers for cutting points.
class Cuts {
 public:
  explicit Cuts(std::uint32_t seed) : x_{seed} {}
  std::size_t next(std::size_t below) {
    x_ = x_ * 1664525u + 1013904223u;
    return below == 0 ? 0 : (x_ >> 8) % below;
  }

 private:
  std::uint32_t x_;
};

}  // namespace wye::fuzz
