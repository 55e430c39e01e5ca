#include "proxy/routing/sightings.h"

#include <algorithm>

namespace wye::routing {

using topology::ServerId;

void Sightings::observe(const topology::Topology& topology) {
  if (servers_.size() < topology.servers.size()) servers_.resize(topology.servers.size());
  for (std::size_t i = 0; i < topology.servers.size(); ++i) {
    const topology::Server& now = topology.servers[i];
    Seen& seen = servers_[i];
    if (now.executed == nullptr) continue;
    if (!seen.sightings.empty()) {
      const Sighting& last = seen.sightings.back();
      if (now.observed_at <= last.began) continue;
      const bool same = now.executed == last.executed || now.executed->includes(*last.executed);
      if (!same || now.uuid != seen.uuid) {
        seen.sightings.clear();
        seen.lost_at = now.observed_at;
      }
    }
    seen.uuid = now.uuid;
    seen.sightings.push_back({now.observed_at, now.executed});
    if (seen.sightings.size() > kept) seen.sightings.pop_front();
  }
  primary_ = topology.primary;
  if (topology.epoch == epoch_) return;
  epoch_ = topology.epoch;
  if (primary_) epoch_began_ = topology.servers[*primary_].observed_at;
}

bool Sightings::stands(ServerId server, base::TimePoint at) const {
  if (server >= servers_.size()) return false;
  return !servers_[server].lost_at || at > *servers_[server].lost_at;
}

Sightings::Set Sightings::first(ServerId server, base::TimePoint at) const {
  if (server >= servers_.size()) return nullptr;
  const auto& all = servers_[server].sightings;
  const auto it = std::lower_bound(all.begin(), all.end(), at,
                                   [](const Sighting& sighting, base::TimePoint t) { return sighting.began < t; });
  return it == all.end() ? nullptr : it->executed;
}

Sightings::Set Sightings::after(ServerId server, base::TimePoint at) const {
  if (stands(server, at)) {
    if (auto set = first(server, at + interval_)) return set;
  }
  return primary_ ? first(*primary_, at + interval_) : nullptr;
}

}  // namespace wye::routing
