#pragma once
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "replication/manager/operation.h"
#include "replication/plan/set_up.h"

namespace wye::manager {

/// SET UP REPLICATION, as it was said.
struct SetUpRequest {
  std::string primary;                 // empty: chosen
  std::vector<std::string> overwrite;  // servers whose own data may go
  bool dry_run = false;
};
struct SetUpAnswer {
  Report report;                        // of the run, or of the plan
  std::vector<plan::Trouble> troubles;  // not empty: nothing was done
};
/// Called once, on the operator's thread.
using SetUpDone = std::function<void(SetUpAnswer)>;

/// Changes replication: looks at all servers, plans, runs. A thread of its own; one operation at a time. What a wye
/// before this one left unfinished comes first. Owner: the manager.
class Operator {
 public:
  struct Settings {
    bool manages = false;  // replication.mode: manage
    plan::SetUpWish wish;  // without what a request says
    Means means;
  };
  /// `blank`: as far as the watch knows, all servers answer and none replicates; asked now and then, must be quick.
  Operator(Settings settings, std::function<bool()> blank, Operation::Log log);
  ~Operator();
  Operator(const Operator&) = delete;
  Operator& operator=(const Operator&) = delete;

  void start();
  void stop();
  /// An error: another one is under way, or wye does not manage.
  base::Status set_up(SetUpRequest request, SetUpDone done);
  /// Of the operation that runs, or of the last one.
  Report report() const;

 private:
  struct Asked {
    SetUpRequest request;
    SetUpDone done;
  };
  void loop() noexcept;
  void finish_old();
  void once();
  bool unasked();
  std::vector<plan::Known> look();
  plan::Known look_at(const plan::Server& server);
  SetUpAnswer serve(const SetUpRequest& request, bool by_itself);
  Report run(const std::function<Report(Operation&)>& what);

  const Settings settings_;
  const std::function<bool()> blank_;
  const Operation::Log log_;
  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  bool stopping_ = false;
  bool busy_ = true;  // until what was left unfinished is done
  std::optional<Asked> asked_;
  std::unique_ptr<Operation> operation_;  // the last one
  server::Connection* looking_ = nullptr;
  std::thread thread_;
  base::TimePoint next_try_{};       // operator's thread
  base::milliseconds try_again_{0};  // likewise
};

}  // namespace wye::manager
