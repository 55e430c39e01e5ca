// Up to which moment a primary has caught up with its replicas, from what it answers. With servers:
// tests/e2e/after_sync_test.py.
#include "proxy/routing/shown.h"

#include "tests/unit/catch.h"

using namespace wye;
using routing::BinlogPosition;
using routing::Shown;

namespace {

base::TimePoint at(int ms) { return base::TimePoint{} + base::milliseconds{ms}; }

topology::GtidSet owned(const char* text) {
  auto set = topology::parse_owned(text);
  REQUIRE(set);
  return *set;
}

constexpr const char* uuid = "3E11FA47-71CA-11E1-9E33-C80AA9429562";
topology::GtidSet in_commit(const std::string& numbers) { return owned((uuid + (":" + numbers)).c_str()); }

}  // namespace

TEST_CASE("nothing in commit: all that replicas showed before the question is there") {
  Shown shown;
  CHECK(shown.until() == base::TimePoint{});
  shown.in_commit({}, at(5));
  CHECK(shown.until() == at(5));
}

TEST_CASE("what was in commit must be over, and what came later need not be") {
  Shown shown;
  shown.in_commit(in_commit("7#14"), at(1));
  CHECK(shown.until() == base::TimePoint{});
  shown.in_commit(in_commit("7#14:8#15"), at(2));
  CHECK(shown.until() == base::TimePoint{});
  shown.in_commit(in_commit("8#15"), at(3));
  CHECK(shown.until() == at(1));
  shown.in_commit(in_commit("9#14"), at(4));
  CHECK(shown.until() == at(3));
  shown.in_commit({}, at(5));
  CHECK(shown.until() == at(5));
}

TEST_CASE("MariaDB: what is to be seen must reach where the log ended") {
  Shown shown;
  shown.positions({"log.000002", 400}, {"log.000002", 400}, at(1));
  CHECK(shown.until() == at(1));
  shown.positions({"log.000002", 900}, {"log.000002", 400}, at(2));
  shown.positions({"log.000003", 300}, {"log.000002", 700}, at(3));
  CHECK(shown.until() == at(1));
  shown.positions({"log.000003", 300}, {"log.000002", 900}, at(4));
  CHECK(shown.until() == at(2));
  shown.positions({"log.000003", 500}, {"log.000003", 300}, at(5));
  CHECK(shown.until() == at(4));
}

TEST_CASE("places in a binary log are ordered by the number of their file, which may grow beyond six digits") {
  CHECK(BinlogPosition{"log.999999", 500} < BinlogPosition{"log.1000000", 4});
  CHECK(BinlogPosition{"log.000009", 500} < BinlogPosition{"log.000010", 4});
  CHECK(BinlogPosition{"log.000010", 4} < BinlogPosition{"log.000010", 5});
  CHECK_FALSE(BinlogPosition{"log.000010", 5} < BinlogPosition{"log.000010", 5});
}

TEST_CASE("of another primary nothing is known") {
  Shown shown;
  shown.in_commit({}, at(5));
  shown.forget();
  CHECK(shown.until() == base::TimePoint{});
}
