#include "proxy/session/flows/session_defaults.h"

namespace wye::session {

bool SessionDefaults::look(const topology::Topology& topology, const routing::Latest& set) {
  if (known_ || !topology.primary) return true;
  const topology::Server& primary = topology.servers[*topology.primary];
  if (set.since(primary.observed_at)) {
    // Not observed since. What comes will be the session's only if nothing was set after it began.
    return !set.since(began_);
  }
  if (primary.observed_at > began_ && set.since(began_)) return false;
  known_ = true;
  values_ = primary.defaults;
  max_packet_ = primary.max_packet;
  return true;
}

}  // namespace wye::session
