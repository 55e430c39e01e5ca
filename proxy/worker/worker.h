#pragma once
#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "proxy/config/config.h"
#include "proxy/net/listener.h"
#include "proxy/net/mailbox.h"
#include "proxy/net/tls.h"
#include "proxy/session/driver/session.h"

namespace wye::worker {

/// What a reload may change: the configuration in force, and what is made of it.
struct Live {
  config::Config config;
  routing::Options routing;
  std::shared_ptr<const routing::Rules> rules;
};

/// What all workers share: const, or atomic. Owned by main; outlives the workers.
struct Shared {
  Shared(const config::Config& c, Live l) : config(c), live(std::move(l)) {}
  const config::Config& config;  // as at the start; what a reload changes is `live`
  Live live;                     // of main's thread once the workers run: they have their own
  routing::Frontier frontier;
  routing::Latest globals_set, accounts_changed, routines_changed;  // by statements of clients
  std::atomic<unsigned> open_sessions{0};
  const protocol::RsaKey* rsa = nullptr;
  std::vector<net::TlsContext> listen_tls;  // one per config.listen; null: TLS off there
  net::TlsContext backend_tls;
  std::vector<protocol::Networks> trusted_proxies;  // one per config.listen
  protocol::Attributes attributes;                  // wye's own, towards the servers
  std::string system_user;                          // whose process this is
  protocol::AccountPtr monitor;
  session::ListedAccounts listed;                   // with accounts.source: file
  topology::Version last_known;                     // how to greet clients before a primary has been seen
  std::shared_ptr<const topology::Topology> first;  // what the manager knows at the start
};

/// One thread with its loop, its sessions, its backend connections and its topology pointer.
class Worker {
 public:
  Worker(Shared& shared, unsigned index, unsigned of);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  /// Binds the listeners. False: `error` says which and why.
  bool listen(std::string& error);
  void start();
  /// Takes no new clients; sessions end when idle, the rest after `drain`. Any thread; returns at once.
  void drain(base::milliseconds drain);
  void join();

  /// `routines`: those of this topology. Any thread.
  void post(std::shared_ptr<const topology::Topology> topology, std::shared_ptr<const routing::Routines> routines);
  /// For connections from now on; open ones go on as they are. As Shared has them. Any thread.
  void set_tls(std::vector<net::TlsContext> listen, net::TlsContext backend);
  /// For statements from now on. Any thread.
  void post(std::shared_ptr<const Live> live);
  /// Runs on the worker's thread with its sessions' rows.
  void with_sessions(std::function<void(std::vector<session::Session::Row>)> use);
  /// Those that have something to do with a server that is to be removed; nullopt: the worker does not know yet that it
  /// is, and may send it more.
  void with_users_of(topology::ServerId server,
                     std::function<void(std::optional<std::vector<session::Session::Row>>)> use);
  void with_pools(std::function<void(std::vector<pool::Pool::Row>)> use);
  void with_digests(std::function<void(std::vector<metrics::DigestEntry>)> use);
  const metrics::WorkerMetrics& metrics() const { return metrics_; }
  /// Who has the sessions that this worker has not. Before start(); by index.
  void know(std::vector<Worker*> all) { all_ = std::move(all); }

 private:
  void accept(int fd, std::size_t listener);
  void tick();
  void ask_kill_target(session::SessionId victim, session::SessionId asker);
  void kill(session::SessionId victim, bool query);
  Worker& worker_of(session::SessionId id) { return *all_[(id & 0x7fffffffU) % of_]; }
  session::Session* find(session::SessionId id);
  void adopt(std::shared_ptr<const topology::Topology> topology, std::shared_ptr<const routing::Routines> routines);
  void adopt(const Live& live);
  Shared& shared_;
  unsigned index_, of_;
  config::Config config_;  // in force; changes between callbacks only
  metrics::WorkerMetrics metrics_;
  metrics::DigestStore digests_;
  net::Loop loop_;
  net::Mailbox mailbox_;
  pool::Pool pool_;
  session::Killer killer_;
  routing::FrontierNeed need_;
  session::Waiters waiters_;
  session::Commits commits_;
  std::vector<Worker*> all_;
  std::vector<net::TlsContext> listen_tls_;                  // what the contexts point to
  std::vector<std::unique_ptr<session::Context>> contexts_;  // one per listener: they differ in TLS
  std::unordered_map<session::SessionId, std::unique_ptr<session::Session>> sessions_;
  std::vector<std::unique_ptr<net::Listener>> listeners_;
  net::Timer timer_;
  std::uint32_t accepted_ = 0;
  bool draining_ = false;
  base::TimePoint drain_until_{};
  std::thread thread_;
};

}  // namespace wye::worker
