#pragma once
#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "proxy/base/clock.h"
#include "replication/manager/tools.h"
#include "replication/plan/step.h"
#include "replication/server/connection.h"

namespace wye::manager {

/// How far a copy is; `total` is an estimate.
struct Progress {
  std::string phase;
  std::uint64_t done = 0, total = 0;  // bytes
  base::TimePoint began{};
  bool operator==(const Progress&) const = default;
};

/// Runs the step of a plan that copies a server. Owner: the operation, on its thread.
class Copying {
 public:
  struct Way {
    /// A connection of its own, checked to be the server of the plan; answers take as long as `patience`. It lives as
    /// long as the operation's step.
    std::function<base::Result<server::Connection*>(const std::string& server, base::milliseconds patience)> open;
    std::function<base::Result<Reach>(const std::string& server)> reach;
    std::function<bool()> pause;     // a moment; false: wye stops
    std::function<bool()> stopping;  // likewise, at once
    std::function<void(Progress)> tell;
    std::function<void(const std::string& note)> note;
    std::function<base::Result<std::string>(const std::string& sql)> fill;  // its passwords
    std::string tools;                                                      // their folder
  };
  explicit Copying(Way way) : way_{std::move(way)} {}

  /// `again`: it may have been begun before.
  base::Status run(const plan::Step& step, base::TimePoint deadline, bool again);
  /// For people, what takes the place of statements.
  static std::string in_words(const plan::Step& step);
  /// What is there is taken away; the donor is as it was.
  base::Status undo(const plan::Step& step);

 private:
  base::Status clone(const plan::Step& step, base::TimePoint deadline);
  base::Status end_clone(server::Connection& looking, const std::string& why);
  base::Status watch_clone(const plan::Step& step, server::Connection& looking, const std::atomic<bool>* ended);
  base::Status dump(const plan::Step& step, base::TimePoint deadline, bool again);
  base::Status take_from_donor(const plan::Step& step, server::Connection& target, std::string& position,
                               base::TimePoint deadline);
  base::Status pass_on(const plan::Step& step, const std::vector<std::string>& schemas,
                       const std::function<base::Status()>& release, base::TimePoint deadline);
  Way way_;
};

}  // namespace wye::manager
