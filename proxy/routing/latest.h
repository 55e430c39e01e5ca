#pragma once
#include <atomic>
#include <cstdint>

#include "proxy/base/clock.h"

namespace wye::routing {

/// When something was last done through wye that makes what was known, or opened, before that moment doubtful. Shared
/// by all workers.
class Latest {
 public:
  /// Before the client hears of it. Any thread.
  void note(base::TimePoint now) {
    const std::int64_t ticks = now.time_since_epoch().count();
    std::int64_t old = at_.load(std::memory_order_relaxed);
    while (old < ticks && !at_.compare_exchange_weak(old, ticks, std::memory_order_acq_rel)) {
    }
  }
  bool since(base::TimePoint moment) const {
    return at_.load(std::memory_order_acquire) >= moment.time_since_epoch().count();
  }

 private:
  std::atomic<std::int64_t> at_{INT64_MIN};  // Clock ticks
};

}  // namespace wye::routing
