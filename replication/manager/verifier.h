#pragma once
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "replication/manager/verify_run.h"

namespace wye::manager {

/// Called once, on the verifier's thread.
using VerifyDone = std::function<void(const VerifyReport&)>;

/// VERIFY: proves that replicas hold what the primary holds, while writes go on. Reads only, takes no locks. One run at
/// a time, on a thread of its own. Owner: the manager; from any thread.
class Verifier {
 public:
  Verifier(std::function<Means()> means, VerifyRun::Look look, Operation::Log log);
  ~Verifier();  // stops
  Verifier(const Verifier&) = delete;
  Verifier& operator=(const Verifier&) = delete;

  /// An error: another one is under way, and `done` is not called.
  base::Status begin(VerifyRequest request, VerifyDone done);
  /// False: none is under way.
  bool cancel();
  /// Of the run that is under way, or of the last one.
  VerifyReport report() const;
  void stop();

 private:
  void work(const VerifyDone& done) noexcept;
  base::Status verify(VerifyRun& run);
  const std::function<Means()> means_;  // with the servers that there are now
  const VerifyRun::Look look_;
  const Operation::Log log_;
  mutable std::mutex mutex_;  // guards what follows
  bool busy_ = false, stopping_ = false;
  std::shared_ptr<VerifyRun> run_;  // the last one
  std::thread thread_;
};

}  // namespace wye::manager
