#pragma once
#include <cstdint>
#include <memory>

#include "proxy/routing/latest.h"
#include "proxy/routing/route.h"
#include "replication/topology/topology.h"

namespace wye::session {

/// What a session's variables were when it began: the primary's global values at that moment. Replicas may have others,
/// and a client may set others for the sessions after it. Pure. One owner.
class SessionDefaults {
 public:
  /// The session has just logged in, or was reset.
  void begin(base::TimePoint now) {
    *this = {};
    began_ = now;
  }
  /// Before each read, until known. False: they can't be known any more, somebody set global variables in between.
  bool look(const topology::Topology& topology, const routing::Latest& set);
  bool known() const { return known_; }
  /// nullptr: not known, or the server does not tell.
  const topology::Defaults* values() const { return values_.get(); }
  /// While there is no primary, what a replica has must do: the alternative is an error.
  void fill(routing::SessionView& view, const topology::Topology& topology) const {
    view.defaults_known = known_ || !topology.primary;
    view.max_packet = max_packet_;
  }

 private:
  base::TimePoint began_{};
  bool known_ = false;
  std::shared_ptr<const topology::Defaults> values_;
  std::uint64_t max_packet_ = 0;
};

}  // namespace wye::session
