#include "replication/plan/history.h"

#include <algorithm>

namespace wye::plan {
namespace {
constexpr unsigned thin_every = 256;
constexpr int precision =
    64;  // a moment of age t may stand for t / 64 around it: lag is then too high by 1.6 % at most
constexpr std::chrono::hours longest{48};
}  // namespace

bool History::add(base::TimePoint began, base::TimePoint ended, Set written) {
  bool continued = true;
  if (!moments_.empty()) {
    Moment& newest = moments_.back();
    if (newest.set == written || *newest.set == *written) {
      newest.last_began = std::max(newest.last_began, began);
      return true;
    }
    if (!written->includes(*newest.set)) {
      moments_.clear();
      continued = false;
    }
  }
  moments_.push_back({std::move(written), ended, began});
  if (++adds_ % thin_every == 0) thin(ended);
  return continued;
}

void History::thin(base::TimePoint now) {
  std::deque<Moment> kept;
  for (std::size_t i = 0; i < moments_.size(); ++i) {
    const bool edge = kept.empty() || i + 1 == moments_.size();
    const auto age = now - moments_[i].first_ended;
    if (!edge && age > longest) continue;
    if (edge || (moments_[i + 1].first_ended - kept.back().last_began) * precision > age)
      kept.push_back(std::move(moments_[i]));
  }
  if (kept.size() > 1 && now - kept[1].first_ended > longest) kept.pop_front();
  moments_ = std::move(kept);
}

History::Distance History::distance(const topology::GtidSet& executed, base::TimePoint at,
                                    base::milliseconds late) const {
  // Only what the primary had before the replica was asked can be missing there.
  const auto end = std::partition_point(moments_.begin(), moments_.end(),
                                        [at](const Moment& moment) { return moment.first_ended <= at; });
  if (end == moments_.begin()) return {};
  const auto newest = std::prev(end);
  if (executed.includes(*newest->set)) {
    const auto unseen = std::chrono::ceil<base::milliseconds>(at - newest->last_began);
    return {unseen > late ? unseen : base::milliseconds{0}, 0};
  }
  Distance out;
  out.behind = newest->set->minus(executed).count();
  // Each set includes the one before.
  const auto missing = std::partition_point(moments_.begin(), newest,
                                            [&](const Moment& moment) { return executed.includes(*moment.set); });
  if (missing != moments_.begin()) out.lag = std::chrono::ceil<base::milliseconds>(at - std::prev(missing)->last_began);
  return out;
}

}  // namespace wye::plan
