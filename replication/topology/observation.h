#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "proxy/base/clock.h"
#include "replication/topology/gtid_set.h"
#include "replication/topology/topology.h"

namespace wye::topology {

/// One row of SHOW REPLICA STATUS / SHOW ALL SLAVES STATUS, under whichever spelling the server has.
struct Channel {
  std::string name;  // empty: the default channel
  std::string source_host;
  std::uint16_t source_port = 0;
  std::uint32_t source_server_number = 0;  // 0 until the receiver has connected once
  std::string source_uuid;                 // MySQL; empty until then
  bool receiver_running = false;           // "Yes"; "Connecting" is not running
  bool receiver_started = false;           // "Yes", "Connecting" or "Preparing": somebody wants it to run
  bool applier_running = false;
  bool uses_gtid = false;
  unsigned receiver_errno = 0, applier_errno = 0;
  std::string receiver_error, applier_error;
  base::seconds delay{0};  // SOURCE_DELAY, on purpose
};

/// Semi-synchronous replication as the server reports it; absent: neither plugin nor built in.
struct SemiSync {
  bool source_enabled = false, source_active = false;  // active: it hasn't fallen back to asynchronous
  bool after_sync = false;  // a commit waits before it can be seen here; a replica may show it first
  bool replica_enabled = false, replica_active = false;
  std::uint32_t clients = 0;
};

/// What one server said of itself. Immutable once shared between threads.
struct Observation {
  base::TimePoint began{};  // before the query was sent: what was committed before is in the sets
  base::TimePoint ended{};  // after the answer was read: what is in the sets was committed before
  Version version;
  std::uint32_t server_number = 0;
  std::string uuid;                   // MySQL
  std::string hostname, report_host;  // what the server calls itself; never used to connect
  std::uint16_t port = 0, report_port = 0;
  bool read_only = false, super_read_only = false;
  std::shared_ptr<const Defaults> defaults;  // the same object as before, as long as nothing changes
  std::uint64_t max_packet = 0;              // @@global.max_allowed_packet
  bool gtids = true;                         // MySQL: gtid_mode=ON, or the way there
  std::vector<Channel> channels;             // empty: no replica
  std::shared_ptr<const GtidSet>
      executed;  // applied here. MySQL: gtid_executed; MariaDB: gtid_slave_pos (see observe.cc)
  std::shared_ptr<const GtidSet> written;    // what replicas can fetch here. MySQL: the same; MariaDB: gtid_binlog_pos
  std::shared_ptr<const GtidSet> received;   // executed and fetched, applied or not
  std::shared_ptr<const GtidSet> authored;   // MariaDB: gtid_binlog_state, see parse_binlog_state(); else null
  std::shared_ptr<const GtidSet> slave_pos;  // MariaDB: gtid_slave_pos, also where no channel is left; else null
  std::optional<SemiSync> semi_sync;         // refreshed every few seconds only
};

/// Why a server could not be observed.
struct Failure {
  enum class Kind : std::uint8_t {
    unreachable,  // no connection, connection lost, time-out, or the server is shutting down
    refused,      // the server is alive and answers with an error: too many connections, wrong password, missing grant
  };
  Kind kind = Kind::unreachable;
  unsigned code = 0;
  std::string message;
  base::TimePoint at{};
};

}  // namespace wye::topology
