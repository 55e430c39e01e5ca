#pragma once
#include <string_view>

#include "proxy/routing/route.h"

namespace wye::routing {

/// What one read asks of a replica: the options, with what its hint changes. Views live as long as the statement's
/// text.
struct Wanted {
  Consistency consistency = Consistency::global;
  base::milliseconds max_lag{0};
  std::string_view tag;     // not empty: the replica must have it
  std::string_view server;  // not empty: this server only
};

/// Why this server may not serve such a read now, or Rejected::none. Unknown is never eligible (routing.md 2, 5).
Rejected judge(const Input&, const Wanted&, const topology::Server&);

/// To wait for this server, which is `behind`, could make it eligible in time.
bool may_wait_for(const Input&, const Wanted&, const topology::Server&);

/// A replica that serves reads, or none: with what kept the replicas out, and those worth waiting for.
struct Choice {
  std::optional<topology::ServerId> server;
  Reason none_because = Reason::no_replica;
  WaitFor wait;
};

/// The eligible server with the least outstanding statements for its weight, ties by latency; a session stays where its
/// last read ran while that is as good. `with_primary`: the primary is one of the readers.
Choice choose(const Input&, const Wanted&, bool with_primary);

}  // namespace wye::routing
