#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "proxy/base/clock.h"
#include "replication/topology/gtid_set.h"
#include "replication/topology/routines.h"

namespace wye::topology {

/// Index into Topology::servers; stable for the life of the process (a removed server leaves its slot, state
/// `offline`).
using ServerId = std::uint16_t;

enum class Role : std::uint8_t { unknown, primary, replica };
enum class State : std::uint8_t { offline, online, lagging, draining, broken };
const char* name(Role);
const char* name(State);
const char* name(Flavour);

/// "10.11.19-MariaDB" or "9.7.4". Compared as numbers, never as text (MySQL goes on to 26.7).
struct Version {
  Flavour flavour = Flavour::mysql;
  std::uint32_t number = 0;  // major * 10000 + minor * 100 + patch, as in executable comments
  std::string text;          // as the server says it, e.g. for the handshake
};
Version parse_version(std::string_view text);
/// Knows session trackers, and COM_RESET_CONNECTION. Servers that don't say only in their status flags what a statement
/// did: MySQL before 5.7.6. Unknown versions are taken for newer ones.
bool tracks_sessions(const Version&);

/// Where a server listens. Either host and port or a Unix socket's path.
struct Address {
  std::string host;
  std::uint16_t port = 3306;
  std::string path;  // not empty: a Unix socket
  std::string name;  // what `host` was before it was resolved; empty: it was an address all along
  /// Whom the server's certificate must be for.
  const std::string& certified_name() const { return name.empty() ? host : name; }
  std::string to_string() const;
  bool operator==(const Address&) const = default;
};
/// "db1", "db1:3307", "[::1]:3306", "::1", "unix:/run/mysqld/mysqld.sock". Without a port: 3306. Names are not resolved
/// here.
base::Result<Address> parse_address(std::string_view text);

/// What a session begins with: the server's global values of the variables that change what a read returns and that a
/// session can set. Sizes, limits and switches of the optimizer are each server's own.
using Defaults = std::map<std::string, std::string, std::less<>>;

/// What is known of one server at one moment. Immutable once published.
struct Server {
  std::string name;
  Address address;
  unsigned weight = 1;
  std::vector<std::string> tags;

  Role role = Role::unknown;
  State state = State::offline;
  std::string reason;    // why it isn't online, in words for the operator; empty when it is
  bool leaving = false;  // REMOVE SERVER: who can do without his connection to it gives it back
  bool removed = false;  // only its slot is left

  Version version;
  std::uint32_t server_number = 0;  // @@server_id
  std::string uuid;                 // @@server_uuid, empty on MariaDB
  bool read_only = false;
  bool super_read_only = false;
  std::shared_ptr<const Defaults> defaults;  // absent: not known
  std::uint64_t max_packet = 0;              // @@global.max_allowed_packet, which no session can change; 0: not known
  bool commits_after_replicas = false;       // semi-synchronous, AFTER_SYNC: replicas may show a commit before it does
  std::string source;                        // replica: "host:port" of its source
  bool receiver_running = false, applier_running = false;
  std::string error;                        // last receiver or applier error
  std::optional<base::milliseconds> lag;    // replica: unknown is absent, never 0
  std::shared_ptr<const GtidSet> executed;  // applied here; MariaDB: gtid_current_pos / binlog_pos
  std::shared_ptr<const GtidSet> received;  // replica: fetched from the source, applied or not
  std::uint64_t behind = 0;                 // replica: transactions that the primary has and this one hasn't
  base::TimePoint observed_at{};            // when the observation *began*: it holds everything committed before
};

/// One consistent picture of all servers. Published as shared_ptr<const Topology> through a Mailbox; one callback sees
/// one picture.
struct Topology {
  std::uint64_t epoch = 0;   // grows with every change of the primary
  std::uint64_t serial = 0;  // grows with every publication
  std::vector<Server> servers;
  std::optional<ServerId> primary;
  Flavour flavour = Flavour::mysql;  // the primary's, else the last known
  std::shared_ptr<const Routines>
      routines;                   // the primary's; the same object as long as nothing changes; absent: unknown
  base::TimePoint routines_at{};  // when the question was sent
};

}  // namespace wye::topology
