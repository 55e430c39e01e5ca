#pragma once
#include <algorithm>
#include <cstdint>

#include "proxy/base/clock.h"

namespace wye::verify {

/// How much is read at once, and when to rest: a read takes about as long as it may, and when a server answers slower
/// than it did, nothing is read for a while. Pure.
class Pace {
 public:
  static constexpr std::uint64_t least = 10, most = 8000, first = 500;
  /// `row_bytes`: what a row takes on average, if that is known: the first read is not of gigabytes.
  explicit Pace(base::milliseconds target, std::uint64_t row_bytes = 0);

  std::uint64_t rows() const { return rows_; }
  /// So many rows took so long.
  void took(std::uint64_t rows, double ms);
  /// `ms`: the smallest of statements took so long on the primary just now. How long to rest before the next read.
  base::milliseconds rest(double ms);

 private:
  double target_;
  std::uint64_t rows_;
  double usual_ = -1;  // what the smallest of statements takes when all is well
  base::milliseconds rest_{0};
};

}  // namespace wye::verify
