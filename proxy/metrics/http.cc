#include "proxy/metrics/http.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <list>
#include <thread>

#include "proxy/base/log.h"
#include "proxy/metrics/page.h"
#include "proxy/metrics/request.h"

namespace wye::metrics {
namespace {

template <class T, void (*free_it)(T*)>
struct Freed {
  void operator()(T* p) const { free_it(p); }
};
using Base = std::unique_ptr<event_base, Freed<event_base, event_base_free>>;
using Listener = std::unique_ptr<evconnlistener, Freed<evconnlistener, evconnlistener_free>>;
using Event = std::unique_ptr<event, Freed<event, event_free>>;
using Connection = std::unique_ptr<bufferevent, Freed<bufferevent, bufferevent_free>>;

base::Error error_of(const std::string& what) { return {1105, "HY000", what}; }

struct Found {
  sockaddr_storage address{};
  socklen_t size = 0;
};

/// "host:port" or "[ipv6]:port", as the configuration gives it.
base::Result<Found> look_up(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  if (colon == std::string::npos) return error_of("metrics: no port in " + address);
  std::string host = address.substr(0, colon);
  if (host.size() > 1 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  addrinfo hints{}, *list = nullptr;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  const int r = getaddrinfo(host.c_str(), address.substr(colon + 1).c_str(), &hints, &list);
  if (r != 0) return error_of("metrics: " + address + ": " + gai_strerror(r));
  Found found;
  std::memcpy(&found.address, list->ai_addr, list->ai_addrlen);
  found.size = list->ai_addrlen;
  freeaddrinfo(list);
  return found;
}

std::uint16_t port_of(evutil_socket_t fd) {
  sockaddr_storage a{};
  socklen_t size = sizeof a;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&a), &size) != 0) return 0;
  return ntohs(a.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6*>(&a)->sin6_port
                                       : reinterpret_cast<sockaddr_in*>(&a)->sin_port);
}

timeval to_timeval(base::milliseconds ms) {
  return {static_cast<time_t>(ms.count() / 1000), static_cast<suseconds_t>(ms.count() % 1000 * 1000)};
}

}  // namespace

/// All of it is touched by the exporter's thread only, but for `wake`.
struct HttpServer::Running {
  struct Peer {
    Running* owner;
    std::list<Peer>::iterator self;
    Connection connection;
    Event deadline;
    bool answered = false;
  };

  HttpServer& server;
  Base base;
  Listener listener;
  Event stopper, resume;
  int wake = -1;
  std::uint16_t port = 0;
  std::list<Peer> peers;  // oldest first
  std::thread thread;

  explicit Running(HttpServer& s) : server{s}, base{event_base_new()}, wake{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)} {}
  ~Running() {
    peers.clear();
    if (wake >= 0) close(wake);
  }

  base::Status listen(const std::string& address);
  void run();
  void accept(evutil_socket_t fd);
  void read(Peer& peer);
  std::string answer(const std::string& path);
  void drop(Peer& peer) { peers.erase(peer.self); }

  static void on_accept(evconnlistener*, evutil_socket_t fd, sockaddr*, int, void* self) {
    static_cast<Running*>(self)->accept(fd);
  }
  /// Out of descriptors: the waiting connection keeps the listener readable, so look away for a moment.
  static void on_accept_error(evconnlistener* l, void* self) {
    log::warning("metrics_accept_failed", {{"error", std::strerror(errno)}});
    evconnlistener_disable(l);
    const timeval pause = to_timeval(base::milliseconds{200});
    evtimer_add(static_cast<Running*>(self)->resume.get(), &pause);
  }
  static void on_resume(evutil_socket_t, short, void* self) {
    evconnlistener_enable(static_cast<Running*>(self)->listener.get());
  }
  static void on_stop(evutil_socket_t, short, void* self) {
    event_base_loopbreak(static_cast<Running*>(self)->base.get());
  }
  static void on_deadline(evutil_socket_t, short, void* p) {
    static_cast<Peer*>(p)->owner->drop(*static_cast<Peer*>(p));
  }
  static void on_read(bufferevent*, void* p) { static_cast<Peer*>(p)->owner->read(*static_cast<Peer*>(p)); }
  /// The whole answer is in the kernel's hands: say so, and wait for the peer's end, so that closing does not reset
  /// what it has not read yet.
  static void on_written(bufferevent* b, void* p) {
    if (static_cast<Peer*>(p)->answered) shutdown(bufferevent_getfd(b), SHUT_WR);
  }
  static void on_end(bufferevent*, short, void* p) { static_cast<Peer*>(p)->owner->drop(*static_cast<Peer*>(p)); }
};

base::Status HttpServer::Running::listen(const std::string& address) {
  const auto found = look_up(address);
  if (!found) return found.error();
  if (!base || wake < 0) return error_of("metrics: no event loop");
  listener.reset(evconnlistener_new_bind(
      base.get(), on_accept, this, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE, 64,
      reinterpret_cast<const sockaddr*>(&found->address), static_cast<int>(found->size)));
  if (!listener) return error_of("metrics: can't listen on " + address + ": " + std::strerror(errno));
  evconnlistener_set_error_cb(listener.get(), on_accept_error);
  stopper.reset(event_new(base.get(), wake, EV_READ, on_stop, this));
  resume.reset(evtimer_new(base.get(), on_resume, this));
  if (!stopper || !resume || event_add(stopper.get(), nullptr) != 0) return error_of("metrics: no event loop");
  port = port_of(evconnlistener_get_fd(listener.get()));
  return base::Ok{};
}

void HttpServer::Running::run() {
  // Signals are main's. SIGPIPE stays pending here, and a write to a closed socket says EPIPE.
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, nullptr);
  pthread_setname_np(pthread_self(), "wye-metrics");
  event_base_dispatch(base.get());
}

void HttpServer::Running::accept(evutil_socket_t fd) {
  if (peers.size() >= server.limits_.most_connections) drop(peers.front());
  const auto peer = peers.emplace(peers.end());
  peer->owner = this;
  peer->self = peer;
  peer->connection.reset(bufferevent_socket_new(base.get(), fd, BEV_OPT_CLOSE_ON_FREE));
  if (!peer->connection) {
    close(fd);
    peers.erase(peer);
    return;
  }
  peer->deadline.reset(evtimer_new(base.get(), on_deadline, &*peer));
  const timeval deadline = to_timeval(server.limits_.deadline);
  if (!peer->deadline || evtimer_add(peer->deadline.get(), &deadline) != 0) {
    peers.erase(peer);
    return;
  }
  bufferevent_setcb(peer->connection.get(), on_read, on_written, on_end, &*peer);
  bufferevent_setwatermark(peer->connection.get(), EV_READ, 0, server.limits_.largest_request + 1);
  bufferevent_enable(peer->connection.get(), EV_READ | EV_WRITE);
}

void HttpServer::Running::read(Peer& peer) {
  evbuffer* const in = bufferevent_get_input(peer.connection.get());
  const std::size_t size = evbuffer_get_length(in);
  if (peer.answered) {
    evbuffer_drain(in, size);  // one request a connection
    return;
  }
  const char* const bytes = reinterpret_cast<const char*>(evbuffer_pullup(in, -1));
  const auto request = parse_request({bytes, bytes == nullptr ? 0 : size}, server.limits_.largest_request);
  if (std::holds_alternative<Incomplete>(request)) return;
  std::string out;
  if (const Bad* const bad = std::get_if<Bad>(&request)) {
    out = make_response(bad->status, "text/plain; charset=utf-8", "refused\n");
  } else {
    out = answer(std::get<Request>(request).path);
  }
  evbuffer_drain(in, size);
  peer.answered = true;
  bufferevent_write(peer.connection.get(), out.data(), out.size());
}

std::string HttpServer::Running::answer(const std::string& path) {
  static constexpr const char* plain = "text/plain; charset=utf-8";
  if (path == "/metrics") {
    return make_response(200, "text/plain; version=0.0.4; charset=utf-8", server.collector_.text());
  }
  if (path == "/healthz") return make_response(200, plain, "ok\n");
  if (path == "/readyz") {
    const std::string why = server.ready_ ? server.ready_() : std::string{};
    return why.empty() ? make_response(200, plain, "ready\n") : make_response(503, plain, why + "\n");
  }
  if (path == "/api/state") return make_response(200, "application/json", server.collector_.state_json());
  if (path == "/") return make_response(200, "text/html; charset=utf-8", page());
  return make_response(404, plain, "not found\n");
}

HttpServer::HttpServer(const Collector& collector, Readiness ready)
    : HttpServer{collector, std::move(ready), Limits{}} {}
HttpServer::HttpServer(const Collector& collector, Readiness ready, Limits limits)
    : collector_{collector}, ready_{std::move(ready)}, limits_{limits} {}
HttpServer::~HttpServer() { stop(); }

base::Status HttpServer::start(const std::string& address) {
  stop();
  auto r = std::make_unique<Running>(*this);
  if (auto status = r->listen(address); !status) return status;
  running_ = std::move(r);
  running_->thread = std::thread{[this] { running_->run(); }};
  return base::Ok{};
}

void HttpServer::stop() {
  if (!running_) return;
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t n = write(running_->wake, &one, sizeof one);
  running_->thread.join();
  running_.reset();
}

std::uint16_t HttpServer::port() const { return running_ ? running_->port : 0; }

}  // namespace wye::metrics
