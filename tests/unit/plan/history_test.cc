#include "replication/plan/history.h"

#include "tests/unit/catch.h"

using namespace wye;
using namespace std::chrono_literals;
using plan::History;
using topology::Flavour;
using topology::GtidSet;

namespace {

History::Set up_to(int n) {
  if (n == 0) return std::make_shared<const GtidSet>();
  return std::make_shared<const GtidSet>(
      *GtidSet::parse(Flavour::mysql, "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-" + std::to_string(n)));
}
base::TimePoint at(base::milliseconds time) { return base::TimePoint{} + 24h + time; }

}  // namespace

TEST_CASE("Lag is the age of what the replica lacks") {
  History history;
  // Observed at 0, 100, ... each answer takes 2 ms. Transaction n is committed at 100 * n - 50.
  for (int i = 0; i <= 50; ++i) CHECK(history.add(at(100ms * i), at(100ms * i + 2ms), up_to(i)));

  CHECK(history.distance(*up_to(50), at(5010ms)).lag == 0ms);
  CHECK(history.distance(*up_to(50), at(5010ms)).behind == 0);
  // Transaction 50 was committed at 4950 and seen at 5002; at 4900 it wasn't there yet.
  CHECK(history.distance(*up_to(49), at(5010ms)).lag == 110ms);
  CHECK(history.distance(*up_to(49), at(5010ms)).behind == 1);
  CHECK(history.distance(*up_to(20), at(5010ms)).lag == 3010ms);
  CHECK(history.distance(*up_to(20), at(5010ms)).behind == 30);
  // A replica asked before the primary was seen with something need not have it.
  CHECK(history.distance(*up_to(49), at(5001ms)).lag == 0ms);
  // It may have more than the primary was seen with.
  CHECK(history.distance(*up_to(60), at(5010ms)).lag == 0ms);
  for (int n = 0; n < 50; ++n) {
    const auto lag = history.distance(*up_to(n), at(5050ms)).lag;
    REQUIRE(lag);
    const auto truth = 5050ms - (100ms * (n + 1) - 50ms);
    CHECK(*lag >= truth);
    CHECK(*lag <= truth + 102ms);
  }
}

TEST_CASE("What a primary may have had while nobody saw it counts") {
  History history;
  history.add(at(0ms), at(2ms), up_to(5));
  history.add(at(100ms), at(102ms), up_to(5));
  CHECK(history.distance(*up_to(5), at(350ms), 250ms).lag == 0ms);
  CHECK(history.distance(*up_to(5), at(351ms), 250ms).lag == 251ms);
  CHECK(history.distance(*up_to(4), at(351ms), 250ms).lag == std::nullopt);
  CHECK(history.distance(*up_to(5), at(9000ms)).lag == 0ms);
  // An answer that took long is no knowledge of the time before it came, nor is what came after it.
  history.add(at(200ms), at(1600ms), up_to(9));
  history.add(at(1610ms), at(1612ms), up_to(9));
  CHECK(history.distance(*up_to(5), at(1500ms), 250ms).lag == 1400ms);
  CHECK(history.distance(*up_to(9), at(1500ms), 250ms).lag == 1400ms);
  CHECK(history.distance(*up_to(9), at(1600ms), 250ms).lag == 0ms);
  CHECK(history.distance(*up_to(5), at(1600ms), 250ms).lag == 1500ms);
}

TEST_CASE("An idle primary keeps the ruler exact") {
  History history;
  for (int i = 0; i <= 1000; ++i) history.add(at(100ms * i), at(100ms * i + 2ms), up_to(i < 995 ? 7 : 8));
  CHECK(history.size() == 2);
  CHECK(history.distance(*up_to(7), at(100'005ms)).lag == 605ms);
}

TEST_CASE("What is older than the watch is unknown, not zero") {
  History history;
  CHECK_FALSE(history.distance(*up_to(5), at(0ms)).lag);
  history.add(at(100ms), at(102ms), up_to(10));
  CHECK_FALSE(history.distance(*up_to(9), at(150ms)).lag);
  CHECK(history.distance(*up_to(9), at(150ms)).behind == 1);
  CHECK_FALSE(history.distance(*up_to(10), at(101ms)).lag);  // nothing known of the primary by then
  CHECK(history.distance(*up_to(10), at(102ms)).lag == 0ms);
}

TEST_CASE("A primary that lost transactions starts a new history") {
  History history;
  CHECK(history.add(at(0ms), at(1ms), up_to(10)));
  CHECK(history.add(at(100ms), at(101ms), up_to(12)));
  CHECK_FALSE(history.add(at(200ms), at(201ms), up_to(11)));
  CHECK(history.size() == 1);
  CHECK(history.distance(*up_to(11), at(300ms)).lag == 0ms);
}

TEST_CASE("A day of history stays small and exact enough") {
  History history;
  const int day = 24 * 3600 * 10;
  std::size_t most = 0;
  for (int i = 1; i <= day; ++i) {
    history.add(at(100ms * i), at(100ms * i + 1ms), up_to(i));
    most = std::max(most, history.size());
  }
  CHECK(most < 2000);
  for (const int behind : {0, 1, 10, 100, 1000, 10'000, 100'000, 800'000}) {
    INFO(behind);
    const auto now = at(100ms * day + 50ms);
    const auto lag = history.distance(*up_to(day - behind), now).lag;
    REQUIRE(lag);
    const base::milliseconds least = behind == 0 ? 0ms : 100ms * (behind - 1) + 50ms;
    CHECK(*lag >= least);
    CHECK(*lag <= least + 102ms + least / 32);
  }
}
