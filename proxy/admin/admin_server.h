#pragma once
#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "proxy/base/result.h"
#include "proxy/config/config.h"
#include "proxy/metrics/worker_metrics.h"
#include "proxy/net/listener.h"
#include "proxy/net/loop.h"
#include "proxy/protocol/result_set.h"
#include "proxy/routing/rules.h"
#include "replication/manager/operator.h"
#include "replication/manager/reader.h"
#include "replication/manager/verifier.h"
#include "replication/topology/topology.h"

namespace wye::admin {

using TableDone = std::function<void(protocol::Table)>;

/// The configuration file, while wye runs (interfaces.md 4).
struct ConfigFile {
  std::function<base::Result<protocol::Table>()> plan;
  std::function<base::Result<protocol::Table>(std::optional<base::milliseconds> confirm)> reload;
  std::function<base::Status()> confirm;
  std::function<base::Result<protocol::Table>()> rollback;
};

/// What the console tells about and what it may do. Called on the loop's thread; what is absent gives an error to the
/// client.
struct Context {
  std::function<std::shared_ptr<const topology::Topology>()> topology;  // null: not known yet
  std::vector<const metrics::WorkerMetrics*> metrics;                   // outlive the server
  /// Ask the workers. `done` is called on the loop's thread, at once or later; it may come after the client, or the
  /// server, is gone.
  std::function<void(TableDone done)> sessions, pools;
  std::function<void(std::size_t most, TableDone done)> digests;
  std::function<std::string()> readiness;                                // empty: ready; else why not
  std::function<bool(std::string_view name, bool drained)> set_drained;  // false: no such server
  std::function<base::Result<protocol::Table>(std::string_view sql)> explain_route;
  /// Sets replication up. An error: it does not begin. `done` is called on the loop's thread, when it ends.
  std::function<base::Status(manager::SetUpRequest request, std::function<void(manager::SetUpAnswer)> done)> set_up;
  std::function<base::Status(manager::ProvisionRequest request, std::function<void(manager::SetUpAnswer)> done)>
      provision;  // likewise
  std::function<base::Status(manager::RepairRequest request, std::function<void(manager::SetUpAnswer)> done)>
      repair;  // likewise
  /// By server; absent: not known.
  std::function<std::vector<std::optional<std::string>>()> errant;
  std::function<base::Status(manager::AddRequest request, std::function<void(manager::SetUpAnswer)> done)> add_server;
  std::function<base::Status(manager::RemoveRequest request, std::function<void(manager::SetUpAnswer)> done)>
      remove_server;
  std::function<manager::Report()> operation;  // that runs, or the last
  std::function<std::vector<plan::Trouble>()> problems;
  /// Compares replicas with the primary; likewise. It ends early when nobody waits for it any more.
  std::function<base::Status(manager::VerifyRequest request, std::function<void(manager::VerifyReport)> done)> verify;
  std::function<manager::VerifyReport()> verification;  // that runs, or the last
  /// Asks one server for one statement that only reads; likewise.
  std::function<base::Status(manager::ReadRequest request, manager::ReadDone done)> read;
  std::function<bool()> cancel_verify;                           // false: none runs
  const config::Config* config = nullptr;                        // in force; outlives the server
  std::function<std::shared_ptr<const routing::Rules>()> rules;  // null: there are none
  ConfigFile file;
  std::string version;  // wye's own
  std::function<base::TimePoint()> now = base::Clock::now;
  base::TimePoint started = base::Clock::now();
};

struct Limits {
  base::milliseconds login{10'000};           // from the connect to the end of the login
  base::milliseconds answer{10'000};          // for a worker's answer
  base::milliseconds change{24 * 3'600'000};  // for what changes servers: it ends by its own deadlines
  base::milliseconds stalled{60'000};         // an answer waits and the client takes nothing
  std::size_t connections = 64;
  std::size_t packet = std::size_t{1} << 20;
  std::size_t unsent = std::size_t{16} << 20;
};

class Session;

/// The admin console: the MySQL protocol on a Unix socket. The guard is the file's mode and the peer's uid (root's or
/// wye's own): whoever passes may log in with any name and password. All on the loop's thread; the loop outlives it.
class Server {
 public:
  Server(net::Loop& loop, Context context);
  Server(net::Loop& loop, Context context, Limits limits);
  ~Server();  // closes all connections; removes the socket's file
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Takes the place of a socket that nobody listens on, and of nothing else.
  base::Status listen(const std::string& path, unsigned mode);

 private:
  void accept(int fd);
  void refuse(int fd, const base::Error& error);
  void tick();
  void reap(std::uint32_t id);

  net::Loop& loop_;
  Context context_;
  Limits limits_;
  std::string path_;
  dev_t device_ = 0;  // of the file that listen() made: another wye may have put its own there since
  ino_t inode_ = 0;
  std::unique_ptr<net::Listener> listener_;
  std::unordered_map<std::uint32_t, std::shared_ptr<Session>> sessions_;
  std::uint32_t last_id_ = 0;
  net::Timer timer_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // for what the loop runs later
};

}  // namespace wye::admin
