#include "replication/plan/set_up.h"

#include <algorithm>

#include "tests/unit/catch.h"

using namespace wye;
using plan::Known;
using plan::SetUp;
using plan::SetUpWish;
using topology::GtidSet;

namespace {

constexpr const char* uuids[] = {"3e11fa47-71ca-11e1-9e33-c80aa9429561", "3e11fa47-71ca-11e1-9e33-c80aa9429562",
                                 "3e11fa47-71ca-11e1-9e33-c80aa9429563"};

/// Three servers as they are after their installation.
struct World {
  SetUpWish wish;
  std::vector<Known> known;

  explicit World(const char* version = "9.7.4") {
    for (std::size_t i = 0; i < 3; ++i) {
      plan::Server server;
      server.name = "db" + std::to_string(i + 1);
      server.address = {"10.0.0." + std::to_string(i + 1), 3306, "", ""};
      wish.servers.push_back(server);
      wish.promote.push_back(plan::Promote::allow);
      known.emplace_back();
      auto& seen = known.back().observation.emplace();
      seen.version = topology::parse_version(version);
      seen.server_number = static_cast<std::uint32_t>(i + 1);
      seen.hostname = server.name;
      seen.port = 3306;
      if (seen.version.flavour == topology::Flavour::mysql) seen.uuid = uuids[i];
      executed(i, "");
      auto& survey = known.back().survey.emplace();
      survey.log_bin = survey.log_updates = true;
      survey.binlog_format = "ROW";
      survey.gtid_mode = seen.version.flavour == topology::Flavour::mysql ? "ON" : "";
      survey.gtid_consistency = true;
      survey.gtid_strict_mode = true;
      survey.with_data = survey.sees_all = true;
      survey.accounts = {"'root'@'localhost'", "'wye'@'%'"};
    }
    wish.account = "repl";
  }
  topology::Observation& at(std::size_t i) { return *known[i].observation; }
  topology::Survey& survey(std::size_t i) { return *known[i].survey; }
  void executed(std::size_t i, const std::string& text) {
    auto set = GtidSet::parse(at(i).version.flavour, text);
    REQUIRE(set);
    at(i).executed = at(i).written = at(i).received = std::make_shared<const GtidSet>(*set);
  }
  void data(std::size_t i) { survey(i).schemas = {{"shop", 3, 0}}; }
  void replicates(std::size_t i, std::size_t from) {
    topology::Channel channel;
    channel.source_host = wish.servers[from].address.host;
    channel.source_port = 3306;
    channel.receiver_started = channel.receiver_running = channel.applier_running = channel.uses_gtid = true;
    at(i).channels = {channel};
  }
  SetUp plan() const { return plan::plan_set_up(wish, known); }
};

std::string text_of(const SetUp& set_up) {
  std::string out;
  for (const plan::Step& step : set_up.plan.steps) {
    out += step.server + ":";
    for (const std::string& sql : step.sql) out += " " + plan::masked(sql) + ";";
    out += "\n";
  }
  return out;
}

std::string troubles_of(const SetUp& set_up) {
  std::string out;
  for (const plan::Trouble& one : set_up.troubles) out += one.server + ": " + one.what + " -> " + one.remedy + "\n";
  return out;
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("Three empty MySQL servers") {
  const World world;
  const SetUp set_up = world.plan();
  CHECK(troubles_of(set_up).empty());
  CHECK(set_up.primary == "db1");
  const std::string follow =
      "STOP REPLICA; CHANGE REPLICATION SOURCE TO SOURCE_HOST='10.0.0.1', SOURCE_PORT=3306, SOURCE_USER='repl', "
      "SOURCE_PASSWORD=<secret>, SOURCE_AUTO_POSITION=1, SOURCE_RETRY_COUNT=86400, SOURCE_CONNECT_RETRY=1, "
      "SOURCE_HEARTBEAT_PERIOD=1, SOURCE_DELAY=0, SOURCE_SSL=0, SOURCE_SSL_CA='', SOURCE_SSL_CERT='', "
      "SOURCE_SSL_KEY='', SOURCE_SSL_VERIFY_SERVER_CERT=0, GET_SOURCE_PUBLIC_KEY=1 FOR CHANNEL ''; START REPLICA;";
  CHECK(
      text_of(set_up) ==
      "db1: SET GLOBAL super_read_only = ON;\n"
      "db2: RESET BINARY LOGS AND GTIDS;\n"
      "db2: SET PERSIST super_read_only = ON;\n"
      "db3: RESET BINARY LOGS AND GTIDS;\n"
      "db3: SET PERSIST super_read_only = ON;\n"
      "db1: SET GLOBAL read_only = OFF;\n"
      "db1: CREATE USER IF NOT EXISTS 'repl'@'%' IDENTIFIED WITH caching_sha2_password BY <secret>; GRANT REPLICATION "
      "SLAVE ON *.* TO 'repl'@'%';\n"
      "db2: " +
          follow + "\ndb3: " + follow + "\ndb2:\ndb3:\n");
}

TEST_CASE("Replicas are fenced before they replicate, and the primary is quiet while positions are set") {
  for (const char* version :
       {"5.6.24", "5.7.44", "8.0.21", "8.0.36", "9.7.4", "26.7.0", "10.6.1-MariaDB", "10.11.19-MariaDB"}) {
    INFO(version);
    World world{version};
    const bool mysql = world.at(0).version.flavour == topology::Flavour::mysql;
    world.executed(0, mysql ? std::string{uuids[0]} + ":1-4" : "0-1-4");
    world.executed(1, mysql ? std::string{uuids[1]} + ":1-2" : "0-2-2");
    world.wish.semi_sync = version != std::string{"5.6.24"};
    const SetUp set_up = world.plan();
    CHECK(troubles_of(set_up).empty());
    std::vector<std::string> open{"db1", "db2", "db3"};
    const auto is_open = [&](const std::string& name) { return std::count(open.begin(), open.end(), name) > 0; };
    std::vector<std::string> following;
    for (const plan::Step& step : set_up.plan.steps) {
      const std::string all = [&] {
        std::string out;
        for (const std::string& sql : step.sql) out += sql + ";";
        return out;
      }();
      INFO(step.server + ": " + all);
      if (has(all, "read_only = ON")) open.erase(std::remove(open.begin(), open.end(), step.server), open.end());
      if (has(all, "read_only = OFF")) open.push_back(step.server);
      if (has(all, "RESET ")) {
        CHECK_FALSE(is_open("db1"));
        CHECK_FALSE(step.guard.empty());
        CHECK_FALSE(step.check.empty());
      }
      if (has(all, "CHANGE ")) {
        CHECK_FALSE(is_open(step.server));
        CHECK(is_open("db1"));
        CHECK(step.replicates_from == "10.0.0.1:3306");
        CHECK_FALSE(step.undo.empty());
        following.push_back(step.server);
      }
      if (has(all, "RESET ") || has(all, "CHANGE ")) CHECK(step.server != "db1");
      CHECK(step.deadline.count() > 0);
      CHECK_FALSE(step.what.empty());
    }
    CHECK(open == std::vector<std::string>{"db1"});
    CHECK(following == std::vector<std::string>{"db2", "db3"});
    const bool notes = !Known{}.encrypted && !set_up.plan.notes.empty();
    CHECK(notes == !plan::Dialect{world.at(0).version}.persists());
  }
}

TEST_CASE("Data of one's own is never overwritten by inference") {
  World world;
  world.data(0);
  world.data(1);
  SECTION("two servers have data: nobody guesses") {
    const SetUp set_up = world.plan();
    CHECK(has(troubles_of(set_up), "shop (3 tables); so have others"));
    CHECK(set_up.plan.steps.empty());
  }
  SECTION("with a primary named, the other is named with what it has") {
    world.wish.primary = "db1";
    const SetUp set_up = world.plan();
    CHECK(has(troubles_of(set_up),
              "db2: it has data of its own: shop (3 tables) -> if that may go: SET UP REPLICATION "
              "PRIMARY db1 OVERWRITE db2"));
    CHECK(has(troubles_of(set_up), "db3: db1 has data (shop (3 tables)) that it has not"));
    CHECK(set_up.plan.steps.empty());
  }
  SECTION("the word makes it possible, for that server only") {
    world.survey(0).schemas.clear();
    world.wish.primary = "db1";
    CHECK_FALSE(world.plan().troubles.empty());
    world.wish.overwrite = {"db2"};
    const SetUp set_up = world.plan();
    CHECK(troubles_of(set_up).empty());
    CHECK(has(text_of(set_up), "db2: SET SESSION sql_log_bin = 0; DROP DATABASE IF EXISTS `shop`;"));
    CHECK_FALSE(has(text_of(set_up), "db3: SET SESSION sql_log_bin = 0; DROP"));
    CHECK(set_up.plan.operation == "SET UP REPLICATION PRIMARY db1 OVERWRITE db2");
  }
  SECTION("the primary can't be overwritten") {
    world.wish.primary = "db1";
    world.wish.overwrite = {"db1", "db2"};
    CHECK_FALSE(world.plan().troubles.empty());
  }
  SECTION("what may not be seen counts as data") {
    World blind;
    blind.survey(2).sees_all = false;
    CHECK(has(troubles_of(blind.plan()), "db3: wye's account may not see all schemas"));
    CHECK_FALSE(plan::all_blank(blind.known));
  }
}

TEST_CASE("A copy follows without losing anything") {
  World world;
  for (std::size_t i = 0; i < 3; ++i) world.data(i);
  world.executed(0, std::string{uuids[0]} + ":1-90");
  world.executed(1, std::string{uuids[0]} + ":1-80");
  world.executed(2, std::string{uuids[0]} + ":1-90");
  world.wish.primary = "db1";
  SetUp set_up = world.plan();
  CHECK(troubles_of(set_up).empty());
  CHECK_FALSE(has(text_of(set_up), "RESET BINARY"));
  CHECK_FALSE(has(text_of(set_up), "gtid_purged"));
  CHECK_FALSE(has(text_of(set_up), "db1: SET"));  // no write of the application is held
  SECTION("not if what it lacks is gone from the primary's logs") {
    world.survey(0).purged = *GtidSet::parse(topology::Flavour::mysql, std::string{uuids[0]} + ":1-85");
    CHECK(has(troubles_of(world.plan()), "db2: it has data of its own"));
  }
  SECTION("not if it has a transaction that the primary has not") {
    world.executed(2, std::string{uuids[0]} + ":1-90," + uuids[2] + ":1");
    CHECK(has(troubles_of(world.plan()), "db3: it has data of its own"));
  }
  SECTION("the one that has all is chosen") {
    world.wish.primary.clear();
    world.executed(2, std::string{uuids[0]} + ":1-85");
    CHECK(world.plan().primary == "db1");
  }
}

TEST_CASE("Who becomes the primary") {
  World world;
  CHECK(world.plan().primary == "db1");
  world.wish.promote[2] = plan::Promote::prefer;
  CHECK(world.plan().primary == "db3");
  world.wish.promote = {plan::Promote::never, plan::Promote::allow, plan::Promote::allow};
  CHECK(world.plan().primary == "db2");
  world.at(1).version = topology::parse_version("26.7.0");  // as text it would be the older one
  CHECK(world.plan().primary == "db3");
  world.wish.primary = "db2";
  CHECK(has(troubles_of(world.plan()), "db3: its version 9.7.4 is older than that of db2, 26.7.0"));
  World replicating;
  replicating.data(1);
  replicating.executed(1, std::string{uuids[1]} + ":1-9");
  replicating.executed(0, std::string{uuids[1]} + ":1-8");
  replicating.executed(2, std::string{uuids[1]} + ":1-9");
  replicating.replicates(0, 1);
  CHECK(replicating.plan().primary == "db2");
  CHECK(troubles_of(replicating.plan()).empty());
  replicating.wish.primary = "db1";
  CHECK(has(troubles_of(replicating.plan()), "db1: it replicates from 10.0.0.2:3306 -> choose another primary"));
}

TEST_CASE("What forbids it is named, with what to do") {
  World world;
  world.survey(0).log_bin = false;
  world.survey(1).log_updates = false;
  world.at(2).uuid = uuids[1];
  world.survey(2).filters = {"Binlog_Ignore_DB=tmp"};
  const std::string text = troubles_of(world.plan());
  CHECK(has(text,
            "db1: it writes no binary log -> put into its configuration file under [mysqld]: log_bin = binlog, "
            "log_replica_updates = ON, and restart it"));
  CHECK(has(text, "db2: what it gets by replication is not in its binary log"));
  CHECK(has(text, "db3: it has the same server_uuid as db2"));
  CHECK(has(text, "db3: a filter leaves a part out: Binlog_Ignore_DB=tmp"));
  World gone;
  gone.known[1] = Known{std::nullopt, std::nullopt, false, "2003: no answer"};
  CHECK(has(troubles_of(gone.plan()), "db2: it could not be looked at: 2003: no answer"));
  CHECK(gone.plan().plan.steps.empty());
  World mixed;
  mixed.at(1).version = topology::parse_version("10.11.19-MariaDB");
  CHECK(has(troubles_of(mixed.plan()), "MySQL and MariaDB"));
  World old{"5.6.24"};
  old.survey(0).gtid_mode = "OFF";
  CHECK(has(troubles_of(old.plan()), "can't switch them on while it runs"));
  World accounts;
  accounts.survey(0).accounts.push_back("'zoe'@'%'");
  CHECK(has(troubles_of(accounts.plan()), "db2: db1 has accounts that it has not: 'zoe'@'%'"));
  World socket;
  socket.wish.servers[0].address = {"", 0, "/run/mysqld.sock", ""};
  CHECK(has(troubles_of(socket.plan()), "Unix socket"));
}

TEST_CASE("What can be put right while servers run is put right") {
  World world;
  for (std::size_t i = 0; i < 3; ++i) {
    world.at(i).server_number = 1;
    world.survey(i).gtid_mode = "OFF";
    world.survey(i).gtid_consistency = false;
    world.survey(i).binlog_format = "MIXED";
  }
  const SetUp set_up = world.plan();
  CHECK(troubles_of(set_up).empty());
  const std::string text = text_of(set_up);
  CHECK(has(text, "db2: SET PERSIST server_id = 2;"));
  CHECK(has(text, "db3: SET PERSIST server_id = 3;"));
  CHECK_FALSE(has(text, "db1: SET PERSIST server_id"));
  CHECK(has(text, "db1: SET PERSIST binlog_format = ROW;"));
  CHECK(has(text,
            "SET PERSIST gtid_mode = OFF_PERMISSIVE; SET PERSIST gtid_mode = ON_PERMISSIVE; SET PERSIST gtid_mode = "
            "ON;"));
  CHECK(set_up.plan.notes.empty());
}

TEST_CASE("Names that can't be quoted are refused") {
  World world;
  world.wish.account = "re\npl";
  CHECK_FALSE(world.plan().troubles.empty());
  CHECK(world.plan().plan.steps.empty());
}
