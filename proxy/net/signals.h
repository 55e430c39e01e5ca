#pragma once
#include <functional>
#include <initializer_list>
#include <vector>

#include "proxy/net/loop.h"

namespace wye::net {

/// Signals as events of one loop. While it lives, the named signals call `on_signal` on the loop's thread. One per
/// process.
class Signals {
 public:
  Signals(Loop& loop, std::initializer_list<int> numbers, std::function<void(int number)> on_signal);
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

 private:
  std::vector<event*> events_;
  std::function<void(int)> on_signal_;
};

}  // namespace wye::net
