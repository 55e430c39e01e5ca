#pragma once
#include <functional>
#include <mutex>
#include <vector>

#include "proxy/net/loop.h"

namespace wye::net {

/// Tasks for one loop from any thread, run in order on the loop's thread. The only lock that a worker takes; held for a
/// swap.
class Mailbox {
 public:
  explicit Mailbox(Loop& loop);
  ~Mailbox();
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;
  void post(std::function<void()> task);  // any thread

 private:
  void run();
  std::mutex mutex_;
  std::vector<std::function<void()>> tasks_;
  event* wake_;
};

}  // namespace wye::net
