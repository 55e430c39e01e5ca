#include "proxy/metrics/process.h"

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <string>

namespace wye::metrics {
namespace {

/// Seconds since the Unix epoch at which the machine started.
double boot_time() {
  std::ifstream in{"/proc/stat"};
  std::string word;
  double t = 0;
  while (in >> word) {
    if (word == "btime" && in >> t) return t;
  }
  return 0;
}

std::uint64_t count_fds() {
  DIR* const dir = opendir("/proc/self/fd");
  if (dir == nullptr) return 0;
  std::uint64_t n = 0;
  while (readdir(dir) != nullptr) ++n;
  closedir(dir);
  return n > 3 ? n - 3 : 0;  // without ".", ".." and the folder itself
}

}  // namespace

std::optional<Process> read_process() {
  std::ifstream in{"/proc/self/stat"};
  std::string line;
  if (!std::getline(in, line)) return std::nullopt;
  // The second field is the program's name, which may hold anything, in parentheses.
  const std::size_t close = line.rfind(')');
  if (close == std::string::npos) return std::nullopt;
  std::istringstream rest{line.substr(close + 1)};
  std::string state;
  rest >> state;
  double field[22] = {};  // from field 4 of proc(5) on
  for (std::size_t i = 0; i < 21; ++i) rest >> field[i];
  if (!rest) return std::nullopt;
  const double tick = static_cast<double>(sysconf(_SC_CLK_TCK));
  Process p;
  p.cpu_seconds = (field[10] + field[11]) / tick;  // utime, stime
  p.threads = static_cast<std::uint64_t>(field[16]);
  static const double boot = boot_time();
  p.start_time_seconds = boot + field[18] / tick;
  p.virtual_bytes = static_cast<std::uint64_t>(field[19]);
  p.resident_bytes = static_cast<std::uint64_t>(field[20]) * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  p.open_fds = count_fds();
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) p.max_fds = limit.rlim_cur;
  return p;
}

}  // namespace wye::metrics
