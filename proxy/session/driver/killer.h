#pragma once
#include <functional>
#include <memory>
#include <vector>

#include "proxy/pool/pool.h"

namespace wye::session {

/// Ends what still runs on a server for a client that is gone, or that was killed: sends KILL with the account of the
/// statement itself, which needs no privilege for that, on a connection of its own. One connection at a time for each
/// server and account. One worker; outlives its sessions.
class Killer {
 public:
  Killer(net::Loop& loop, pool::Pool& pool);
  ~Killer();
  Killer(const Killer&) = delete;
  Killer& operator=(const Killer&) = delete;

  /// `victim`: a connection with a statement in flight. `query`: only that statement, the connection stays. `over` is
  /// called once, from the loop: the server has answered, or never will.
  void kill(const pool::Backend& victim, bool query, std::function<void()> over = {});
  /// Gives up on servers that do not answer. Every 100 ms or so.
  void sweep();

 private:
  class Job;
  void finished(Job* job);
  void tell(std::function<void()> over);
  net::Loop& loop_;
  pool::Pool& pool_;
  std::vector<std::unique_ptr<Job>> jobs_;
};

}  // namespace wye::session
