#pragma once
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "replication/topology/topology.h"
#include "tests/unit/catch.h"

namespace wye::test {

/// A port of 127.0.0.1 that takes connections and never says a word, like a server that hangs.
class SilentServer {
 public:
  SilentServer() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    REQUIRE(bind(socket_, reinterpret_cast<sockaddr*>(&address), size) == 0);
    REQUIRE(listen(socket_, 16) == 0);
    REQUIRE(getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    port_ = ntohs(address.sin_port);
  }
  ~SilentServer() { close(); }
  void close() {
    if (socket_ >= 0) ::close(socket_);
    socket_ = -1;
  }
  /// Takes the next connection and waits for its end.
  void wait_until_left() const {
    const int client = ::accept4(socket_, nullptr, nullptr, SOCK_CLOEXEC);
    char byte = 0;
    while (client >= 0 && ::recv(client, &byte, 1, 0) > 0) continue;
    if (client >= 0) ::close(client);
  }
  topology::Address address() const { return {"127.0.0.1", port_, "", ""}; }

 private:
  int socket_ = ::socket(AF_INET, SOCK_STREAM, 0);
  std::uint16_t port_ = 0;
};

}  // namespace wye::test
