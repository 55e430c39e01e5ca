#include "replication/plan/repair.h"

#include "replication/topology/binlog_state.h"
#include "tests/unit/catch.h"

using namespace wye;
using topology::Flavour;
using topology::GtidSet;

namespace {

constexpr const char* uuids[] = {"3e11fa47-71ca-11e1-9e33-c80aa9429561", "3e11fa47-71ca-11e1-9e33-c80aa9429562"};

std::shared_ptr<const GtidSet> set(Flavour flavour, const std::string& text) {
  auto parsed = GtidSet::parse(flavour, text);
  REQUIRE(parsed);
  return std::make_shared<const GtidSet>(std::move(*parsed));
}

/// db1 is the primary, db2 its replica.
struct World {
  plan::RepairWish wish;
  std::vector<plan::Known> known;
  explicit World(const char* version) {
    for (std::size_t i = 0; i < 2; ++i) {
      plan::Server server;
      server.name = "db" + std::to_string(i + 1);
      server.address = {"10.0.0." + std::to_string(i + 1), 3306, "", ""};
      wish.cluster.servers.push_back(server);
      auto& one = known.emplace_back();
      auto& seen = one.observation.emplace();
      seen.version = topology::parse_version(version);
      seen.server_number = static_cast<std::uint32_t>(i + 1);
      seen.read_only = i == 1;
      one.survey.emplace();
      has(i, seen.version.flavour == Flavour::mysql ? std::string{uuids[0]} + ":1-9" : "0-1-9", "0-1-9");
      if (seen.version.flavour == Flavour::mysql) seen.uuid = uuids[i];
    }
    topology::Channel channel;
    channel.source_host = "10.0.0.1";
    channel.source_port = 3306;
    channel.uses_gtid = channel.receiver_running = channel.applier_running = true;
    at(1).channels.push_back(channel);
    wish.cluster.account = "repl";
    wish.primary = 0;
    wish.target = "db2";
  }
  topology::Observation& at(std::size_t i) { return *known[i].observation; }
  void has(std::size_t i, const std::string& gtids, const std::string& state) {
    at(i).executed = at(i).written = at(i).received = at(i).slave_pos = set(at(i).version.flavour, gtids);
    if (i == 0) at(i).slave_pos = std::make_shared<const GtidSet>();
    if (at(i).version.flavour != Flavour::mariadb) return;
    auto authored = topology::parse_binlog_state(state);
    REQUIRE(authored);
    at(i).authored = std::make_shared<const GtidSet>(std::move(*authored));
  }
  std::string errant() { return plan::errant_text(plan::find_errant(at(1), at(0)), at(0).version.flavour); }
  std::string troubles() const {
    std::string out;
    for (const auto& one : plan_repair(wish, known).troubles) out += one.server + ": " + one.what + " -> " + one.remedy;
    return out;
  }
  std::string sql() const {
    std::string out;
    for (const auto& step : plan_repair(wish, known).plan.steps)
      for (const std::string& one : step.sql) out += step.server + ": " + one + "\n";
    return out;
  }
};

const std::string duplicate =
    "Worker 1 failed executing transaction '3e11fa47-71ca-11e1-9e33-c80aa9429561:4' at source log binlog.000001, "
    "end_log_pos 1257; Could not execute Write_rows event on table shop.t; Duplicate entry '7' for key 't.PRIMARY', "
    "Error_code: 1062; handler error HA_ERR_FOUND_DUPP_KEY; the event's source log binlog.000001, end_log_pos 1257";
const std::string missing =
    "Could not execute Update_rows_v1 event on table shop.t; Can't find record in 't', Error_code: 1032; handler error "
    "HA_ERR_KEY_NOT_FOUND; the event's master log binlog.000002, end_log_pos 972";

}  // namespace

TEST_CASE("what an applier stands at, in the servers' words") {
  auto conflict = plan::read_conflict(duplicate);
  REQUIRE(conflict);
  CHECK(conflict->duplicate());
  CHECK(conflict->table == "shop.t");
  CHECK(conflict->gtid == std::string{uuids[0]} + ":4");
  CHECK(conflict->detail == "Duplicate entry '7' for key 't.PRIMARY'");
  CHECK(conflict->file == "binlog.000001");
  CHECK(conflict->end == 1257);
  conflict = plan::read_conflict(missing);
  REQUIRE(conflict);
  CHECK(conflict->missing());
  CHECK(conflict->event == "Update_rows");
  CHECK(conflict->gtid.empty());
  CHECK(conflict->end == 972);
  CHECK_FALSE(plan::read_conflict("Error 'Table doesn't exist' on query"));
  CHECK_FALSE(plan::read_conflict("Could not execute "));
}

TEST_CASE("errant transactions: MySQL by uuid") {
  World world{"9.7.4"};
  CHECK(world.errant().empty());
  world.has(1, std::string{uuids[0]} + ":1-12", "");  // semi-sync: not yet visible on the primary
  CHECK(world.errant().empty());
  world.has(1, std::string{uuids[0]} + ":1-9," + uuids[1] + ":1-2:5", "");
  CHECK(world.errant() == std::string{uuids[1]} + ":1-2," + uuids[1] + ":5");
}

TEST_CASE("errant transactions: MariaDB by author, where the position says nothing") {
  World world{"10.11.6-MariaDB"};
  CHECK(world.errant().empty());
  world.at(1).slave_pos = set(Flavour::mariadb, "0-1-9");
  world.at(1).written = set(Flavour::mariadb, "0-2-11");
  auto state = topology::parse_binlog_state("0-1-9,0-2-11");
  REQUIRE(state);
  world.at(1).authored = std::make_shared<const GtidSet>(*state);
  CHECK(world.errant() == "0-2-11");
  world.has(0, "0-1-20", "0-1-20");  // the primary is past that number
  CHECK(world.errant() == "0-2-11");
  world.has(0, "0-1-20", "0-1-20,0-2-11");
  CHECK(world.errant().empty());
  world.has(0, "0-1-20", "0-1-20");
  world.at(0).slave_pos = set(Flavour::mariadb, "0-2-15");  // it was filled or promoted after that
  CHECK(world.errant().empty());
}

TEST_CASE("an applier at a row: refused without a word, one transaction with it") {
  World world{"9.7.4"};
  world.at(1).channels.front().applier_running = false;
  world.at(1).channels.front().applier_error = duplicate;
  CHECK(world.troubles().find("has a row that the primary inserts") != std::string::npos);
  world.wish.overwrite = true;
  CHECK(world.troubles().empty());
  CHECK(world.sql().find("UNTIL SQL_AFTER_GTIDS = '" + std::string{uuids[0]} + ":4'") != std::string::npos);
  CHECK(world.sql().find("replica_exec_mode = 'STRICT'") != std::string::npos);

  World mariadb{"10.11.6-MariaDB"};
  mariadb.at(1).channels.front().applier_running = false;
  mariadb.at(1).channels.front().applier_error = missing;
  mariadb.wish.overwrite = true;
  CHECK(mariadb.troubles().find("can't be told which transaction") != std::string::npos);
  mariadb.wish.failing = "0-1-10";
  CHECK(mariadb.sql().find("slave_exec_mode = 'IDEMPOTENT'\ndb2: START SLAVE SQL_THREAD") != std::string::npos);
  CHECK(plan_repair(mariadb.wish, mariadb.known).plan.notes.size() == 1);
}

TEST_CASE("MariaDB, killed behind a DDL: what its binary log has counts as applied") {
  World world{"10.11.6-MariaDB"};
  auto& channel = world.at(1).channels.front();
  world.at(1).written = set(Flavour::mariadb, "0-1-9,3-1-4");
  world.at(1).slave_pos = set(Flavour::mariadb, "0-1-8,2-1-5,3-1-4");
  CHECK_FALSE(plan::applies_again(world.at(1)));  // it is on its way
  channel.applier_running = false;
  CHECK_FALSE(plan::applies_again(world.at(1)));  // somebody has stopped it
  channel.applier_errno = 1950;
  CHECK(plan::applies_again(world.at(1)));
  CHECK(world.sql().find("db2: SET GLOBAL gtid_slave_pos = '0-1-9,2-1-5,3-1-4'\n") != std::string::npos);
  CHECK(world.sql().find("db2: START SLAVE") != std::string::npos);
  world.at(1).slave_pos = set(Flavour::mariadb, "0-1-9,3-1-4");
  CHECK_FALSE(plan::applies_again(world.at(1)));
}

TEST_CASE("transactions of its own are kept only if that is said") {
  World world{"9.7.4"};
  world.has(1, std::string{uuids[0]} + ":1-9," + uuids[1] + ":1-2", "");
  world.wish.located = {{std::string{uuids[1]} + ":1", "binlog.000003", 1300, "Write_rows shop.t"}};
  CHECK(world.troubles().find("binlog.000003:1300: Write_rows shop.t") != std::string::npos);
  world.wish.keep = true;
  CHECK(world.troubles().empty());
  CHECK(world.sql().find("db1: SET SESSION gtid_next = '" + std::string{uuids[1]} + ":2'\ndb1: BEGIN\ndb1: COMMIT") !=
        std::string::npos);
  world.has(1, std::string{uuids[0]} + ":1-9," + uuids[1] + ":1-2000", "");
  CHECK(world.troubles().find("more than a slip") != std::string::npos);
}

TEST_CASE("threads that stand are started; nothing wrong, nothing done") {
  World world{"9.7.4"};
  CHECK(world.troubles().find("nothing is wrong") != std::string::npos);
  world.at(1).channels.front().receiver_running = false;
  CHECK(world.sql().find("START REPLICA") != std::string::npos);
  world.wish.primary.reset();  // MariaDB would throw away what it has received
  CHECK(world.troubles().find("no primary") != std::string::npos);
}
