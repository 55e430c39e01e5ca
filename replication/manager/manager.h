#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/clock.h"
#include "replication/manager/operator.h"
#include "replication/manager/reader.h"
#include "replication/manager/verifier.h"
#include "replication/server/connection.h"
#include "replication/topology/topology.h"

namespace wye::manager {

struct ServerSpec {
  std::string name;
  topology::Address address;
  unsigned weight = 1;
  std::vector<std::string> tags;
  plan::Promote promote = plan::Promote::allow;
  std::string said{};  // its address as the configuration has it
};

/// What wye may change, and with what.
struct Managing {
  bool on = false;            // replication.mode: manage
  server::Login replication;  // the account that replicas log in with
  bool semi_sync = false;
  bool tls = false, verify = false;  // between the servers: required, and verified with `ca` (a path there)
  std::string ca;
  bool provisions = true;  // fills by itself a replica whose source has no longer what it needs
  bool restarts = true;    // starts threads of replicas that have ended by themselves
  std::string tools;       // folder of the tools that dump and load; empty: those in PATH
};

enum class Level : std::uint8_t { debug, info, warning, error };

struct Options {
  std::vector<ServerSpec> servers;  // the index is the ServerId
  server::Login login;
  base::milliseconds interval{100};
  base::milliseconds max_age{2000};    // an observation older than that is no knowledge: the server counts as offline
  base::milliseconds max_lag{10'000};  // above: State::lagging
  server::ConnectOptions connect;
  std::string state_dir;  // where the last known primary and the journal are kept; empty: nowhere
  Managing managing;
  /// Stored routines may have changed since this moment, as far as is known elsewhere. Any thread of the manager.
  std::function<bool(base::TimePoint)> routines_changed;
  std::function<base::TimePoint()> clock = base::Clock::now;

  // For ADD SERVER and REMOVE SERVER. Called on the operator's thread.
  std::function<base::Result<topology::Address>(const std::string&)> resolve = topology::parse_address;
  /// The configuration file has it.
  std::function<bool(const Member&)> file_names = [](const Member&) { return false; };
  /// One has joined, or left. Must not block.
  std::function<void(const plan::Membership&)> members_changed = [](const plan::Membership&) {};
  /// The sessions that use a server that is leaving, in words; nullopt: not known, as some know not that it leaves.
  std::function<std::optional<std::vector<std::string>>(topology::ServerId)> users = [](topology::ServerId) {
    return std::optional{std::vector<std::string>{}};
  };
  base::milliseconds drain{5'000};  // how long they have
};

/// Called on the manager's planner thread, never two calls at once. Must not block: hand over and return.
using Publish = std::function<void(std::shared_ptr<const topology::Topology>)>;
/// key=value text, one event, on changes only. Any thread of the manager.
using LogSink = std::function<void(Level, const std::string&)>;

/// Watches all servers and publishes what they are; sets replication up (operator.h). One thread per server observes,
/// one plans and publishes; a server that hangs delays nobody else. Owner: main. start() and stop() from one thread,
/// the rest from any.
class Manager {
 public:
  Manager(Options, Publish, LogSink);
  ~Manager();  // stops
  Manager(const Manager&) = delete;
  Manager& operator=(const Manager&) = delete;

  /// Starts the threads. A topology is published at once, with every server offline, and then after each observation.
  void start();
  /// Interrupts calls that wait and joins all threads. A connect() under way ends by its own time-out, at most
  /// connect_timeout.
  void stop();
  /// Takes a server out of reads (state `draining`) or back. False: no such server.
  bool set_drained(topology::ServerId, bool drained);
  bool set_drained(std::string_view name, bool drained);
  /// SET UP REPLICATION; `done` is called once, on another thread. An error: it does not begin, `done` is not called.
  base::Status set_up(SetUpRequest request, SetUpDone done);
  /// PROVISION; likewise.
  base::Status provision(ProvisionRequest request, SetUpDone done);
  /// REPAIR; likewise.
  base::Status repair(RepairRequest request, SetUpDone done);
  /// By server: what it has and the primary has not; absent: not known, or it is the primary.
  std::vector<std::optional<std::string>> errant() const;
  std::vector<std::optional<std::uint64_t>> errant_counts() const;  // likewise, how many
  /// ADD SERVER and REMOVE SERVER; likewise.
  base::Status add(AddRequest request, SetUpDone done);
  base::Status remove(RemoveRequest request, SetUpDone done);
  /// What is not as it should be though it works, by the latest surveys.
  std::vector<plan::Trouble> problems() const;
  /// The operation that runs, or the last one.
  Report operation() const;
  /// VERIFY; `done` is called once, on another thread. An error: it does not begin, `done` is not called.
  base::Status verify(VerifyRequest request, VerifyDone done);
  /// Ends it. False: none is under way.
  bool cancel_verify();
  /// The VERIFY that runs, or the last one.
  VerifyReport verification() const;
  /// Reads from one server; `done` is called once, on another thread. An error: it does not begin, `done` is not
  /// called.
  base::Status read(ReadRequest request, ReadDone done);
  /// What a reload may change: max_lag, and weights and tags of the servers, by name.
  void reconfigure(base::milliseconds max_lag, const std::vector<ServerSpec>& servers);
  /// The configuration file names `listed`: what it settles itself need not be remembered. Those that are left of it,
  /// and those that come on top.
  std::vector<Member> settle_with(const std::vector<Member>& listed, bool keep);
  /// The last topology published; never null after construction.
  std::shared_ptr<const topology::Topology> latest() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// What a restarted wye must know before it has seen a server: how to greet clients.
struct LastKnown {
  topology::Version version;
  std::string primary;  // its name in the configuration
  bool operator==(const LastKnown& other) const {
    return version.text == other.version.text && version.flavour == other.version.flavour && primary == other.primary;
  }
};
/// Reads STATE_DIR/last_primary; absent if there is none or it can't be read.
std::optional<LastKnown> load_last_known(const std::string& state_dir);
/// Writes it by an atomic rename.
base::Status save_last_known(const std::string& state_dir, const LastKnown&);

}  // namespace wye::manager
