#include "proxy/routing/positions.h"

#include "proxy/routing/frontier.h"
#include "tests/unit/catch.h"

namespace wye::routing {
namespace {

using topology::Flavour;
using topology::GtidSet;

const std::string one = "3e11fa47-71ca-11e1-9e33-c80aa9429562";
const std::string two = "aaaaaaaa-71ca-11e1-9e33-c80aa9429562";

base::TimePoint at(int ms) { return base::TimePoint{} + base::milliseconds(ms); }

std::shared_ptr<const GtidSet> set(const std::string& text, Flavour flavour = Flavour::mysql) {
  auto parsed = GtidSet::parse(flavour, text);
  REQUIRE(parsed);
  return std::make_shared<const GtidSet>(*parsed);
}

/// A primary (0) and one replica (1), which was observed at `seen` with `executed`.
topology::Topology world(const std::string& executed, int seen, Flavour flavour = Flavour::mysql) {
  topology::Topology t;
  t.epoch = 1;
  t.servers.resize(2);
  t.primary = topology::ServerId{0};
  t.servers[0].role = topology::Role::primary;
  topology::Server& replica = t.servers[1];
  replica.role = topology::Role::replica;
  replica.state = topology::State::online;
  replica.uuid = two;
  replica.server_number = 2;
  replica.source = "10.0.0.1:3306";
  replica.executed = set(executed, flavour);
  replica.observed_at = at(seen);
  replica.version.flavour = flavour;
  replica.version.number = flavour == Flavour::mysql ? 80'400 : 101'100;
  return t;
}

struct Fixture {
  Frontier frontier;
  FrontierNeed need{frontier};
  topology::Topology t = world(one + ":1-5", 100);
  Fixture() { need.observe(t); }
  bool covered() const { return need.covered_by(1, t.servers[1]); }
  Question question() const { return need.missing(1, t.servers[1], need.freeze()); }
  void yes(int ms) { need.positions().proved(1, need.positions().life(1), question().goal, at(ms)); }
};

TEST_CASE("what a replica is asked is what it is not known to have") {
  Fixture f;
  CHECK(f.question().text.empty());
  f.frontier.raise(*set(one + ":5"));
  CHECK(f.question().text.empty());
  f.frontier.raise(*set(one + ":7," + two + ":tag:3"));
  CHECK(f.question().text == one + ":1-7," + two + ":tag:1-3");
  f.yes(110);
  CHECK(f.covered());
  CHECK(f.question().text.empty());
  f.frontier.raise(*set(two + ":tag:4"));
  CHECK_FALSE(f.covered());
  CHECK(f.question().text == two + ":tag:1-4");
}

TEST_CASE("MariaDB is asked for a position with each domain once") {
  Frontier frontier;
  FrontierNeed need{frontier};
  auto t = world("0-1-5,7-1-9", 100, Flavour::mariadb);
  t.servers[0].executed = set("0-1-8,9-1-4", Flavour::mariadb);
  t.servers[0].observed_at = at(90);
  frontier.unreported_commit(at(80));
  need.observe(t);
  frontier.raise(*set("0-1-7,7-1-9", Flavour::mariadb));
  const auto question = need.missing(1, t.servers[1], need.freeze());
  CHECK(question.text == "0-1-8,9-1-4");
  CHECK_FALSE(need.covered_by(1, t.servers[1]));
  need.positions().proved(1, need.positions().life(1), question.goal, at(110));
  CHECK(need.covered_by(1, t.servers[1]));
  frontier.unreported_commit(at(120));  // nobody knows what that was
  CHECK_FALSE(need.freeze().attainable);
  CHECK_FALSE(need.attainable());
}

TEST_CASE("a read that waits needs no more than when it came in") {
  Fixture f;
  f.frontier.raise(*set(one + ":6"));
  const Goal goal = f.need.freeze();
  const FrozenNeed frozen{f.need, goal};
  CHECK_FALSE(frozen.covered_by(Consistency::global, 1, f.t.servers[1]));
  f.yes(110);
  f.frontier.raise(*set(one + ":7," + two + ":1"));
  CHECK(frozen.covered_by(Consistency::global, 1, f.t.servers[1]));
  CHECK_FALSE(f.covered());
  CHECK_FALSE(frozen.can_wait_for(Consistency::global, 1, f.t.servers[1]));
}

TEST_CASE("an answer proves what was asked, nothing else, and only until the next observation") {
  Fixture f;
  f.frontier.raise(*set(one + ":7," + two + ":1"));
  f.yes(110);
  f.frontier.raise(*set(two + ":2"));
  f.yes(120);  // asked for two's only
  REQUIRE(f.covered());
  // An observation that began in between has two's transactions not yet; the first answer is superseded by it.
  f.t.servers[1].observed_at = at(115);
  SECTION("the replica has gone back: it is not believed") {
    f.need.observe(f.t);
    CHECK_FALSE(f.covered());
    CHECK(f.question().text == one + ":1-7");
  }
  SECTION("it has what it said: the newer answer still counts") {
    f.t.servers[1].executed = set(one + ":1-7");
    f.need.observe(f.t);
    CHECK(f.covered());
    f.t.servers[1].observed_at = at(120);
    f.need.observe(f.t);
    CHECK_FALSE(f.covered());
  }
}

TEST_CASE("answers are forgotten when it may be another server, or another life of it") {
  Fixture f;
  f.frontier.raise(*set(one + ":7"));
  const auto asked = f.question();
  const auto life = f.need.positions().life(1);
  f.yes(110);
  REQUIRE(f.covered());
  topology::Server& replica = f.t.servers[1];
  const auto is_forgotten = [&](const char* what) {
    INFO(what);
    f.need.observe(f.t);
    CHECK_FALSE(f.covered());
    // What was asked before, and is answered now, proves nothing.
    f.need.positions().proved(1, life, asked.goal, at(130));
    CHECK_FALSE(f.covered());
    f.need.observe(f.t);
    f.yes(140);
    CHECK((f.covered() || replica.role != topology::Role::replica || replica.state == topology::State::offline));
  };
  SECTION("offline") {
    replica.state = topology::State::offline;
    is_forgotten("offline");
  }
  SECTION("no replica any more") {
    replica.role = topology::Role::primary;
    is_forgotten("role");
  }
  SECTION("another server at its address") {
    replica.uuid = one;
    is_forgotten("uuid");
  }
  SECTION("another number") {
    replica.server_number = 9;
    is_forgotten("number");
  }
  SECTION("re-pointed") {
    replica.source = "10.0.0.9:3306";
    is_forgotten("source");
  }
  SECTION("a new epoch") {
    f.t.epoch = 2;
    is_forgotten("epoch");
  }
  SECTION("its connection is gone") {
    f.need.positions().forget(1);
    is_forgotten("connection");
  }
}

TEST_CASE("servers that can't be asked") {
  Fixture f;
  topology::Server& replica = f.t.servers[1];
  CHECK(f.need.can_ask(replica));
  replica.version.number = 50'624;
  CHECK_FALSE(f.need.can_ask(replica));
  replica.version.number = 50'744;
  CHECK(f.need.can_ask(replica));
  replica.executed = nullptr;
  CHECK_FALSE(f.need.can_ask(replica));
}

TEST_CASE("waits in vain end the waiting, one that is not begins it again") {
  WaitEstimate estimate;
  CHECK_FALSE(estimate.hopeless());
  estimate.covered(base::microseconds{800});
  CHECK(estimate.expected_us() == 800);
  estimate.covered(base::microseconds{1600});
  CHECK(estimate.expected_us() == 900);
  estimate.timed_out(at(0));
  CHECK_FALSE(estimate.hopeless());
  estimate.timed_out(at(20));
  REQUIRE(estimate.hopeless());
  CHECK_FALSE(estimate.probe_due(at(29)));
  CHECK(estimate.probe_due(at(30)));
  int now = 30, probes = 0;
  for (; now < 10'000; ++now) {  // it stays away: asked less and less often
    if (!estimate.probe_due(at(now))) continue;
    estimate.probes(at(now));
    estimate.timed_out(at(now));
    ++probes;
  }
  CHECK(probes < 15);
  CHECK(probes > 5);
  estimate.covered(base::microseconds{900});
  CHECK_FALSE(estimate.hopeless());
  estimate.timed_out(at(now));
  CHECK_FALSE(estimate.hopeless());
}

}  // namespace
}  // namespace wye::routing
