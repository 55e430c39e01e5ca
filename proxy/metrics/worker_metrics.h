#pragma once
#include <array>
#include <atomic>
#include <memory>

#include "proxy/metrics/instruments.h"
#include "proxy/metrics/labels.h"
#include "proxy/routing/route.h"
#include "replication/topology/topology.h"

namespace wye::metrics {

/// Instruments indexed by enums: `pins[Pin::role].add()`.
template <class Instrument, class E>
class By {
 public:
  Instrument& operator[](E e) { return x_[static_cast<std::size_t>(e)]; }
  const Instrument& operator[](E e) const { return x_[static_cast<std::size_t>(e)]; }

 private:
  std::array<Instrument, count_of<E>> x_;
};
template <class Instrument, class E1, class E2>
class By2 {
 public:
  Instrument& at(E1 a, E2 b) { return x_[static_cast<std::size_t>(a)][static_cast<std::size_t>(b)]; }
  const Instrument& at(E1 a, E2 b) const { return x_[static_cast<std::size_t>(a)][static_cast<std::size_t>(b)]; }

 private:
  std::array<std::array<Instrument, count_of<E2>>, count_of<E1>> x_;
};

/// What one worker sees of one server.
struct ServerMetrics {
  By<Gauge, BackendState> connections;
  By<Counter, BackendError> errors;
  Counter queries;             // statements sent to it for clients
  Histogram consistency_wait;  // of reads that waited for it
  Ewma latency;                // from the statement's last byte out to the first byte of the answer in
};

/// One per worker: its thread alone writes; the exporter reads while it lives. Owned by whoever owns the worker.
class WorkerMetrics {
 public:
  WorkerMetrics() = default;
  ~WorkerMetrics() {
    for (auto& s : servers_) delete s.load(std::memory_order_relaxed);
  }
  WorkerMetrics(const WorkerMetrics&) = delete;
  WorkerMetrics& operator=(const WorkerMetrics&) = delete;

  By2<Counter, RouteKind, routing::Reason> statements;
  By2<Histogram, RouteKind, Phase> statement_seconds;
  By<Gauge, SessionState> sessions;
  By<Counter, SessionResult> sessions_total;
  By<Counter, LoginFailure> login_failures;
  By2<Counter, Side, Direction> bytes;
  By<Counter, Pin> pins;
  By<Counter, Retry> retries;
  By<Counter, ProtocolError> protocol_errors;
  By<Counter, ConsistencyFallback> consistency_fallbacks;
  By<Counter, WaitOutcome> consistency_waits;
  Gauge held_statements;  // waiting for a primary
  Counter hand_overs;     // a session gave a connection to a server up for others
  By<Counter, Kept> kept;

  /// The worker's own call: makes the entry when it is first needed. Beyond `most_servers` all share one entry.
  ServerMetrics& server(topology::ServerId id) {
    auto& slot = servers_[id < most_servers ? id : most_servers];
    ServerMetrics* s = slot.load(std::memory_order_relaxed);
    if (s == nullptr) {
      s = new ServerMetrics;
      slot.store(s, std::memory_order_release);
    }
    return *s;
  }
  /// For any thread; null if the worker never had to do with that server.
  const ServerMetrics* find_server(topology::ServerId id) const {
    return id < most_servers ? servers_[id].load(std::memory_order_acquire) : nullptr;
  }
  static constexpr std::size_t most_servers = 1000;  // as the configuration allows

 private:
  std::array<std::atomic<ServerMetrics*>, most_servers + 1> servers_{};
};

}  // namespace wye::metrics
