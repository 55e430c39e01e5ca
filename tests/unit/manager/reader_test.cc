// Reading from one server, without a server: how long it takes, and that it ends. The rest:
// tests/e2e/on_server_test.py.
#include "replication/manager/reader.h"

#include <future>

#include "tests/unit/catch.h"
#include "tests/unit/manager/silent_server.h"

using namespace wye;
using namespace std::chrono_literals;

namespace {

/// Two servers that hang.
class Frozen {
 public:
  manager::Means means() const {
    manager::Means means;
    means.servers["db1"] = means.servers["db2"] = silent_.address();
    means.connect.connect_timeout = 30s;
    return means;
  }
  /// Until its first client has closed the connection.
  void wait_until_left() const { silent_.wait_until_left(); }

 private:
  const test::SilentServer silent_;
};

using Promise = std::shared_ptr<std::promise<std::string>>;

/// The error's message, when it comes. Twice would throw.
manager::ReadDone into(const Promise& promise) {
  return [promise](const base::Result<server::Table>& answer) {
    promise->set_value(answer ? "a table" : answer.error().message);
  };
}

Promise promise() { return std::make_shared<std::promise<std::string>>(); }

manager::ReadLimits limits() {
  manager::ReadLimits limits;
  limits.whole = 1000ms;
  limits.look_round = 10ms;
  limits.at_once = 2;
  return limits;
}

}  // namespace

TEST_CASE("a read has its answer in time, also while a connect hangs") {
  const Frozen frozen;
  manager::Reader reader{[&] { return frozen.means(); }, limits()};
  const auto told = promise();
  const auto began = base::Clock::now();
  REQUIRE(reader.begin({"db1", "SELECT 1"}, into(told)));
  auto answer = told->get_future();
  REQUIRE(answer.wait_for(20s) == std::future_status::ready);
  CHECK(base::Clock::now() - began >= 1000ms);
  CHECK(answer.get() == "db1: no whole answer within 1 seconds; it was ended");
}

TEST_CASE("a read that the library gives up before the clock is looked at is told as late") {
  const Frozen frozen;
  manager::Reader reader{[&] {
                           manager::Means means = frozen.means();
                           means.connect.connect_timeout = 1s;
                           return means;
                         },
                         limits()};
  const auto told = promise();
  const auto stalls = [&] {  // the thread that watches, as a loaded machine stalls it, past the library's own limit
    frozen.wait_until_left();
    return false;
  };
  REQUIRE(reader.begin({"db1", "SELECT 1", stalls}, into(told)));
  auto answer = told->get_future();
  REQUIRE(answer.wait_for(20s) == std::future_status::ready);
  CHECK(answer.get() == "db1: no whole answer within 1 seconds; it was ended");
}

TEST_CASE("a read that nobody waits for any more ends") {
  const Frozen frozen;
  auto patient = limits();
  patient.whole = 60s;
  manager::Reader reader{[&] { return frozen.means(); }, patient};
  const auto told = promise();
  REQUIRE(reader.begin({"db1", "SELECT 1", [] { return true; }}, into(told)));
  auto answer = told->get_future();
  REQUIRE(answer.wait_for(20s) == std::future_status::ready);
  CHECK(answer.get() == "db1: nobody waits for the answer");
}

TEST_CASE("reads of unknown servers, and too many, do not begin") {
  const Frozen frozen;
  manager::Reader reader{[&] { return frozen.means(); }, limits()};
  const auto none = [](const base::Result<server::Table>&) { FAIL("it began"); };
  CHECK(reader.begin({"db3", "SELECT 1"}, none).error().message == "unknown server db3; there are: db1, db2");
  const auto first = promise(), second = promise();
  REQUIRE(reader.begin({"db1", "SELECT 1"}, into(first)));
  REQUIRE(reader.begin({"db2", "SELECT 1"}, into(second)));
  CHECK(reader.begin({"db1", "SELECT 1"}, none).error().message ==
        "2 statements run on servers already: wait for one to end");
}

TEST_CASE("stopping ends what reads, and nothing begins any more") {
  const Frozen frozen;
  auto patient = limits();
  patient.whole = 60s;
  manager::Reader reader{[&] { return frozen.means(); }, patient};
  const auto told = promise();
  REQUIRE(reader.begin({"db1", "SELECT 1"}, into(told)));
  reader.stop();
  CHECK(told->get_future().get() == "db1: wye stops");
  CHECK_FALSE(reader.begin({"db1", "SELECT 1"}, [](const base::Result<server::Table>&) { FAIL("it began"); }));
}
