#include "replication/plan/provision.h"

#include <algorithm>

#include "tests/unit/catch.h"

using namespace wye;
using plan::Copy;
using plan::Known;
using plan::Provision;
using plan::ProvisionWish;
using topology::GtidSet;

namespace {

constexpr const char* uuids[] = {"3e11fa47-71ca-11e1-9e33-c80aa9429561", "3e11fa47-71ca-11e1-9e33-c80aa9429562",
                                 "3e11fa47-71ca-11e1-9e33-c80aa9429563"};
const std::string mysql_done = std::string{uuids[0]} + ":1-9";

/// db1 is the primary, db2 its replica, db3 is empty.
struct World {
  ProvisionWish wish;
  std::vector<Known> known;

  explicit World(const char* version = "9.7.4") {
    for (std::size_t i = 0; i < 3; ++i) {
      plan::Server server;
      server.name = "db" + std::to_string(i + 1);
      server.address = {"10.0.0." + std::to_string(i + 1), 3306, "", ""};
      wish.cluster.servers.push_back(server);
      wish.standings.push_back({i < 2, base::milliseconds{0}, 0});
      known.emplace_back();
      auto& seen = known.back().observation.emplace();
      seen.version = topology::parse_version(version);
      seen.server_number = static_cast<std::uint32_t>(i + 1);
      seen.hostname = server.name;
      seen.port = 3306;
      const bool mysql = seen.version.flavour == topology::Flavour::mysql;
      if (mysql) seen.uuid = uuids[i];
      executed(i, i == 2 ? "" : mysql ? mysql_done : "0-1-9");
      auto& survey = known.back().survey.emplace();
      survey.log_bin = survey.log_updates = true;
      survey.binlog_format = "ROW";
      survey.gtid_mode = mysql ? "ON" : "";
      survey.gtid_consistency = true;
      survey.gtid_strict_mode = true;
      survey.with_data = survey.sees_all = true;
      survey.accounts = {"'repl'@'%'", "'root'@'localhost'", "'wye'@'%'"};
      survey.grants = {"GRANT ALL PRIVILEGES ON *.* TO `wye`@`%`"};
      survey.clone_plugin = true;
      if (i < 2) survey.schemas = {{"shop", 3, 0}};
    }
    wish.cluster.account = "repl";
    wish.cluster.own_account = "wye";
    wish.primary = 0;
    wish.target = "db3";
  }
  topology::Observation& at(std::size_t i) { return *known[i].observation; }
  topology::Survey& survey(std::size_t i) { return *known[i].survey; }
  void executed(std::size_t i, const std::string& text) {
    auto set = GtidSet::parse(at(i).version.flavour, text);
    REQUIRE(set);
    at(i).executed = at(i).written = at(i).received = std::make_shared<const GtidSet>(*set);
  }
  Provision plan() const { return plan_provision(wish, known); }
  std::string troubles() const {
    std::string out;
    for (const auto& one : plan().troubles) out += one.server + ": " + one.what + " -> " + one.remedy + "\n";
    return out;
  }
};

const plan::Step& copy_step(const Provision& provision) {
  const auto at = std::find_if(provision.plan.steps.begin(), provision.plan.steps.end(),
                               [](const plan::Step& step) { return step.copy.way != Copy::Way::none; });
  REQUIRE(at != provision.plan.steps.end());
  return *at;
}

}  // namespace

TEST_CASE("an empty server is filled by CLONE from a replica") {
  const World world;
  const Provision out = world.plan();
  CHECK(world.troubles() == "");
  CHECK(out.donor == "db2");
  CHECK(out.plan.operation == "PROVISION db3 FROM db2");
  const plan::Step& step = copy_step(out);
  CHECK(step.copy.way == Copy::Way::clone);
  CHECK(step.copy.quiet_donor);
  CHECK(step.sql.back() == std::string{"CLONE INSTANCE FROM 'wye'@'10.0.0.2':3306 IDENTIFIED BY "} + plan::own_mark);
  CHECK(plan::masked(step.sql.back()).ends_with("IDENTIFIED BY <secret>"));
  CHECK(out.plan.steps.back().check.find("GTID_SUBSET('" + mysql_done) != std::string::npos);
  for (const auto& other : out.plan.steps) CHECK((other.server == "db3" || other.sql.empty()));
}

TEST_CASE("what CLONE can't do is dumped and loaded, and the note says why") {
  World world;
  SECTION("asked for") { world.wish.by_dump = true; }
  SECTION("tables that it leaves empty") { world.survey(1).not_innodb = {"shop.log (MyISAM)"}; }
  SECTION("another series") { world.at(2).version = topology::parse_version("9.8.0"); }
  const Provision out = world.plan();
  CHECK(world.troubles() == "");
  const plan::Step& step = copy_step(out);
  CHECK(step.copy.way == Copy::Way::dump);
  CHECK(step.check == "SELECT @@GLOBAL.gtid_executed <> ''");
  REQUIRE(!out.plan.notes.empty());
  CHECK(out.plan.notes.front().starts_with("by dump and load, not by CLONE: "));
}

TEST_CASE("MariaDB and MySQL 5.6 know dump and load only") {
  for (const char* version : {"10.11.19-MariaDB", "5.6.24"}) {
    World world{version};
    const Provision out = world.plan();
    CHECK(world.troubles() == "");
    CHECK(copy_step(out).copy.way == Copy::Way::dump);
    world.wish.no_tools = "there is no mysqldump";
    CHECK(world.troubles().find("there is no mysqldump") != std::string::npos);
  }
}

TEST_CASE("the donor") {
  World world;
  SECTION("one that is named, though it is the primary") {
    world.wish.donor = "db1";
    CHECK(world.plan().donor == "db1");
    CHECK(!copy_step(world.plan()).copy.quiet_donor);
  }
  SECTION("no replica in good state") {
    world.wish.standings[1].online = false;
    CHECK(world.plan().donor == "db1");
  }
  SECTION("a replica with transactions of its own") {
    world.executed(1, mysql_done + "," + uuids[1] + ":1");
    CHECK(world.plan().donor == "db1");
    world.wish.donor = "db2";
    CHECK(world.troubles().find("transactions that the primary has not") != std::string::npos);
  }
  SECTION("a replica that lacks what the target had") {
    world.executed(0, mysql_done + "," + uuids[2] + ":1-3");
    world.executed(2, std::string{uuids[2]} + ":1-3");
    CHECK(world.plan().donor == "db1");
  }
  SECTION("unknown, or the target") {
    world.wish.donor = "db9";
    CHECK(world.troubles().find("no such server") != std::string::npos);
    world.wish.donor = "db3";
    CHECK(world.troubles().find("that is to be filled") != std::string::npos);
  }
}

TEST_CASE("a donor that died is not asked again, and its number stays its own") {
  World world;
  world.wish.standings[1].server_number = 2;
  world.known[1] = {};
  world.known[1].failure = "2003: refused";
  world.wish.died = {"db2"};
  world.at(2).server_number = 1;
  CHECK(world.troubles() == "");
  CHECK(world.plan().donor == "db1");
  CHECK(world.plan().plan.steps.front().what == "server_id = 3");
}

TEST_CASE("what is refused") {
  World world;
  SECTION("a target with data") {
    world.survey(2).schemas = {{"mine", 1, 0}};
    CHECK(world.troubles() == "db3: it has data: mine (1 table) -> if that may go: PROVISION db3 OVERWRITE\n");
    world.wish.overwrite = true;
    CHECK(world.troubles() == "");
    // Not without a guard that it is still what was seen.
    CHECK(copy_step(world.plan()).guard.find("gtid_executed") != std::string::npos);
  }
  SECTION("by itself only what has nothing of its own") {
    world.survey(2).schemas = {{"shop", 1, 0}};
    world.executed(2, std::string{uuids[0]} + ":1-4");
    world.wish.unasked = true;
    CHECK(world.troubles() == "");
    world.executed(2, std::string{uuids[0]} + ":1-4," + uuids[2] + ":1");
    CHECK(world.troubles().find("it has data") != std::string::npos);
  }
  SECTION("no primary") {
    world.wish.primary.reset();
    CHECK(world.troubles().find("no primary") != std::string::npos);
  }
  SECTION("the primary") {
    world.wish.target = "db1";
    CHECK(world.troubles().find("it is the primary") != std::string::npos);
  }
  SECTION("an unknown server, or one that is gone") {
    world.wish.target = "db9";
    CHECK(world.troubles().find("no such server") != std::string::npos);
    world.wish.target = "db3";
    world.known[2] = {};
    world.known[2].failure = "2003: refused";
    CHECK(world.troubles().find("2003") != std::string::npos);
  }
  SECTION("rights") {
    world.survey(2).grants = {"GRANT SELECT, DROP ON *.* TO `wye`@`%`", "GRANT INSERT ON `a`.* TO `wye`@`%`"};
    const std::string text = world.troubles();  // and no CLONE_ADMIN: so it would be a dump
    CHECK(text.find("CREATE, ALTER, INSERT") != std::string::npos);
    CHECK(text.find("DROP,") == std::string::npos);
  }
  SECTION("no account for replicas") {
    world.survey(0).accounts.clear();
    CHECK(world.troubles().find("no account 'repl'") != std::string::npos);
  }
  SECTION("an older target") {
    world.at(2).version = topology::parse_version("8.4.0");
    CHECK(world.troubles().find("older than that of the primary") != std::string::npos);
  }
}

TEST_CASE("a target with another one's server_id gets its own") {
  World world;
  world.at(2).server_number = 1;
  const auto steps = world.plan().plan.steps;
  CHECK(std::any_of(steps.begin(), steps.end(), [](const plan::Step& s) { return s.what == "server_id = 3"; }));
}

TEST_CASE("rights as SHOW GRANTS lists them") {
  const std::vector<std::string> grants{"GRANT SELECT, SHOW VIEW ON *.* TO `wye`@`%` WITH GRANT OPTION",
                                        "GRANT BACKUP_ADMIN,CLONE_ADMIN,SYSTEM_USER ON *.* TO `wye`@`%`",
                                        "GRANT DROP ON `shop`.* TO `wye`@`%`"};
  for (const char* one : {"SELECT", "SHOW VIEW", "BACKUP_ADMIN", "CLONE_ADMIN", "SYSTEM_USER"})
    CHECK(plan::is_granted(grants, one));
  for (const char* one : {"DROP", "SHOW", "VIEW", "CLONE"}) CHECK(!plan::is_granted(grants, one));
}

TEST_CASE("versions that CLONE goes between") {
  const auto why = [](const char* from, const char* to) {
    World world;
    world.at(1).version = topology::parse_version(from);
    world.at(2).version = topology::parse_version(to);
    return plan::why_no_clone(world.known[1], world.wish.cluster.servers[1].address, world.known[2]);
  };
  CHECK(why("8.0.17", "8.0.17").empty());
  CHECK(!why("8.0.17", "8.0.18").empty());
  CHECK(why("8.0.37", "8.0.40").empty());
  CHECK(!why("8.0.40", "8.0.37").empty());
  CHECK(!why("8.0.40", "8.4.0").empty());
  CHECK(why("26.7.0", "26.7.1").empty());
  CHECK(!why("5.7.44", "5.7.44").empty());
}
