#pragma once
#include <string>
#include <vector>

#include "proxy/base/clock.h"
#include "replication/topology/topology.h"

namespace wye::plan {

/// How a server gets the data of another one, `donor`.
struct Copy {
  enum class Way : std::uint8_t {
    none,
    clone,  // the step's statement is CLONE INSTANCE, after which the server restarts
    dump,   // the flavour's own tools; statements are run before
  };
  Way way = Way::none;
  std::string donor;  // its name in the configuration
  bool quiet_donor =
      false;  // dump: it replicates: its applier is stopped until the copy has begun, and no lock is taken
  std::uint64_t bytes = 0;              // about how many
  std::vector<std::string> accounts{};  // that the target had: 'user'@'host'. All others there have come with the copy
  bool operator==(const Copy&) const = default;
};

/// One change on one server, as data: what DRY RUN prints is what runs. SQL holds no password (see dialect.h).
/// Every step may be run again after a crash: either its statements can be said twice, or its check keeps it from that.
struct Step {
  std::string server;  // its name in the configuration
  std::string what;    // for people
  /// A query that must give 1 right before the statements; empty: none. So nothing is destroyed that the plan did not
  /// know of.
  std::string guard;
  std::vector<std::string> sql;
  /// A query that gives 1 once the step has taken effect; it is waited for. Empty: the statements' success is enough.
  /// Where it gives 1 beforehand nothing is done, and nothing undone later, unless `always`.
  std::string check;
  bool always = false;
  /// Both threads of the default channel must run from there, by GTID, without an error. Waited for like the check.
  std::string replicates_from;  // "host:port"; empty: not asked
  std::vector<std::string> undo;
  base::milliseconds deadline{30'000};
  Copy copy{};
  bool operator==(const Step&) const = default;
};

/// Who a server was when the plan was made; it is not continued on another one.
struct Identity {
  std::string server, identity;
  bool operator==(const Identity&) const = default;
};

/// The server that an operation makes one of the cluster's, or no longer one.
struct Membership {
  enum class Kind : std::uint8_t { stays, joins, leaves };
  Kind kind = Kind::stays;
  std::string server, address;  // as it was said, in its normal form
  bool operator==(const Membership&) const = default;
};

struct Plan {
  std::string operation;  // as it was asked for, e.g. SET UP REPLICATION PRIMARY db1
  std::vector<Step> steps;
  std::vector<Identity> servers;
  std::vector<std::string> notes;  // for the operator: what wye can't make last
  Membership membership{};         // settled when all steps are done
};

/// Why there is no plan, and what to do about it.
struct Trouble {
  std::string server, what, remedy;
  bool operator==(const Trouble&) const = default;
};

/// MySQL: its uuid. MariaDB has none: host name and port.
std::string identity_of(const topology::Version& version, const std::string& uuid, const std::string& hostname,
                        std::uint16_t port);

}  // namespace wye::plan
