#pragma once
#include <deque>
#include <memory>
#include <optional>

#include "proxy/base/clock.h"
#include "replication/topology/gtid_set.h"

namespace wye::plan {

/// What the primary had, and when, on wye's own clock: the ruler that lag is measured with.
/// Old moments are thinned out in proportion to their age, so a day fits into some hundred entries.
class History {
 public:
  using Set = std::shared_ptr<const topology::GtidSet>;

  /// An observation of the primary. Must come in order of time. False: the primary lost transactions it had
  /// (RESET, a crash without durability, another server); the history starts anew.
  bool add(base::TimePoint began, base::TimePoint ended, Set written);
  void clear() {
    moments_.clear();
    adds_ = 0;
  }
  bool empty() const { return moments_.empty(); }
  const Set& last() const { return moments_.back().set; }  // REQUIRES: not empty

  struct Distance {
    /// How old the picture on the replica is at most: at `at` it had everything that the primary had committed `lag`
    /// before. 0 if nothing is known to be missing; else never less than the truth, and at most one observation
    /// interval more. Absent: older than what wye has watched.
    std::optional<base::milliseconds> lag;
    std::uint64_t behind = 0;  // transactions
  };
  /// `executed` was read at `at` or later. Compared with what the primary is known to have had by then. If it was last
  /// seen more than `late` before, it may have had more, and the lag is as long as nobody looked.
  Distance distance(const topology::GtidSet& executed, base::TimePoint at,
                    base::milliseconds late = base::milliseconds::max()) const;

  std::size_t size() const { return moments_.size(); }

 private:
  struct Moment {
    Set set;
    base::TimePoint first_ended;  // no later than this the primary had all of `set`
    base::TimePoint last_began;   // until then it had nothing else
  };
  void thin(base::TimePoint now);
  std::deque<Moment> moments_;
  unsigned adds_ = 0;
};

}  // namespace wye::plan
