#include "replication/plan/restart.h"

#include "tests/unit/catch.h"

using namespace wye;
using topology::GtidSet;

namespace {

constexpr const char* uuids[] = {"3e11fa47-71ca-11e1-9e33-c80aa9429561", "3e11fa47-71ca-11e1-9e33-c80aa9429562"};
constexpr const char* attempts =
    "Error reconnecting to source 'repl@10.0.0.1:3306'. This was attempt 10/10, with a delay of 1 seconds between "
    "attempts. Message: Can't connect to MySQL server";

/// db2 follows db1; its receiver ended when db1 could not be reached.
struct World {
  topology::Observation primary, replica;
  topology::Address address{"10.0.0.1", 3306, "", ""};
  bool rebooted = false;
  std::optional<plan::Ran> ran;

  explicit World(const char* version = "9.7.4") {
    for (auto* one : {&primary, &replica}) one->version = topology::parse_version(version);
    const bool mysql = primary.version.flavour == topology::Flavour::mysql;
    primary.server_number = 1;
    replica.server_number = 2;
    if (mysql) {
      primary.uuid = uuids[0];
      replica.uuid = uuids[1];
    }
    has(primary, mysql ? std::string{uuids[0]} + ":1-9" : "0-1-9");
    has(replica, mysql ? std::string{uuids[0]} + ":1-7" : "0-1-7");
    topology::Channel& channel = replica.channels.emplace_back();
    channel.source_host = "10.0.0.1";
    channel.source_port = 3306;
    channel.source_uuid = primary.uuid;
    channel.applier_running = channel.uses_gtid = true;
    channel.receiver_errno = 2003;
    channel.receiver_error = attempts;
  }
  static void has(topology::Observation& server, const std::string& text) {
    auto set = GtidSet::parse(server.version.flavour, text);
    REQUIRE(set);
    server.executed = server.written = server.received = std::make_shared<const GtidSet>(*set);
  }
  topology::Channel& channel() { return replica.channels.front(); }
  std::string sql() const {
    const auto out = plan_restart(replica, primary, address, ran, rebooted);
    return out ? out->sql : "";
  }
};

}  // namespace

TEST_CASE("a receiver that gave up is started again") {
  World world;
  CHECK(world.sql() == "START REPLICA IO_THREAD");
  CHECK(plan::has_stopped(world.replica));
  CHECK(World{"10.11.19-MariaDB"}.sql() == "START SLAVE IO_THREAD");
  CHECK(World{"5.6.24"}.sql() == "START SLAVE IO_THREAD");
  world.channel().receiver_errno = 2013;
  CHECK(!world.sql().empty());
}

TEST_CASE("what somebody may have stopped by hand stays as it is") {
  World world;
  SECTION("no error") { world.channel().receiver_errno = 0; }
  SECTION("before the last try") {
    world.channel().receiver_error.replace(world.channel().receiver_error.find("10/10"), 5, "3/10");
  }
  SECTION("both threads") { world.channel().applier_running = false; }
  CHECK(world.sql().empty());
}

TEST_CASE("a server that was started without its threads") {
  World world;
  world.channel().receiver_errno = 0;
  world.channel().applier_running = false;
  CHECK(world.sql().empty());
  world.rebooted = true;
  CHECK(world.sql().empty());  // what it had received is not known
  world.ran = plan::Ran{{}, world.primary.written};
  CHECK(world.sql() == "START REPLICA");
  World::has(world.primary, std::string{uuids[0]} + ":1-8");  // and has lost what the other one had received
  CHECK(world.sql().empty());
  World::has(world.primary, std::string{uuids[0]} + ":1-9");
  world.channel().applier_running = true;  // then somebody has begun to start it by hand
  CHECK(world.sql().empty());
}

TEST_CASE("never where something could be lost, or somebody must look") {
  World world;
  SECTION("an applier in error") {
    world.channel().applier_errno = 1062;
    CHECK(!plan::has_stopped(world.replica));
  }
  SECTION("an error that waiting does not cure") { world.channel().receiver_errno = 1236; }
  SECTION("it tries") { world.channel().receiver_started = true; }
  SECTION("it has received what the primary has lost") {
    world.replica.received =
        std::make_shared<const GtidSet>(*GtidSet::parse(topology::Flavour::mysql, std::string{uuids[0]} + ":1-10"));
  }
  SECTION("transactions of its own") { World::has(world.replica, std::string{uuids[0]} + ":1-7," + uuids[1] + ":1"); }
  SECTION("another source") {
    world.channel().source_uuid = uuids[1];
    world.channel().source_port = 3307;
  }
  SECTION("no GTIDs") { world.channel().uses_gtid = false; }
  SECTION("several channels") { world.replica.channels.push_back(world.channel()); }
  SECTION("a primary") { world.replica.channels.clear(); }
  CHECK(world.sql().empty());
}
