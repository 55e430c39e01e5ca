#pragma once
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "proxy/metrics/worker_metrics.h"
#include "proxy/pool/backend.h"
#include "proxy/routing/latest.h"

namespace wye::pool {

/// What a session asks for.
struct Wanted {
  BackendKey key;
  std::string schema;      // the session's; a connection that has one never serves a session without one
  bool new_login = false;  // do not reuse: the server itself must check the account now
  bool urgent = false;     // beyond max_per_server: KILL must get through when statements hold all connections
  const session::SessionState* session = nullptr;  // whose; outlives the wait. nullptr: wye's own
};

/// This worker's backend connections: opens, lends, resets, keeps for a while, closes. Owns them all. One worker.
class Pool final : public BackendHolder {
 public:
  struct Limits {
    unsigned max_per_server = 200;
    base::milliseconds idle{60'000};
    base::milliseconds connect_timeout{1000};
  };
  /// `accounts_changed`: a connection from before that moment may still have rights that its account has lost; it
  /// serves no other session.
  Pool(net::Loop& loop, metrics::WorkerMetrics& metrics, Limits limits, BackendOptions options,
       const routing::Latest& accounts_changed);
  ~Pool() override;

  /// A connection of this key. An idle one is lent at once (returned). Otherwise one is opened, now or when another is
  /// given back, and `holder` hears of it; nullptr until then. The holder gives up with cancel().
  Backend* acquire(const Wanted& wanted, BackendHolder& holder);
  void cancel(BackendHolder& holder);
  /// Sessions wait for a connection to this server: who can do without theirs gives it back.
  bool wanted(topology::ServerId server) const;
  bool anyone_waits() const { return !waiting_.empty(); }
  bool waits(const BackendHolder& holder) const;
  /// Gives a connection back. It must have no statement in flight and no transaction; it is reset before its next use,
  /// or closed if its server can't do that. `unchanged`: only wye's own SELECTs ran on it, so there is nothing to
  /// reset.
  void release(Backend& backend, bool unchanged = false);
  void discard(Backend& backend);
  /// The holder of a connection that died says so with this, once.
  void forget(const Backend& backend);

  /// Connections whose server changed its role, vanished or is to be removed are closed as soon as they are idle.
  void set_topology(std::shared_ptr<const topology::Topology> topology);
  /// From now on; above a smaller limit no connection is closed that is in use.
  void set_limits(Limits limits);
  /// For connections that are opened from now on; open ones go on. nullptr: no TLS.
  void set_tls(net::TlsContext context);
  /// Closes what idled too long and connects that take too long. Every 100 ms or so.
  void sweep();

  struct Row {
    topology::ServerId server;
    std::string user;
    unsigned idle, in_use, connecting;
  };
  std::vector<Row> rows() const;
  bool full(topology::ServerId server) const { return count(server) >= limits_.max_per_server; }
  std::vector<routing::Load>& load() { return load_; }

  // BackendHolder: for those that nobody holds
  void on_backend_ready(Backend& backend) override;
  void on_backend_lost(Backend& backend, const Error& error, bool server_said_so) override;
  void on_backend_drained(Backend&) override {}

 private:
  struct Waiting {
    Wanted wanted;
    BackendHolder* holder;
  };
  unsigned count(topology::ServerId server) const { return server < counts_.size() ? counts_[server] : 0; }
  Backend* find_idle(const Wanted& wanted);
  Backend& open(const Wanted& wanted, BackendHolder& holder);
  const std::shared_ptr<net::TlsSession>& tls_session(topology::ServerId server);
  bool make_room(topology::ServerId server);
  void serve_waiting(topology::ServerId server);
  void ask_holders(topology::ServerId server);
  static void prepare_for(Backend& backend, const Wanted& wanted);
  bool role_changed(const Backend& backend) const;
  void take_back();

  net::Loop& loop_;
  metrics::WorkerMetrics& metrics_;
  Limits limits_;
  BackendOptions options_;
  const routing::Latest& accounts_changed_;
  std::shared_ptr<const topology::Topology> topology_;
  std::vector<std::unique_ptr<Backend>> backends_;
  std::vector<std::shared_ptr<net::TlsSession>> tls_sessions_;  // by ServerId, made when needed
  std::vector<unsigned> counts_;                                // by ServerId, dead ones not counted
  std::vector<routing::Load> load_;
  std::deque<Waiting> waiting_;
};

}  // namespace wye::pool
