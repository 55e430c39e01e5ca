#pragma once
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "replication/manager/manager.h"
#include "replication/plan/derive.h"
#include "replication/plan/problems.h"
#include "replication/server/observe.h"
#include "replication/server/routines.h"

// For manager.cc and manager_members.cc.
namespace wye::manager {

/// A server and the thread that watches it.
struct Watched {
  explicit Watched(ServerSpec of) : spec{std::move(of)} {}
  const ServerSpec spec;
  server::Connection connection;  // of its thread; interrupt() by others
  std::thread thread;
  bool ends = false;  // the thread shall; the Impl's mutex
};

struct Manager::Impl {
  Options options;
  Publish publish;
  LogSink log;

  std::mutex mutex;  // guards everything below
  std::condition_variable changed;
  bool started = false, stopping = false;
  // How often something changed: up to now, when it was planned for the last time, and when everybody was told of that.
  std::uint64_t news = 0, planned = 0, told = 0;
  std::vector<std::unique_ptr<Watched>>
      servers;                           // the place is the ServerId; none ever goes, see plan::Server::removed
  std::vector<plan::Sight> sights;       // likewise
  plan::Surveys surveys;                 // likewise
  std::map<std::string, plan::Ran> ran;  // replicas
  struct {
    std::optional<topology::ServerId> server;  // whose they are
    std::shared_ptr<const topology::Routines> all;
    base::TimePoint at{};  // when it was asked for them
  } routines;
  std::shared_ptr<const topology::Topology> latest;
  std::shared_ptr<const plan::Settings> settings;  // of as many servers as there are sights
  Members members;                                 // what commands have changed
  std::optional<LastKnown> saved;

  plan::Memory memory;  // planner thread only
  std::thread planner;
  std::unique_ptr<Operator> changes;   // constant after construction
  std::unique_ptr<Verifier> verifier;  // likewise
  std::unique_ptr<Reader> reader;      // likewise

  Operator::Watch watch_for_operator();
  bool blank();
  /// By server, as Manager::errant(); what is made of the set, and of its server's flavour.
  template <class T, class F>
  std::vector<std::optional<T>> each_errant(F&& make);
  std::vector<std::string> purged();
  std::vector<Operator::Stopped> stopped();
  void hold(const std::string& server, const std::string& why);
  void look_closer(Watched& mine, std::size_t id, base::TimePoint& next);
  void look_at_routines(Watched& mine, std::size_t id, base::TimePoint& next, server::RoutinesRead& read);
  void say(Level level, const std::string& text) const noexcept;
  void watch(Watched& mine, std::size_t id) noexcept;
  bool tick(Watched& mine, std::size_t id);
  bool store(std::size_t id, base::Result<topology::Observation>);
  bool pause(const Watched& mine, base::TimePoint until);
  void touch();                                             // under the mutex
  void touch_and_tell(std::unique_lock<std::mutex>& lock);  // likewise
  void plan_loop() noexcept;
  void plan_once();
  void remember(const topology::Topology&);

  // manager_members.cc
  std::optional<std::size_t> find(const std::string& server) const;  // under the mutex
  std::vector<Operator::Known> known();
  std::string last_primary();
  base::Status join(const Member& server, const topology::Address& address);
  base::Status settle(const plan::Membership& what, bool done);
  base::Status keep(const plan::Membership& what);
  void forget(const std::string& server);
  void leave(const std::string& server, bool leaves);
  void begin_watch(std::size_t id);  // under the mutex
};

}  // namespace wye::manager
