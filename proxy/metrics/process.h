#pragma once
#include <cstdint>
#include <optional>

namespace wye::metrics {

/// What the kernel says of this process (/proc/self).
struct Process {
  std::uint64_t resident_bytes = 0, virtual_bytes = 0, open_fds = 0, max_fds = 0, threads = 0;
  double cpu_seconds = 0, start_time_seconds = 0;
};
/// Absent if /proc can't be read.
std::optional<Process> read_process();

}  // namespace wye::metrics
