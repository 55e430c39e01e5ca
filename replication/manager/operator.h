#pragma once
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "replication/manager/operation.h"
#include "replication/plan/provision.h"
#include "replication/plan/repair.h"
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
/// PROVISION, as it was said.
struct ProvisionRequest {
  std::string target;
  std::string donor;  // empty: chosen
  bool overwrite = false, by_dump = false, dry_run = false;
};
/// REPAIR, as it was said.
struct RepairRequest {
  std::string target;
  bool overwrite = false, keep = false, dry_run = false;
};
/// Called once, on the operator's thread.
using SetUpDone = std::function<void(SetUpAnswer)>;

/// Changes replication: looks at all servers, plans, runs. A thread of its own; one operation at a time. What a wye
/// before this one left unfinished comes first. Owner: the manager.
class Operator {
 public:
  struct Settings {
    bool manages = false;     // replication.mode: manage
    bool provisions = false;  // replication.provision: auto
    plan::SetUpWish wish;     // without what a request says
    Means means;
  };
  /// What the watch knows, and does. All are quick.
  struct Watch {
    std::function<bool()> blank;  // all servers answer and none replicates
    std::function<std::shared_ptr<const topology::Topology>()> picture;
    std::function<std::vector<std::string>()> purged;  // replicas whose source has no longer what they need
    /// Takes a server out of reads, with words why; back with none.
    std::function<void(const std::string& server, const std::string& why)> hold;
  };
  Operator(Settings settings, Watch watch, Operation::Log log);
  ~Operator();
  Operator(const Operator&) = delete;
  Operator& operator=(const Operator&) = delete;

  void start();
  void stop();
  /// An error: another one is under way, or wye does not manage.
  base::Status set_up(SetUpRequest request, SetUpDone done);
  base::Status provision(ProvisionRequest request, SetUpDone done);
  base::Status repair(RepairRequest request, SetUpDone done);
  /// Of the operation that runs, or of the last one.
  Report report() const;

 private:
  struct Asked {
    std::function<SetUpAnswer()> work;
    SetUpDone done;
  };
  base::Status ask(bool dry_run, Asked asked);
  void loop() noexcept;
  void finish_old();
  void once();
  bool unasked();
  std::vector<plan::Known> look();
  plan::Known look_at(const plan::Server& server);
  SetUpAnswer serve(const SetUpRequest& request, bool by_itself);
  SetUpAnswer fill(const ProvisionRequest& request, bool by_itself);
  SetUpAnswer mend(const RepairRequest& request);
  void read_logs(plan::RepairWish& wish, const std::vector<plan::Known>& known, std::size_t target);
  base::Status on(const plan::Server& server, const std::function<void(server::Connection&)>& what);
  std::vector<std::string> aside(const plan::Plan& plan);
  std::string purged();
  Report run(const plan::Plan& plan, const std::function<Report(Operation&)>& what);

  const Settings settings_;
  const Watch watch_;
  const Operation::Log log_;
  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  bool stopping_ = false;
  bool busy_ = false;  // with a command, or what was left unfinished
  std::optional<Asked> asked_;
  std::unique_ptr<Operation> operation_;  // the last one
  server::Connection* looking_ = nullptr;
  std::thread thread_;
  base::TimePoint next_try_{};       // operator's thread
  base::milliseconds try_again_{0};  // likewise
  std::set<std::string> filled_;     // by itself, once; likewise
};

}  // namespace wye::manager
