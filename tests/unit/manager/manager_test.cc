#include "replication/manager/manager.h"

#include <sys/stat.h>
#include <unistd.h>

#include <condition_variable>
#include <cstdlib>
#include <fstream>
#include <mutex>

#include "replication/manager/change_log.h"
#include "tests/unit/catch.h"
#include "tests/unit/manager/silent_server.h"

using namespace wye;
using namespace std::chrono_literals;
using manager::LastKnown;
using manager::Level;
using test::SilentServer;
using topology::State;
using topology::Topology;

namespace {

class Folder {
 public:
  Folder() { REQUIRE(mkdtemp(path_) != nullptr); }
  ~Folder() {
    unlink(file().c_str());
    rmdir(path_);
  }
  std::string path() const { return path_; }
  std::string file() const { return path() + "/last_primary"; }

 private:
  char path_[32] = "/tmp/wye-manager-XXXXXX";
};

/// Collects what a manager publishes; wait() until one satisfies a condition, or 20 seconds are over.
class Collector {
 public:
  void operator()(std::shared_ptr<const Topology> topology) {
    const std::lock_guard lock{mutex_};
    if (last_ && topology->serial < last_->serial) out_of_order_ = true;
    last_ = std::move(topology);
    changed_.notify_all();
  }
  template <class Condition>
  bool wait(Condition condition) {
    std::unique_lock lock{mutex_};
    return changed_.wait_for(lock, 20s, [&] { return last_ && condition(*last_); }) && !out_of_order_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::shared_ptr<const Topology> last_;
  bool out_of_order_ = false;
};

manager::Options options_for(const std::vector<topology::Address>& addresses) {
  manager::Options options;
  for (const auto& address : addresses)
    options.servers.push_back({"db" + std::to_string(options.servers.size() + 1), address, 1, {}});
  options.login = {"nobody", "secret-of-the-test"};
  options.interval = 10ms;
  return options;
}

}  // namespace

TEST_CASE("Servers that refuse or hang are offline, in words, and the manager stops") {
  SilentServer silent, closed;
  const auto gone = closed.address();
  closed.close();
  Collector collector;
  std::mutex mutex;
  std::vector<std::string> lines;
  manager::Manager manager{options_for({silent.address(), gone}), std::ref(collector),
                           [&](Level, const std::string& line) {
                             const std::lock_guard lock{mutex};
                             lines.push_back(line);
                           }};
  REQUIRE(manager.latest() != nullptr);
  CHECK(manager.latest()->servers.size() == 2);
  manager.start();
  CHECK(collector.wait([](const Topology& t) { return t.servers[1].reason.find("2") == 0; }));
  CHECK(collector.wait([](const Topology& t) { return t.servers[0].reason != "not observed yet"; }));
  const auto latest = manager.latest();
  CHECK_FALSE(latest->primary);
  CHECK(latest->servers[0].state == State::offline);
  CHECK(latest->servers[1].state == State::offline);
  CHECK(latest->servers[1].name == "db2");
  const auto before = base::Clock::now();
  manager.stop();
  CHECK(base::Clock::now() - before < 4s);
  for (const std::string& line : lines) CHECK(line.find("secret-of-the-test") == std::string::npos);
}

TEST_CASE("A manager can be stopped twice, started again and destroyed while it runs") {
  SilentServer silent;
  Collector collector;
  manager::Manager manager{options_for({silent.address()}), std::ref(collector), {}};
  manager.stop();
  manager.start();
  manager.stop();
  manager.stop();
  manager.start();
  CHECK(collector.wait([](const Topology& t) { return t.serial > 3; }));
}

TEST_CASE("Draining is asked for by number or name") {
  manager::Manager manager{options_for({{"127.0.0.1", 1, "", ""}}), {}, {}};
  CHECK(manager.set_drained(topology::ServerId{0}, true));
  CHECK(manager.set_drained("db1", false));
  CHECK_FALSE(manager.set_drained(topology::ServerId{1}, true));
  CHECK_FALSE(manager.set_drained("db2", true));
}

TEST_CASE("What a command did is seen as soon as it is answered") {
  SilentServer silent;
  manager::Manager manager{options_for({silent.address()}), {}, {}};
  manager.start();
  for (int i = 0; i < 50; ++i) {
    const auto before = manager.latest()->serial;
    REQUIRE(manager.set_drained("db1", i % 2 == 0));
    REQUIRE(manager.latest()->serial > before);
  }
}

TEST_CASE("The last known primary survives") {
  const Folder folder;
  CHECK_FALSE(manager::load_last_known(folder.path()));
  const LastKnown mysql{topology::parse_version("9.7.4-2"), "db1"};
  REQUIRE(bool{manager::save_last_known(folder.path(), mysql)});
  CHECK(manager::load_last_known(folder.path()) == mysql);
  CHECK(manager::load_last_known(folder.path())->version.number == 90'704);
  LastKnown renamed{topology::parse_version("10.11.19-custom"), "db2"};  // MariaDB by its comment only
  renamed.version.flavour = topology::Flavour::mariadb;
  REQUIRE(bool{manager::save_last_known(folder.path(), renamed)});
  CHECK(manager::load_last_known(folder.path()) == renamed);
  struct stat file {};
  REQUIRE(stat(folder.file().c_str(), &file) == 0);
  CHECK((file.st_mode & 0777) == 0600);
  CHECK_FALSE(bool{manager::save_last_known(folder.path() + "/missing", mysql)});
}

TEST_CASE("A damaged state file is no knowledge") {
  const Folder folder;
  for (const std::string& text :
       {std::string{}, std::string{"\n\n"}, std::string{"version\n"}, std::string{"primary=db1\n"},
        std::string(100'000, 'x'), "version=" + std::string(100'000, '9')}) {
    std::ofstream{folder.file()} << text;
    CHECK_FALSE(manager::load_last_known(folder.path()));
  }
  const LastKnown hostile{topology::parse_version("9.7.4\nflavour=mariadb\nprimary=evil"), "db1\nversion=1"};
  REQUIRE(bool{manager::save_last_known(folder.path(), hostile)});
  const auto back = manager::load_last_known(folder.path());
  REQUIRE(back);
  CHECK(back->version.number == 90'704);
  CHECK(back->primary == "db1 version=1");
}

TEST_CASE("The log tells changes, once, on one line") {
  std::vector<std::string> lines;
  const manager::LogSink sink = [&lines](Level, const std::string& line) { lines.push_back(line); };
  Topology before, after;
  before.servers.resize(2);
  before.servers[0].name = "db1";
  before.servers[1].name = "db2";
  after = before;
  manager::log_changes(before, after, sink);
  CHECK(lines.empty());
  after.primary = 0;
  after.epoch = 1;
  after.servers[0].role = topology::Role::primary;
  after.servers[0].state = State::online;
  after.servers[1].error = "2003: attempt 1\n\"x\"";
  after.servers[1].reason = after.servers[1].error;
  manager::log_changes(before, after, sink);
  REQUIRE(lines.size() == 3);
  CHECK(lines[0] == "event=primary primary=\"db1\" before=\"none\" epoch=1");
  CHECK(lines[2].find("reason=\"2003: attempt 1\\x0a\\\"x\\\"\"") != std::string::npos);
  Topology later = after;
  later.servers[1].error = later.servers[1].reason = "2003: attempt 2";
  manager::log_changes(after, later, sink);
  CHECK(lines.size() == 3);
  CHECK(manager::quoted(std::string(1000, 'x')).size() < 600);
}
