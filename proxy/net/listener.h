#pragma once
#include <functional>
#include <memory>

#include "proxy/net/loop.h"

namespace wye::net {

/// Accepts on one listening socket (taken over). Out of descriptors: takes the connection with a spare one and closes
/// it, so that the client sees a close and the loop does not spin.
class Listener {
 public:
  Listener(Loop& loop, int fd, std::function<void(int fd)> accepted);
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

 private:
  void on_ready();
  bool refuse_one();
  void rest();
  void resume();
  int fd_;
  int spare_;
  event* event_;
  event* resume_;
  std::function<void(int)> accepted_;
};

}  // namespace wye::net
