#include "replication/verify/pace.h"

namespace wye::verify {
namespace {
constexpr base::milliseconds shortest_rest{20}, longest_rest{1000};
constexpr double slack_ms = 5, slower = 4;  // times the usual, and as much on top: noise is no load
constexpr std::uint64_t first_bytes = std::uint64_t{4} << 20;
}  // namespace

Pace::Pace(base::milliseconds target, std::uint64_t row_bytes)
    : target_{std::chrono::duration<double, std::milli>{target}.count()},
      rows_{std::clamp(first_bytes / std::max<std::uint64_t>(row_bytes, 1), least, first)} {}

void Pace::took(std::uint64_t rows, double ms) {
  if (rows < rows_ / 2) return;  // the end of a table says little
  const double fits = static_cast<double>(rows) * target_ / std::max(ms, 0.1);
  const double now = static_cast<double>(rows_);
  rows_ = std::clamp(static_cast<std::uint64_t>(std::clamp(fits, now / 2, now * 2)), least, most);
}

base::milliseconds Pace::rest(double ms) {
  const bool slow = usual_ >= 0 && ms > usual_ * slower + slack_ms;
  if (!slow) usual_ = usual_ < 0 ? ms : std::min(usual_ * 1.02 + 0.001, (usual_ * 15 + ms) / 16);
  rest_ = slow ? std::clamp(rest_ * 2, shortest_rest, longest_rest) : base::milliseconds{0};
  return rest_;
}

}  // namespace wye::verify
