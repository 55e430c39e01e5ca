#pragma once
#include "replication/plan/derive.h"

namespace wye::plan {

/// True if the server answered, lately enough, and its last try didn't fail.
bool is_fresh(const Sight&, const Settings&, base::TimePoint now);
/// It answers, but with an error (1040, 1045, 1227): alive, and not to be observed.
bool refuses(const Sight&);

/// Which of our servers a channel's source is; absent: none of them, or not known yet.
std::optional<topology::ServerId> find_source(const topology::Channel&, const Settings&, const std::vector<Sight>&);

struct Choice {
  std::optional<topology::ServerId> primary;
  std::string why_not;  // in words, if there is none
};
Choice choose_primary(const Settings&, const std::vector<Sight>&, const Memory&, base::TimePoint now);

}  // namespace wye::plan
