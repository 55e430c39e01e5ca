#pragma once
#include <array>
#include <atomic>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>

// What a worker counts with. Each is written by one thread (its worker's) and read by the exporter at any time: plain
// relaxed atomics, so that a count costs a load, an addition and a store without a locked instruction.
namespace wye::metrics {

class Counter {
 public:
  void add(std::uint64_t n = 1) { x_.store(x_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed); }
  std::uint64_t value() const { return x_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> x_{0};
};

class Gauge {
 public:
  void add(std::int64_t n = 1) { x_.store(x_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed); }
  void sub(std::int64_t n = 1) { add(-n); }
  void set(std::int64_t n) { x_.store(n, std::memory_order_relaxed); }
  std::int64_t value() const { return x_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> x_{0};
};

/// Exponentially weighted moving average of a latency, a new sample weighs 1/8.
class Ewma {
 public:
  void observe(std::chrono::microseconds sample) {
    const auto s = sample.count() < 0 ? 0 : static_cast<std::uint64_t>(sample.count()) * scale;
    const std::uint64_t old = x_.load(std::memory_order_relaxed);
    x_.store(old == 0 ? s : old - old / 8 + s / 8, std::memory_order_relaxed);
  }
  /// 0: nothing seen yet.
  std::chrono::microseconds value() const {
    return std::chrono::microseconds{x_.load(std::memory_order_relaxed) / scale};
  }

 private:
  static constexpr std::uint64_t scale = 256;  // below one microsecond, so that small samples aren't rounded away
  std::atomic<std::uint64_t> x_{0};
};

/// Durations in log-linear buckets: two to each power of two, from 16 us to 67 s. A bucket holds (its lower bound, its
/// upper bound].
class Histogram {
 public:
  static constexpr unsigned first_octave = 4, octaves = 22;  // 2^4 us ... 2^26 us
  static constexpr std::size_t bounds = 2 * octaves + 1;     // 16, 24, 32, 48, ..., 67'108'864 us
  static constexpr std::size_t buckets = bounds + 1;         // the last one has no upper bound

  static constexpr std::uint64_t upper_bound_us(std::size_t bucket) {
    const std::uint64_t low = std::uint64_t{1} << (first_octave + bucket / 2);
    return bucket % 2 == 0 ? low : low + low / 2;
  }
  static constexpr std::size_t bucket_of(std::uint64_t us) {
    if (us <= (1u << first_octave)) return 0;
    const std::uint64_t below = us - 1;  // upper bounds belong to their bucket
    const auto octave = static_cast<unsigned>(std::bit_width(below)) - 1;
    if (octave >= first_octave + octaves) return buckets - 1;
    const std::size_t half = (below >> (octave - 1)) & 1u;
    return 2 * (octave - first_octave) + half + 1;
  }

  void observe(std::chrono::nanoseconds d) {
    const auto ns = d.count() < 0 ? 0 : static_cast<std::uint64_t>(d.count());
    counts_[bucket_of((ns + 999) / 1000)].add();
    sum_ns_.add(ns);
  }
  std::uint64_t count(std::size_t bucket) const { return counts_[bucket].value(); }
  std::uint64_t sum_ns() const { return sum_ns_.value(); }

 private:
  std::array<Counter, buckets> counts_;
  Counter sum_ns_;
};

}  // namespace wye::metrics
