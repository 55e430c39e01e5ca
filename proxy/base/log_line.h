#pragma once
#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "proxy/base/clock.h"
#include "proxy/base/log.h"

// What a line of the log looks like, and which lines are written at all. Pure.
namespace wye::log {

/// Longest line and longest value in bytes. A line that fits in PIPE_BUF (4096) goes into a pipe whole or not at all.
inline constexpr std::size_t longest_line = 4000, longest_value = 1024;

/// One line without its newline: printable text on one line, whatever the values hold. `dropped` is added unless it is
/// 0.
std::string format_line(Format format, std::chrono::system_clock::time_point time, Level level, std::string_view name,
                        Fields fields, std::uint64_t dropped = 0);

/// A token bucket per event name. Not thread-safe: the caller locks.
class RateLimit {
 public:
  static constexpr double burst = 200, per_second = 20;
  struct Verdict {
    bool pass = false;
    std::uint64_t dropped = 0;  // lines of this name since the last one that passed
  };
  Verdict check(std::string_view name, base::TimePoint now);
  std::uint64_t total_dropped() const { return total_; }

 private:
  struct Bucket {
    double tokens = burst;
    base::TimePoint at;
    std::uint64_t dropped = 0;
  };
  static constexpr std::size_t most_names = 1000;  // names come from the code; this is for a mistake there
  std::map<std::string, Bucket, std::less<>> buckets_;
  std::uint64_t total_ = 0;
};

}  // namespace wye::log
