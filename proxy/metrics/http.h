#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "proxy/base/clock.h"
#include "proxy/base/result.h"
#include "proxy/metrics/collector.h"

namespace wye::metrics {

/// The exporter: one thread that serves GET /metrics, /healthz, /readyz, /api/state and the live page at /.
/// Whoever can reach the address may be hostile: a request has at most 8 KiB and `deadline` from its first byte to the
/// last of its answer, one request a connection, and of more than `most_connections` the oldest is closed.
class HttpServer {
 public:
  /// Empty text: ready. Else why not. Called on the exporter's thread.
  using Readiness = std::function<std::string()>;
  struct Limits {
    base::milliseconds deadline{10'000};
    std::size_t most_connections = 64, largest_request = 8192;
  };
  HttpServer(const Collector& collector, Readiness ready);  // the collector outlives it
  HttpServer(const Collector& collector, Readiness ready, Limits limits);
  ~HttpServer();  // stops
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  /// Binds and starts the thread. `address`: host:port or [ipv6]:port, port 0 for a free one. A name is looked up here,
  /// on the caller's thread.
  base::Status start(const std::string& address);
  void stop();
  std::uint16_t port() const;  // 0 until started

 private:
  struct Running;
  const Collector& collector_;
  Readiness ready_;
  Limits limits_;
  std::unique_ptr<Running> running_;
};

}  // namespace wye::metrics
