#include "replication/plan/derive.h"

#include "tests/unit/catch.h"

using namespace wye;
using namespace std::chrono_literals;
using topology::Flavour;
using topology::GtidSet;
using topology::Observation;
using topology::Role;
using topology::ServerId;
using topology::State;

namespace {

const std::string source_uuid = "3e11fa47-71ca-11e1-9e33-c80aa9429562";

std::string uuid_of(ServerId id) { return "0000000" + std::to_string(id + 1) + "-0000-0000-0000-000000000000"; }
base::TimePoint at(base::milliseconds time) { return base::TimePoint{} + 24h + time; }
std::shared_ptr<const GtidSet> up_to(int n) {
  return std::make_shared<const GtidSet>(
      n == 0 ? GtidSet{} : *GtidSet::parse(Flavour::mysql, source_uuid + ":1-" + std::to_string(n)));
}

/// A cluster whose servers are told what to be, and one derive step after another.
struct Cluster {
  plan::Settings settings;
  std::vector<plan::Sight> sights;
  std::vector<Observation> next;  // what each server would answer
  plan::Memory memory;

  explicit Cluster(ServerId servers) : sights(servers), next(servers) {
    for (ServerId id = 0; id < servers; ++id) {
      settings.servers.push_back(
          {"db" + std::to_string(id + 1), {"10.0.0." + std::to_string(id + 1), 3306, "", ""}, 1, {}});
      next[id].version = topology::parse_version("9.7.4");
      next[id].uuid = uuid_of(id);
      next[id].server_number = id + 1U;
      set(id, 10);
    }
    for (ServerId id = 1; id < servers; ++id) replicate(id, 0);
  }
  void set(ServerId id, int n) { next[id].executed = next[id].written = next[id].received = up_to(n); }
  void replicate(ServerId id, ServerId from) {
    topology::Channel channel;
    channel.source_host = settings.servers[from].address.host;
    channel.source_port = 3306;
    channel.source_uuid = uuid_of(from);
    channel.receiver_running = channel.receiver_started = channel.applier_running = true;
    next[id].channels = {channel};
    next[id].read_only = true;
  }
  void lone(ServerId id, bool writable) {
    next[id].channels.clear();
    next[id].read_only = !writable;
  }
  void stop_threads(ServerId id) {
    for (auto& c : next[id].channels) c.receiver_running = c.receiver_started = c.applier_running = false;
  }
  void see(ServerId id, base::milliseconds began) {
    next[id].began = at(began);
    next[id].ended = at(began + 1ms);
    sights[id].observation = std::make_shared<const Observation>(next[id]);
    sights[id].failure.reset();
  }
  void fail(ServerId id, topology::Failure::Kind kind, unsigned code = 2003) {
    sights[id].failure = topology::Failure{kind, code, "no", at(0ms)};
  }
  void gone(ServerId id) { fail(id, topology::Failure::Kind::unreachable); }
  topology::Topology derive(base::milliseconds now) { return plan::derive(settings, sights, memory, at(now)); }
  /// All servers that don't fail are seen (the primary's candidates first), then one step.
  topology::Topology round(base::milliseconds now) {
    for (ServerId id = 0; id < next.size(); ++id)
      if (!sights[id].failure) see(id, now + 2ms * id);
    return derive(now + 2ms * static_cast<int>(next.size()));
  }
};

int primary_of(const topology::Topology& topology) { return topology.primary ? *topology.primary : -1; }

}  // namespace

TEST_CASE("Nothing is known before the first observation") {
  Cluster c{3};
  const auto topology = c.derive(0ms);
  CHECK(primary_of(topology) == -1);
  CHECK(topology.epoch == 0);
  CHECK(topology.serial == 1);
  for (const auto& server : topology.servers) {
    CHECK(server.role == Role::unknown);
    CHECK(server.state == State::offline);
    CHECK_FALSE(server.lag);
    CHECK(server.reason == "not observed yet");
  }
}

TEST_CASE("One primary, two replicas") {
  Cluster c{3};
  const auto topology = c.round(0ms);
  CHECK(primary_of(topology) == 0);
  CHECK(topology.epoch == 1);
  CHECK(topology.servers[0].role == Role::primary);
  CHECK(topology.servers[0].state == State::online);
  CHECK_FALSE(topology.servers[0].lag);
  for (const ServerId id : {ServerId{1}, ServerId{2}}) {
    CHECK(topology.servers[id].role == Role::replica);
    CHECK(topology.servers[id].state == State::online);
    CHECK(topology.servers[id].lag == 0ms);
    CHECK(topology.servers[id].source == "10.0.0.1:3306");
    CHECK(topology.servers[id].observed_at == at(2ms * id));
    CHECK(topology.servers[id].reason.empty());
  }
  CHECK(c.round(100ms).epoch == 1);
}

// Who is the primary: each row changes a healthy cluster of db1 -> db2, db3 before the first look.
TEST_CASE("Who is the primary") {
  struct Row {
    const char* what;
    void (*change)(Cluster&);
    int primary;
  };
  const Row table[] = {
      {"replicas that accept writes are still replicas",
       [](Cluster& c) { c.next[1].read_only = c.next[2].read_only = false; }, 0},
      {"a primary that is read-only is none", [](Cluster& c) { c.next[0].read_only = true; }, -1},
      {"super_read_only without read_only", [](Cluster& c) { c.next[0].super_read_only = true; }, -1},
      {"two writable, one is followed", [](Cluster& c) { c.lone(2, true); }, 0},
      {"two writable, the other one is followed",
       [](Cluster& c) {
         c.lone(1, true);
         c.replicate(2, 1);
       },
       1},
      {"three writable, nobody is followed",
       [](Cluster& c) {
         c.lone(1, true);
         c.lone(2, true);
       },
       -1},
      {"both are followed",
       [](Cluster& c) {
         c.lone(1, true);
         c.replicate(2, 1);
         c.next[2].channels.push_back(c.next[1].channels.empty() ? c.next[2].channels[0] : c.next[1].channels[0]);
         c.next[2].channels[1].source_uuid = uuid_of(0);
       },
       -1},
      {"a stopped writable replica is no primary",
       [](Cluster& c) {
         c.stop_threads(1);
         c.next[1].read_only = false;
       },
       0},
      {"... nor when the primary can't be reached",
       [](Cluster& c) {
         c.stop_threads(1);
         c.next[1].read_only = false;
         c.gone(0);
       },
       -1},
      {"... but it is when another one follows it",
       [](Cluster& c) {
         c.stop_threads(1);
         c.next[1].read_only = false;
         c.replicate(2, 1);
         c.gone(0);
       },
       1},
      {"... and when its source was made read-only",
       [](Cluster& c) {
         c.stop_threads(1);
         c.next[1].read_only = false;
         c.next[0].read_only = true;
       },
       1},
      {"the primary is gone: replicas stay replicas", [](Cluster& c) { c.gone(0); }, -1},
      {"an empty new server isn't the primary while the real one is away",
       [](Cluster& c) {
         c.lone(2, true);
         c.set(2, 0);
         c.gone(0);
       },
       -1},
      {"a promoted one that has everything is",
       [](Cluster& c) {
         c.lone(2, true);
         c.set(2, 12);
         c.gone(0);
       },
       2},
      {"a ring with one writable server",
       [](Cluster& c) {
         c.replicate(0, 1);
         c.next[0].read_only = false;
       },
       0},
      {"a ring with two",
       [](Cluster& c) {
         c.replicate(0, 1);
         c.next[0].read_only = c.next[1].read_only = false;
       },
       -1},
      {"a chain", [](Cluster& c) { c.replicate(2, 1); }, 0},
      {"a primary that replicates from a server that isn't ours",
       [](Cluster& c) {
         c.replicate(0, 1);
         c.next[0].channels[0].source_uuid = uuid_of(7);
         c.next[0].read_only = false;
       },
       0},
      {"sources known by address only",
       [](Cluster& c) {
         c.lone(2, true);
         c.set(2, 0);
         c.next[1].channels[0].source_uuid.clear();
       },
       0},
  };
  for (const Row& row : table) {
    INFO(row.what);
    Cluster c{3};
    row.change(c);
    const auto topology = c.round(0ms);
    CHECK(primary_of(topology) == row.primary);
    CHECK(topology.epoch == (row.primary < 0 ? 0 : 1));
    for (const auto& server : topology.servers) {
      CHECK((server.role == Role::primary) == (&server - topology.servers.data() == row.primary));
      if (server.state != State::online) CHECK_FALSE(server.reason.empty());
    }
  }
}

TEST_CASE("MariaDB: sources are known by server_id") {
  Cluster c{3};
  for (ServerId id = 0; id < 3; ++id) {
    c.next[id].version = topology::parse_version("10.11.19-MariaDB");
    c.next[id].uuid.clear();
    for (auto& channel : c.next[id].channels) {
      channel.source_uuid.clear();
      channel.source_host = "some-alias";
      channel.source_server_number = 1;
    }
  }
  c.lone(2, true);
  c.set(2, 0);
  const auto topology = c.round(0ms);
  CHECK(primary_of(topology) == 0);
  CHECK(topology.flavour == Flavour::mariadb);
}

TEST_CASE("A second writable server changes nothing while nobody follows either") {
  Cluster c{2};
  c.lone(1, false);
  CHECK(primary_of(c.round(0ms)) == 0);
  c.lone(1, true);
  CHECK(primary_of(c.round(100ms)) == 0);
  c.gone(0);
  CHECK(primary_of(c.round(200ms)) == 1);  // has everything, and is the only one left that writes
  c.sights[0].failure.reset();
  const auto both = c.round(300ms);
  CHECK(primary_of(both) == 1);
}

TEST_CASE("Lag from GTIDs, on one clock") {
  Cluster c{3};
  c.round(0ms);
  for (int i = 1; i <= 50; ++i) {
    c.set(0, 10 + i);
    c.set(1, 10 + i);
    const auto topology = c.round(100ms * i);
    REQUIRE(topology.servers[1].lag == 0ms);
    REQUIRE(topology.servers[2].lag);
    // Lacks transaction 11, first seen at 100, not yet there at 0.
    REQUIRE(*topology.servers[2].lag == 100ms * i + 4ms);
    REQUIRE(topology.servers[2].behind == static_cast<std::uint64_t>(i));
    REQUIRE(topology.servers[2].state == State::online);
  }
  c.settings.max_lag = 1s;
  const auto lagging = c.round(5100ms);
  CHECK(lagging.servers[2].state == State::lagging);
  CHECK(lagging.servers[2].reason == "5.1 s behind");
  CHECK(lagging.servers[1].state == State::online);
}

TEST_CASE("Lag grows with the age of what is known, of the replica and of the primary") {
  Cluster c{3};
  c.round(0ms);
  for (int i = 1; i <= 10; ++i) {  // db2 doesn't answer; db3 does, and has all
    c.set(0, 10 + i);
    c.set(2, 10 + i);
    c.see(0, 100ms * i);
    c.see(2, 100ms * i + 4ms);
    const auto topology = c.derive(100ms * i + 6ms);
    const auto age = 100ms * i + 4ms;
    REQUIRE(topology.servers[1].lag == (age > 250ms ? age + 2ms : 0ms));
    REQUIRE(topology.servers[1].behind == (age > 250ms ? static_cast<std::uint64_t>(i) : 0U));
    REQUIRE(topology.servers[2].lag == 0ms);
  }
  c.set(1, 20);
  for (int i = 11; i <= 20; ++i) {  // the primary doesn't; nobody knows what it has by now
    c.see(1, 100ms * i + 2ms);
    c.see(2, 100ms * i + 4ms);
    const auto topology = c.derive(100ms * i + 6ms);
    const auto age = 100ms * (i - 10);
    REQUIRE(primary_of(topology) == 0);
    REQUIRE(topology.servers[1].lag == (age > 248ms ? age + 2ms : 0ms));
    REQUIRE(topology.servers[2].lag == (age > 246ms ? age + 4ms : 0ms));
  }
  const auto back = c.round(2'100ms);
  CHECK(back.servers[1].lag == 0ms);
  CHECK(back.servers[2].lag == 0ms);
}

TEST_CASE("What is late depends on the interval") {
  Cluster c{2};
  c.settings.interval = 500ms;
  c.round(0ms);
  c.see(1, 1'000ms);
  CHECK(c.derive(1'000ms).servers[1].lag == 0ms);
  c.see(1, 1'100ms);
  CHECK(c.derive(1'100ms).servers[1].lag == 1'100ms);
  // An idle primary that answers is no reason for any.
  for (int i = 3; i < 20; ++i) CHECK(c.round(500ms * i).servers[1].lag == 0ms);
}

TEST_CASE("Lag is unknown, never 0, when replication doesn't run") {
  Cluster c{3};
  c.round(0ms);
  c.next[1].channels[0].receiver_running = false;  // Connecting
  c.next[1].channels[0].receiver_errno = 2003;
  c.next[1].channels[0].receiver_error = "can't connect";
  c.next[2].channels[0].applier_running = false;
  const auto topology = c.round(100ms);
  CHECK_FALSE(topology.servers[1].lag);
  CHECK(topology.servers[1].state == State::broken);
  CHECK(topology.servers[1].error == "2003: can't connect");
  CHECK(topology.servers[1].reason == "the receiver is not connected (2003: can't connect)");
  CHECK_FALSE(topology.servers[2].lag);
  CHECK(topology.servers[2].state == State::broken);
  CHECK_FALSE(topology.servers[2].applier_running);
}

TEST_CASE("Without GTIDs there is no lag") {
  Cluster c{2};
  c.next[1].gtids = false;
  c.set(1, 0);
  const auto topology = c.round(0ms);
  CHECK_FALSE(topology.servers[1].lag);
  CHECK(topology.servers[1].state == State::lagging);
}

TEST_CASE("Without a primary lag counts from its last known position") {
  Cluster c{3};
  c.round(0ms);
  c.set(0, 20);
  c.set(1, 20);
  c.round(100ms);
  c.gone(0);
  for (const ServerId id : {ServerId{1}, ServerId{2}}) {
    c.next[id].channels[0].receiver_running = false;
    c.next[id].channels[0].receiver_started = true;
  }
  auto topology = c.round(200ms);
  CHECK(primary_of(topology) == -1);
  CHECK(topology.epoch == 1);
  CHECK(topology.servers[0].state == State::offline);
  CHECK(topology.servers[0].role == Role::unknown);
  CHECK(topology.servers[1].lag == 0ms);
  CHECK(topology.servers[1].state == State::online);
  REQUIRE(topology.servers[2].lag);
  CHECK(*topology.servers[2].lag == 204ms);
  c.next[1].channels[0].applier_running = false;
  topology = c.round(300ms);
  CHECK_FALSE(topology.servers[1].lag);
  // Back again: the same primary, the same epoch.
  c.sights[0].failure.reset();
  topology = c.round(400ms);
  CHECK(primary_of(topology) == 0);
  CHECK(topology.epoch == 1);
}

TEST_CASE("The epoch grows with another primary, and with one that lost what it had") {
  Cluster c{3};
  CHECK(c.round(0ms).epoch == 1);
  c.lone(1, true);
  c.replicate(2, 1);
  c.replicate(0, 1);
  auto topology = c.round(100ms);
  CHECK(primary_of(topology) == 1);
  CHECK(topology.epoch == 2);
  CHECK(topology.servers[0].role == Role::replica);
  c.set(1, 9);
  CHECK(c.round(200ms).epoch == 3);
  c.next[1].uuid = uuid_of(8);  // another server at the same address
  c.next[0].channels[0].source_uuid = c.next[2].channels[0].source_uuid = uuid_of(8);
  CHECK(c.round(300ms).epoch == 4);
}

TEST_CASE("Lag is known right after a failover, by what the old primary was seen with") {
  Cluster c{3};
  c.round(0ms);
  c.gone(0);
  c.lone(1, true);
  c.set(1, 12);  // two that the old primary was never seen with
  c.replicate(2, 1);
  auto topology = c.round(100ms);
  CHECK(primary_of(topology) == 1);
  CHECK(topology.servers[2].behind == 2);
  CHECK(topology.servers[2].lag == 104ms);
  c.set(1, 9);  // not the same history: nothing is known of before
  c.set(2, 8);
  topology = c.round(200ms);
  CHECK(topology.epoch == 3);
  CHECK_FALSE(topology.servers[2].lag);
}

TEST_CASE("A primary that is alive but refuses to be observed stays the primary") {
  Cluster c{3};
  c.round(0ms);
  c.fail(0, topology::Failure::Kind::refused, 1040);
  for (int i = 1; i < 50; ++i) {
    const auto topology = c.round(100ms * i);
    REQUIRE(primary_of(topology) == 0);
    REQUIRE(topology.servers[0].state == State::broken);
    REQUIRE(topology.servers[0].reason == "1040: no");
    REQUIRE_FALSE(topology.servers[1].lag);  // nobody knows how far the primary is
    REQUIRE(topology.servers[1].state == State::lagging);
  }
  c.gone(0);
  CHECK(primary_of(c.round(5000ms)) == -1);
}

TEST_CASE("A server that hangs is judged by the age of its observation") {
  Cluster c{2};
  c.round(0ms);
  c.see(1, 1900ms);
  auto topology = c.derive(1900ms);
  CHECK(primary_of(topology) == 0);
  CHECK(topology.servers[1].lag == 1900ms);
  c.see(1, 2100ms);
  topology = c.derive(2100ms);
  CHECK(primary_of(topology) == -1);
  CHECK(topology.servers[0].state == State::offline);
  CHECK(topology.servers[0].reason == "no answer for 2.1 s");
  CHECK(topology.servers[1].lag == 0ms);  // last known position
  topology = c.derive(4200ms);
  CHECK(topology.servers[1].state == State::offline);
  CHECK_FALSE(topology.servers[1].lag);
  CHECK(topology.servers[1].role == Role::replica);
}

TEST_CASE("Drained servers") {
  Cluster c{3};
  c.sights[1].drained = true;
  auto topology = c.round(0ms);
  CHECK(topology.servers[1].state == State::draining);
  CHECK(topology.servers[1].lag == 0ms);
  c.gone(1);
  CHECK(c.round(100ms).servers[1].state == State::offline);
  c.sights[1] = {};
  CHECK(c.round(200ms).servers[1].state == State::online);
}

TEST_CASE("A replica that is ahead of wye's last look at the primary is not behind") {
  Cluster c{2};
  c.round(0ms);
  c.set(1, 15);
  c.see(1, 50ms);
  CHECK(c.derive(50ms).servers[1].lag == 0ms);
  // And one that was asked before the primary is not behind because of what came after.
  c.see(1, 98ms);
  c.set(0, 40);
  c.see(0, 100ms);
  CHECK(c.derive(110ms).servers[1].lag == 0ms);
}
