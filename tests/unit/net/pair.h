#pragma once
#include <sys/socket.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "proxy/net/stream.h"

namespace wye::test {

/// Remembers what a stream tells its owner.
struct Owner : net::StreamOwner {
  std::string got, closed;
  int reads = 0, secured = 0, connected = 0, drained = 0;
  std::function<void()> bytes_came = [] {};
  void on_bytes(std::span<std::uint8_t> bytes) override {
    ++reads;
    got.append(base::chars_of(bytes));
    bytes_came();
  }
  void on_secure() override { ++secured; }
  void on_connected() override { ++connected; }
  void on_drained() override { ++drained; }
  void on_closed(const char* why) override { closed = why; }
};

inline std::pair<int, int> socket_pair(int type = SOCK_STREAM) {
  int fds[2] = {-1, -1};
  if (::socketpair(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) != 0) std::abort();
  return {fds[0], fds[1]};
}

/// Two streams of one loop, connected with each other.
struct Pair {
  explicit Pair(net::Loop& loop, int type = SOCK_STREAM) {
    const auto [one, two] = socket_pair(type);
    left = std::make_unique<net::Stream>(loop, one, left_owner);
    right = std::make_unique<net::Stream>(loop, two, right_owner);
  }
  Owner left_owner, right_owner;
  std::unique_ptr<net::Stream> left, right;
};

}  // namespace wye::test
