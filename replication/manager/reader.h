#pragma once
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>

#include "replication/manager/operation.h"
#include "replication/server/connection.h"

namespace wye::manager {

/// One statement for one server, which the caller has found to read only.
struct ReadRequest {
  std::string server, sql;
  std::function<bool()> unwanted = {};  // true: nobody waits for it any more; any thread
};
/// Called once, on a thread of the reader's: the server's own table or error, or why there is none.
using ReadDone = std::function<void(base::Result<server::Table>)>;

struct ReadLimits {
  base::seconds statement{5};          // the server is told to end it then, where it knows how
  base::milliseconds whole{8000};      // connecting included; then wye ends it by KILL
  base::milliseconds connect{2000};    // of that; a shorter backend.connect_timeout counts
  base::milliseconds look_round{100};  // between two looks whether somebody waits
  std::size_t at_once = 8;
  server::Bounds answer;
};

/// Reads from single servers with the manager's account, for an operator who wants to see what is there. Each statement
/// has a connection of its own, that takes one statement a packet, in a session and a transaction that are READ ONLY
/// (an account that may pass super_read_only could write else), and two threads: one asks, one watches the clock.
/// Owner: the manager; from any thread.
class Reader {
 public:
  explicit Reader(std::function<Means()> means, ReadLimits limits = {});
  ~Reader();  // stops
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  /// An error: it does not begin (no such server, too many at once), and `done` is not called.
  base::Status begin(ReadRequest request, ReadDone done);
  /// Ends all, and takes no more. What is under way gets an error.
  void stop();

 private:
  class Reading;
  const std::function<Means()> means_;
  const ReadLimits limits_;
  std::mutex mutex_;  // guards what follows
  bool stopping_ = false;
  std::list<std::unique_ptr<Reading>> readings_;
};

}  // namespace wye::manager
