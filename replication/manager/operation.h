#pragma once
#include <atomic>
#include <condition_variable>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "proxy/base/clock.h"
#include "replication/manager/copying.h"
#include "replication/manager/journal.h"
#include "replication/server/connection.h"

namespace wye::manager {

/// What the console shows of one step.
struct StepReport {
  std::string server, what, sql;  // sql: all of it, passwords as <secret>
  Mark mark = Mark::waiting;
  base::milliseconds took{0};
  std::string error;
  Progress progress;  // of a copy
};

/// What the console shows of an operation, and what its end is.
struct Report {
  enum class State : std::uint8_t { none, planned, running, undoing, done, undone, stopped };
  std::string operation;
  State state = State::none;
  std::vector<StepReport> steps;
  std::vector<std::string> notes;
  std::string error;  // why it failed
};
const char* name(Mark);
const char* name(Report::State);

/// What a plan's steps need on their way to the servers.
struct Means {
  std::map<std::string, topology::Address> servers;  // by name
  server::Login login;                               // of wye's account
  server::Login replication;                         // fills the marks of statements
  server::ConnectOptions connect;
  std::string state_dir;
  std::string tools;  // folder of the tools for dump and load; empty: those in PATH
  /// A plan that makes a server one of the cluster's, or no longer one, has come to its end. May be called again after
  /// a crash.
  std::function<base::Status(const plan::Membership&, bool done)> settle{};
};

/// Runs the steps of one plan after the other, with the journal ahead of them; undoes them if one fails. One at a time.
/// Owner: the manager; run() and resume() on its operator's thread, the rest from any.
class Operation {
 public:
  using Log = std::function<void(bool bad, const std::string& text)>;
  explicit Operation(Means means, Log log) : means_{std::move(means)}, log_{std::move(log)} {}

  /// Returns when it came to an end, or when stop() was called: then the journal says how far it came.
  Report run(const plan::Plan& plan);
  /// Goes on with what a wye before this one began.
  Report resume(const Unfinished& unfinished);
  /// Shows a plan without running it.
  static Report planned(const plan::Plan& plan);

  Report report() const;
  /// Calls that wait for a server fail at once, and nothing more is begun.
  void stop();

 private:
  struct Place {  // one server
    std::unique_ptr<server::Connection> connection;
    bool log_off = false;  // what the session says is not in the general log
  };
  void start(const plan::Plan& plan, std::vector<Mark> marks);
  Report carry_on();
  Report undo(const std::string& why);
  void undo_step(std::size_t k);
  base::Status undo_by(const plan::Step& step);
  base::Status step(std::size_t k);
  base::Status attempt(std::size_t k, base::TimePoint deadline);
  base::Status say(const plan::Step& step);
  base::Result<Place*> place(const std::string& server);
  base::Status prepare(Place& place, const std::string& server);
  base::Status enter(Place& place, const std::string& server, base::milliseconds patience);
  base::Status copy(std::size_t k, base::TimePoint deadline, bool again);
  Copying copying(std::size_t k);
  base::Result<Reach> reach(const std::string& server);
  base::Result<std::string> filled(const std::string& sql) const;
  base::Result<bool> holds(Place& place, const std::string& query);
  base::Result<bool> replicates(Place& place, const std::string& from);
  base::Status wait_for(const plan::Step& step, base::TimePoint deadline);
  base::Status send(Place& place, const std::string& sql);
  base::Status mark(std::size_t k, Mark mark);
  void tell(std::size_t k);
  bool pause();
  base::Status settle(bool done);
  Report finish(Report::State state);

  const Means means_;
  const Log log_;
  plan::Plan plan_;  // operator's thread
  Journal journal_;
  std::set<std::string> gone_;  // servers that did not answer while their steps were undone; likewise
  std::atomic<bool> stopping_{false};
  mutable std::mutex mutex_;  // guards report_, places_ and copies_ (for stop())
  std::condition_variable stopped_;
  Report report_;
  std::map<std::string, Place> places_;
  std::list<Place> copies_;  // a copy's own connections, while it runs; likewise
};

}  // namespace wye::manager
