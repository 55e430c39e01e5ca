#include <arpa/inet.h>
#include <event2/event.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "proxy/net/stream.h"

namespace wye::net {

namespace {

struct Resolved {
  sockaddr_storage storage{};
  socklen_t size = 0;
};

/// Literals only: a worker never asks DNS. Names are resolved where the configuration is read.
bool resolve_literal(const std::string& host, std::uint16_t port, Resolved& to) {
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found) != 0) return false;
  std::memcpy(&to.storage, found->ai_addr, found->ai_addrlen);
  to.size = found->ai_addrlen;
  freeaddrinfo(found);
  return true;
}

bool unix_address(const std::string& path, sockaddr_un& to) {
  to = {};
  to.sun_family = AF_UNIX;
  if (path.size() >= sizeof to.sun_path) return false;
  std::memcpy(to.sun_path, path.c_str(), path.size() + 1);
  return true;
}

void tune(int fd) {
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  const int idle = 60, interval = 10, probes = 3;
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
}

int fail_with(int fd, std::string& error) {
  error = std::strerror(errno);
  if (fd >= 0) ::close(fd);
  return -1;
}

}  // namespace

std::unique_ptr<Stream> Stream::connect(Loop& loop, const std::string& host, std::uint16_t port,
                                        const std::string& path, StreamOwner& owner, std::string& error) {
  Resolved to;
  sockaddr_un un{};
  int fd = -1;
  int r = 0;
  if (!path.empty()) {
    if (!unix_address(path, un)) {
      error = "socket path too long";
      return nullptr;
    }
    fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0) r = ::connect(fd, reinterpret_cast<const sockaddr*>(&un), sizeof un);
  } else {
    if (!resolve_literal(host, port, to)) {
      error = "not an IP address: " + host;
      return nullptr;
    }
    fd = ::socket(to.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0) {
      tune(fd);
      r = ::connect(fd, reinterpret_cast<const sockaddr*>(&to.storage), to.size);
    }
  }
  if (fd < 0 || (r != 0 && errno != EINPROGRESS && errno != EAGAIN)) {
    fail_with(fd, error);
    return nullptr;
  }
  auto stream = std::make_unique<Stream>(loop, fd, owner);
  stream->connecting_ = true;
  event_del(stream->read_event_);
  stream->want_write(
      true);  // also a connect that succeeded at once is reported by the loop, never from inside this call
  return stream;
}

namespace {

using Name = int (*)(int, sockaddr*, socklen_t*);

std::optional<protocol::Endpoint> endpoint(int fd, Name name, sa_family_t& family) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  family = AF_UNSPEC;
  if (name(fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return std::nullopt;
  family = storage.ss_family;
  if (family == AF_INET) {
    const auto* in = reinterpret_cast<const sockaddr_in*>(&storage);
    return protocol::Endpoint{protocol::IpAddress::v4(reinterpret_cast<const std::uint8_t*>(&in->sin_addr)),
                              ntohs(in->sin_port)};
  }
  if (family == AF_INET6) {
    const auto* in = reinterpret_cast<const sockaddr_in6*>(&storage);
    return protocol::Endpoint{protocol::IpAddress::v6(in->sin6_addr.s6_addr), ntohs(in->sin6_port)};
  }
  return std::nullopt;
}

}  // namespace

std::optional<protocol::Endpoint> peer_endpoint(int fd) {
  sa_family_t family = AF_UNSPEC;
  return endpoint(fd, ::getpeername, family);
}

std::optional<protocol::Endpoint> local_endpoint(int fd) {
  sa_family_t family = AF_UNSPEC;
  return endpoint(fd, ::getsockname, family);
}

std::string peer_name(int fd) {
  sa_family_t family = AF_UNSPEC;
  if (const auto peer = endpoint(fd, ::getpeername, family)) return peer->text();
  return family == AF_UNSPEC ? "unknown" : "unix";
}

int listen_tcp(const std::string& address, std::string& error) {
  const auto colon = address.rfind(':');
  std::string host = colon == std::string::npos ? address : address.substr(0, colon);
  if (host.size() > 1 && host.front() == '[') host = host.substr(1, host.size() - 2);
  const auto port =
      static_cast<std::uint16_t>(colon == std::string::npos ? 6033 : std::atoi(address.c_str() + colon + 1));
  Resolved to;
  if (!resolve_literal(host, port, to)) {
    error = "not an IP address: " + host;
    return -1;
  }
  const int fd = ::socket(to.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int on = 1;
  if (fd < 0) return fail_with(fd, error);
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  tune(fd);  // inherited by accepted sockets
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&to.storage), to.size) != 0 || ::listen(fd, 4096) != 0)
    return fail_with(fd, error);
  return fd;
}

int listen_unix(const std::string& path, unsigned mode, std::string& error) {
  sockaddr_un un{};
  if (!unix_address(path, un)) {
    error = "socket path too long";
    return -1;
  }
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return fail_with(fd, error);
  // A socket that nobody listens on is left over from a crash; one that answers belongs to a running wye.
  const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const bool taken =
      probe >= 0 && (::connect(probe, reinterpret_cast<const sockaddr*>(&un), sizeof un) == 0 || errno == EAGAIN);
  if (probe >= 0) ::close(probe);
  if (taken) {
    errno = EADDRINUSE;
    return fail_with(fd, error);
  }
  ::unlink(path.c_str());
  const mode_t old = ::umask(0777 & ~static_cast<mode_t>(mode));
  const int r = ::bind(fd, reinterpret_cast<const sockaddr*>(&un), sizeof un);
  ::umask(old);
  if (r != 0 || ::listen(fd, 64) != 0) return fail_with(fd, error);
  return fd;
}

}  // namespace wye::net
