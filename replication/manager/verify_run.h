#pragma once
#include <condition_variable>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "replication/manager/verify_side.h"
#include "replication/verify/pace.h"
#include "replication/verify/table.h"

namespace wye::manager {

/// VERIFY, as it was said.
struct VerifyRequest {
  std::vector<std::string> servers;  // empty: all replicas
  std::string schema, table;         // empty: everything
  std::function<bool()> unwanted;    // true: nobody waits for it any more; any thread
};

/// What became of one table on one replica.
struct VerifiedTable {
  std::string table, server;
  std::uint64_t chunks = 0, rows = 0, different = 0;
  std::string first;  // the first difference, or why it was not compared
};

struct VerifyReport {
  enum class State : std::uint8_t { none, running, done, stopped, failed };
  State state = State::none;
  std::string phase, table, error;
  std::uint64_t rows_done = 0, rows_total = 0;  // of the primary; the total is the server's estimate
  std::uint64_t chunks = 0, looked_again = 0, pauses = 0;
  base::milliseconds took{0};
  std::vector<VerifiedTable> tables;
  std::vector<verify::Difference> differences;  // kind "note": what was not compared, and why
  bool clean() const { return state == State::done && differences.empty(); }
};
const char* name(VerifyReport::State);

/// One run of VERIFY: its servers, what it found, and the patience it has. Owner: the verifier's thread; report() and
/// stop() from any.
class VerifyRun {
 public:
  struct Replica {
    std::unique_ptr<VerifySide> side;
    topology::GtidSet applied;  // as far as is known
    bool lost = false;
    const std::string& name() const { return side->name(); }
  };
  using Look = std::function<std::shared_ptr<const topology::Topology>()>;

  VerifyRun(VerifyRequest request, const Means& means, Look look);
  /// Finds the primary and the replicas and connects.
  base::Status open();
  /// Until the replica has applied that. An error: it will not.
  base::Status wait(Replica& replica, const topology::GtidSet& position);
  /// False: it was stopped.
  bool pause(base::milliseconds time);
  /// Rests while the primary answers slower than usual. An error: it was stopped, or another one is the primary now.
  base::Status breathe();
  bool stopped() const;
  void stop();

  VerifySide& primary() { return *primary_; }
  std::vector<Replica>& replicas() { return replicas_; }
  const VerifyRequest& request() const { return request_; }
  const std::string& own_user() const { return means_.login.user; }

  /// It is left out from now on, and that is said.
  void drop(Replica& replica, const std::string& why);
  void found(verify::Difference difference);
  void note(const std::string& server, const std::string& object, const std::string& what);
  /// The caller's change of the report.
  void update(const std::function<void(VerifyReport&)>& change);
  VerifyReport report() const;
  /// An error of the primary's; and the one that says that it was stopped.
  static bool is_stop(const base::Error& error);
  static base::Error stop_error();

 private:
  base::Status check_servers(const topology::Topology& topology);
  std::string trouble_of(const Replica& replica) const;
  const VerifyRequest request_;
  const Means means_;
  const Look look_;
  std::unique_ptr<VerifySide> primary_;
  std::vector<Replica> replicas_;
  verify::Pace pace_;
  const base::TimePoint began_ = base::Clock::now();
  mutable std::mutex mutex_;  // guards what follows, and the list of sides (for stop())
  std::condition_variable changed_;
  bool stopping_ = false;
  VerifyReport report_;
};

}  // namespace wye::manager
