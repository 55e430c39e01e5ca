#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "proxy/base/clock.h"
#include "proxy/base/result.h"
#include "proxy/sql/facts.h"
#include "replication/topology/topology.h"

namespace wye::routing {

/// Why a statement went where it went. One enum feeds the metric label, the log, SHOW ROUTES and EXPLAIN ROUTE. Names:
/// snake_case of these.
enum class Reason : std::uint8_t {
  replica_read,           // a plain read on an eligible replica
  read_only_transaction,  // the whole transaction on one replica
  hint_replica,
  hint_primary,
  hint_server,
  rule_primary,  // a rule of the configuration; EXPLAIN ROUTE names it, its hits are counted by name
  rule_replica,
  rule_server,
  rule_reject,  // runs nowhere
  write,
  ddl,
  call,
  unknown_statement,
  several_statements,
  locking_read,
  into_clause,
  user_variable,
  server_function,
  unknown_function,
  known_writer,  // a read, but a replica has refused one of its digest as a write
  server_variable,
  server_state,
  system_schema,
  previous_statement_value,
  set_statement,
  use_schema,
  text_prepare,
  too_long_to_classify,
  unterminated,
  empty_statement,
  transaction,  // in a transaction that may write
  autocommit_off,
  serializable,
  pinned,      // the session has state that lives on one server
  no_replica,  // a read, but there is no replica at all
  replicas_lagging,
  replicas_behind,
  wait_timeout,  // a read that waited for a replica, in vain
  replicas_offline,
  replicas_differ,       // a read, none eligible: what kept most of them out
  reads_always_primary,  // consistency=primary
  last,                  // count of the above, no reason
};
const char* name(Reason);
/// What a statement that stays on the primary because of `why` is counted under; plain_read gives replica_read.
Reason reason_of(sql::Why why);
inline constexpr std::size_t reasons = static_cast<std::size_t>(Reason::last);

enum class Consistency : std::uint8_t { eventual, monotonic, session, global, primary };
enum class ReadsOnPrimary : std::uint8_t { fallback, never, always };

struct Options {
  Consistency consistency = Consistency::global;
  base::milliseconds max_lag{10'000};
  base::milliseconds observation_max_age{2'000};  // an older observation of a replica is no knowledge
  base::milliseconds wait{0};  // how long a read may wait for a replica that is behind; 0: not at all
  ReadsOnPrimary reads_on_primary = ReadsOnPrimary::fallback;
  bool lenient_hints = false;
};

/// What routing must know of the session. Values, filled by the flow from status flags and trackers.
struct SessionView {
  bool in_transaction = false;
  bool transaction_read_only = false;                    // the running one is READ ONLY
  std::optional<topology::ServerId> transaction_server;  // where the running READ ONLY transaction is
  bool transaction_untouched = false;  // and nothing has been read in it: it can begin again elsewhere
  bool transaction_beside = false;     // and the primary's connection is in one as well, for what belongs there
  bool reads_own_state = false;        // it has named user variables or PREPAREd: later statements may use them
  bool autocommit = true;
  bool serializable = false;
  bool session_read_only = false;               // transaction_read_only = 1 for the session, or the next transaction
  bool next_transaction = false;                // SET TRANSACTION has said something of the next one
  bool pinned = false;                          // to the primary
  bool untracked = false;                       // the server does not say what statements do to the session
  bool defaults_known = true;                   // what it began with on the primary; if not, no replica is like it
  std::uint64_t max_packet = 0;                 // its max_allowed_packet; 0: not known
  std::optional<topology::ServerId> last_read;  // where its last read ran
  std::optional<std::uint32_t> turn;            // of the worker's sessions, counted
  std::optional<topology::ServerId>
      last_statement;  // where its previous statement ran: values of the previous statement are there
};

/// Why a server was not taken, in EXPLAIN ROUTE.
enum class Rejected : std::uint8_t {
  none,
  is_primary,
  offline,
  unknown_role,
  not_replicating,
  lag_unknown,
  lagging,
  stale_observation,
  behind,
  draining,
  settings_differ,  // in a way that no session can set: max_allowed_packet
  not_chosen
};
const char* name(Rejected);

struct Candidate {
  topology::ServerId server = 0;
  Rejected rejected = Rejected::none;
  bool would_wait = false;  // behind, and a read would wait for it to catch up
};

/// Replicas that lack nothing but the position, the best ones: a read may wait for the first of them that has it.
struct WaitFor {
  static constexpr std::size_t most = 2;
  std::array<topology::ServerId, most> servers{};
  std::size_t count = 0;
};

struct Route {
  std::optional<topology::ServerId>
      server;  // absent: no server can take it now (writes wait for a primary; see `reason`)
  Reason reason = Reason::unknown_statement;
  WaitFor wait{};  // not empty: `server` is where it goes only after it has waited for these in vain
  Consistency level = Consistency::global;  // that was asked for
};

/// How far the replicas must be. A replica is eligible only if covered_by() is true for it. Implemented by LevelNeed.
class Need {
 public:
  virtual ~Need() = default;
  virtual bool covered_by(Consistency level, topology::ServerId id, const topology::Server& replica) const = 0;
  /// Can this replica be asked to say when it is there?
  virtual bool can_wait_for(Consistency level, topology::ServerId id, const topology::Server& replica) const {
    (void)level, (void)id, (void)replica;
    return false;
  }
};

/// Load of each server, by ServerId, as this worker sees it. Shorter than the topology: missing means 0.
struct Load {
  std::uint32_t outstanding = 0;  // statements in flight
  std::uint32_t latency_us = 0;   // EWMA
  std::uint32_t wait_us = 0;      // EWMA of the waits for its position
  bool no_wait = false;           // to wait for it was in vain lately
};

struct Rule;  // rules.h

struct Input {
  const sql::Facts& facts;
  const SessionView& session;
  const topology::Topology& topology;
  const Need& need;
  const Options& options;
  const std::vector<Load>& load;
  base::TimePoint now;
  const Rule* rule = nullptr;  // the first that matches the statement
};

/// BEGIN inside a READ ONLY transaction is routed as a new one: if that is another server, the flow gives the old
/// backend connection back (rolled back). A hint `server=` takes a read there whatever its lag or position, unless it
/// is offline. Where the statement goes, by routing.md section 2. Pure; allocates nothing. Error: a hint that asks for
/// what can't be (a write on a replica, an unknown word or server).
base::Result<Route> route(const Input&);
/// The same with every server's verdict, for EXPLAIN ROUTE. Allocates.
base::Result<Route> explain(const Input&, std::vector<Candidate>& candidates);

}  // namespace wye::routing
