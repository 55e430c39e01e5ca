#pragma once
#include <chrono>

namespace wye::base {

// Pure rooms never read a clock: they are given one of these.
using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

}  // namespace wye::base
