#pragma once
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "replication/manager/members.h"
#include "replication/manager/operation.h"
#include "replication/plan/membership.h"
#include "replication/plan/provision.h"
#include "replication/plan/repair.h"
#include "replication/plan/restart.h"
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
/// ADD SERVER, as it was said.
struct AddRequest {
  Member server;      // without a name: the first of db1, db2, ... that is free
  std::string donor;  // empty: chosen
  bool overwrite = false, by_dump = false, dry_run = false;
};
/// REMOVE SERVER, as it was said.
struct RemoveRequest {
  std::string server;
  std::optional<base::milliseconds> within;  // for the sessions that use it; absent: as configured
  bool force = false;                        // afterwards they lose their connections to it
  bool dry_run = false;
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
    bool restarts = false;    // replication.restart: auto
    plan::SetUpWish wish;     // without servers, and what a request says
    Means means;              // without servers
    base::milliseconds drain{5'000};
    std::function<base::Result<topology::Address>(const std::string&)> resolve = topology::parse_address;
    std::function<bool(const Member&)> file_names = [](const Member&) { return false; };
  };
  /// One of the servers that are watched.
  struct Known {
    topology::ServerId id = 0;
    plan::Server server;
    plan::Promote promote = plan::Promote::allow;
  };
  /// A replica whose receiver does not run, though nobody has drained it.
  struct Stopped {
    std::string server;
    std::optional<plan::Ran> ran;  // absent: its threads were never seen to run
  };
  /// What the watch knows, and does. All are quick.
  struct Watch {
    std::function<bool()> blank;  // all servers answer and none replicates
    std::function<std::shared_ptr<const topology::Topology>()> picture;
    std::function<std::vector<std::string>()> purged;  // replicas whose source has no longer what they need
    std::function<std::vector<Stopped>()> stopped;
    /// Takes a server out of reads, with words why; back with none.
    std::function<void(const std::string& server, const std::string& why)> hold;
    std::function<std::vector<Known>()> servers;
    std::function<std::string()> last_primary;
    /// A new one is watched, and held; nothing happens if it is there. An error: wye stops, or has had too many.
    std::function<base::Status(const Member& server, const topology::Address& address)> join;
    /// It joined for good, or leaves (done), or it is as it was before.
    std::function<base::Status(const plan::Membership& what, bool done)> settle;
    /// It will leave: who can do without it does, from now on; or not.
    std::function<void(const std::string& server, bool leaves)> leave;
    /// The sessions that use a server that will leave, in words; nullopt: not known.
    std::function<std::optional<std::vector<std::string>>(topology::ServerId)> users;
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
  base::Status add(AddRequest request, SetUpDone done);
  base::Status remove(RemoveRequest request, SetUpDone done);
  Means means() const;  // with the servers that there are now
  /// Of the operation that runs, or of the last one.
  Report report() const;

 private:
  struct Asked {
    std::function<SetUpAnswer()> work;
    SetUpDone done;
  };
  base::Status ask(bool dry_run, Asked asked);
  base::Status take(Asked asked);
  void loop() noexcept;
  void finish_old();
  void once();
  bool unasked();
  plan::SetUpWish wish() const;
  std::vector<plan::Known> look(const std::vector<plan::Server>& servers);
  plan::Known look_at(const plan::Server& server);
  SetUpAnswer serve(const SetUpRequest& request, bool by_itself);
  /// One try of a copy, and whom it took for a donor.
  struct Tried {
    SetUpAnswer answer;
    std::string donor;
  };
  SetUpAnswer copy_from_any(bool named, const std::function<Tried(const std::set<std::string>& died)>& copy);
  bool is_gone(const std::string& server);
  SetUpAnswer fill(const ProvisionRequest& request, bool by_itself);
  Tried fill_once(const ProvisionRequest& request, bool by_itself, const std::set<std::string>& died);
  SetUpAnswer mend(const RepairRequest& request);
  void read_logs(plan::RepairWish& wish, const std::vector<plan::Known>& known, std::size_t target);
  base::Status on(const plan::Server& server, const std::function<void(server::Connection&)>& what);
  plan::ProvisionWish wish_to_fill() const;
  std::string missing_tools(const plan::Known& target) const;
  SetUpAnswer join(const AddRequest& request);
  Tried join_once(const AddRequest& request, const std::set<std::string>& died);
  std::optional<plan::Trouble> name_it(Member& server, const topology::Address& address) const;
  base::Result<std::string> twin_of(const topology::Address& address, const std::vector<plan::Server>& others);
  void wait_online(const std::string& server, Report& report);
  SetUpAnswer dismiss(const RemoveRequest& request);
  std::string drained(const RemoveRequest& request);
  bool rest(base::milliseconds time);
  std::vector<std::string> aside(const plan::Plan& plan);
  std::string purged();
  struct Pause {  // between two tries to start the threads of a replica
    base::TimePoint next;
    base::milliseconds wait{0};
  };
  void start_stopped();
  void start_threads(const Stopped& replica);
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
  std::set<server::Connection*> looking_;
  std::thread thread_;
  base::TimePoint next_try_{};           // operator's thread
  base::milliseconds try_again_{0};      // likewise
  std::set<std::string> filled_;         // by itself, once; likewise
  std::map<std::string, Pause> pauses_;  // likewise
};

}  // namespace wye::manager
