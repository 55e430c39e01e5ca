#include "replication/plan/membership.h"

#include <algorithm>

#include "replication/plan/choose_primary.h"
#include "replication/topology/binlog_state.h"
#include "tests/unit/catch.h"

using namespace wye;
using plan::AddWish;
using plan::Copy;
using plan::Known;
using plan::Membership;
using plan::RemoveWish;
using topology::GtidSet;

namespace {

constexpr const char* uuids[] = {"3e11fa47-71ca-11e1-9e33-c80aa9429561", "3e11fa47-71ca-11e1-9e33-c80aa9429562",
                                 "3e11fa47-71ca-11e1-9e33-c80aa9429563"};

/// db1 is the primary, db2 its replica, db3 the new one.
struct World {
  AddWish add;
  std::vector<Known> known;
  std::string done;

  explicit World(const char* version = "9.7.4") {
    for (std::size_t i = 0; i < 3; ++i) {
      plan::Server server;
      server.name = "db" + std::to_string(i + 1);
      server.address = {"10.0.0." + std::to_string(i + 1), 3306, "", ""};
      add.fill.cluster.servers.push_back(server);
      add.fill.standings.push_back({i < 2, base::milliseconds{0}});
      known.emplace_back();
      auto& seen = known.back().observation.emplace();
      seen.version = topology::parse_version(version);
      seen.server_number = static_cast<std::uint32_t>(i + 1);
      seen.hostname = server.name;
      seen.port = 3306;
      const bool mysql = seen.version.flavour == topology::Flavour::mysql;
      if (mysql) seen.uuid = uuids[i];
      done = mysql ? std::string{uuids[0]} + ":1-9" : "0-1-9";
      executed(i, i == 2 ? "" : done);
      auto& survey = known.back().survey.emplace();
      survey.log_bin = survey.log_updates = survey.gtid_consistency = survey.gtid_strict_mode = true;
      survey.binlog_format = "ROW";
      survey.gtid_mode = mysql ? "ON" : "";
      survey.with_data = survey.sees_all = survey.clone_plugin = true;
      survey.accounts = {"'repl'@'%'", "'wye'@'%'"};
      survey.grants = {"GRANT ALL PRIVILEGES ON *.* TO `wye`@`%`"};
      if (i < 2) survey.schemas = {{"shop", 3, 0}};
    }
    follows(1, 0);
    add.fill.cluster.account = "repl";
    add.fill.cluster.own_account = "wye";
    add.fill.primary = 0;
    add.fill.target = "db3";
    add.fill.adding = true;
    add.address = "10.0.0.3:3306";
  }
  topology::Observation& at(std::size_t i) { return *known[i].observation; }
  topology::Survey& survey(std::size_t i) { return *known[i].survey; }
  void executed(std::size_t i, const std::string& text) {
    auto set = GtidSet::parse(at(i).version.flavour, text);
    REQUIRE(set);
    at(i).executed = at(i).written = at(i).received = std::make_shared<const GtidSet>(*set);
  }
  void follows(std::size_t replica, std::size_t source) {
    topology::Channel channel;
    channel.source_host = "10.0.0." + std::to_string(source + 1);
    channel.source_port = 3306;
    channel.receiver_started = channel.receiver_running = channel.applier_running = channel.uses_gtid = true;
    at(replica).channels = {channel};
    at(replica).read_only = true;
  }
  std::string troubles() const {
    std::string out;
    for (const auto& one : plan_add(add, known).troubles) out += one.server + ": " + one.what + "\n";
    return out;
  }
  RemoveWish remove() const {
    RemoveWish wish;
    wish.cluster = add.fill.cluster;
    wish.target = "db2";
    wish.address = "10.0.0.2:3306";
    wish.primary = 0;
    return wish;
  }
};

bool copies(const plan::Provision& provision) {
  return std::any_of(provision.plan.steps.begin(), provision.plan.steps.end(),
                     [](const plan::Step& step) { return step.copy.way != Copy::Way::none; });
}

std::string troubles_of(const plan::Removal& removal) {
  std::string out;
  for (const auto& one : removal.troubles) out += one.server + ": " + one.what + "\n";
  return out;
}

}  // namespace

TEST_CASE("ADD SERVER fills an empty server, which joins when all of that is done") {
  for (const char* version : {"9.7.4", "10.11.19-MariaDB", "5.6.24"}) {
    const World world{version};
    const auto out = plan_add(world.add, world.known);
    CHECK(world.troubles() == "");
    CHECK(copies(out));
    CHECK(out.plan.operation == "ADD SERVER db3 FROM db2");
    CHECK(out.plan.membership == Membership{Membership::Kind::joins, "db3", "10.0.0.3:3306"});
    CHECK(out.plan.steps.back().what == "what db1 had done has arrived");
  }
}

TEST_CASE("ADD SERVER copies nothing to a copy") {
  World world;
  world.survey(2).schemas = {{"shop", 3, 0}};
  world.executed(2, std::string{uuids[0]} + ":1-5");
  const auto follows = [&] {
    const auto out = plan_add(world.add, world.known);
    return std::any_of(out.plan.steps.begin(), out.plan.steps.end(),
                       [](const plan::Step& step) { return step.what == "follow db1"; });
  };
  CHECK(world.troubles() == "");
  CHECK_FALSE(copies(plan_add(world.add, world.known)));
  SECTION("it follows") { CHECK(follows()); }
  SECTION("it follows already") {
    world.follows(2, 0);
    CHECK_FALSE(follows());
  }
  SECTION("the primary has not kept what it lacks") {
    auto purged = GtidSet::parse(topology::Flavour::mysql, std::string{uuids[0]} + ":1-7");
    REQUIRE(purged);
    world.survey(0).purged = *purged;
    CHECK(world.troubles().find("it has data: shop (3 tables)") != std::string::npos);
    world.add.fill.overwrite = true;
    CHECK(copies(plan_add(world.add, world.known)));
  }
  SECTION("it claims to have what it can't have without a table") {
    world.survey(2).schemas.clear();
    CHECK(copies(plan_add(world.add, world.known)));
  }
  SECTION("it has transactions of its own") {
    world.executed(2, world.done + "," + uuids[2] + ":1");
    CHECK(world.troubles().find("it has data") != std::string::npos);
  }
}

TEST_CASE("ADD SERVER goes by MariaDB's gtid_slave_pos, from which it goes on") {
  World world{"10.11.19-MariaDB"};
  world.survey(2).schemas = {{"shop", 3, 0}};
  CHECK(world.troubles().find("it has data: shop") != std::string::npos);
  auto had = GtidSet::parse(topology::Flavour::mariadb, "0-1-5");
  REQUIRE(had);
  world.at(2).slave_pos = std::make_shared<const GtidSet>(*had);
  CHECK(world.troubles() == "");
  CHECK_FALSE(copies(plan_add(world.add, world.known)));
  auto mine = topology::parse_binlog_state("0-3-6"), theirs = topology::parse_binlog_state("0-1-9");
  REQUIRE((mine && theirs));
  world.at(2).authored = std::make_shared<const GtidSet>(*mine);  // not by replication
  world.at(0).authored = std::make_shared<const GtidSet>(*theirs);
  CHECK(world.troubles().find("it has data: shop") != std::string::npos);
}

TEST_CASE("ADD SERVER refuses, and does nothing") {
  World world;
  std::string words;
  SECTION("not to be seen") {
    world.known[2] = {};
    world.known[2].failure = "1045: Access denied";
    words = "could not be looked at: 1045";
  }
  SECTION("one that is there already") {
    world.add.twin = "db2";
    words = "10.0.0.3:3306 is db2, which is here already";
  }
  SECTION("a copied data folder") {
    world.at(2).uuid = uuids[1];
    words = "same server_uuid as db2";
  }
  SECTION("a copied data folder of the primary's") {
    world.at(2).uuid = uuids[0];
    words = "same server_uuid as db1";
  }
  SECTION("another flavour") {
    world.at(2).version = topology::parse_version("10.11.19-MariaDB");
    world.at(2).uuid.clear();
    words = "MySQL and MariaDB";
  }
  SECTION("an older version") {
    world.at(2).version = topology::parse_version("8.4.0");
    words = "is older than that of the primary";
  }
  SECTION("data of its own") {
    world.survey(2).schemas = {{"own", 1, 0}};
    words = "it has data: own (1 table)";
  }
  SECTION("another cluster's replica") {
    world.follows(2, 8);
    words = "it replicates from 10.0.0.9:3306, which is none of these";
  }
  SECTION("rights") {
    world.survey(2).grants = {"GRANT SELECT ON *.* TO `wye`@`%`"};
    words = "lacks rights";
  }
  SECTION("no primary") {
    world.add.fill.primary.reset();
    words = "no primary";
  }
  INFO(world.troubles());
  CHECK(world.troubles().find(words) != std::string::npos);
  CHECK(plan_add(world.add, world.known).plan.steps.empty());
}

TEST_CASE("ADD SERVER without a right to change anything takes replicas as they are") {
  World world;
  world.add.manages = false;
  CHECK(world.troubles().find("replication.mode is observe") != std::string::npos);
  world.follows(2, 1);
  CHECK(world.troubles() == "");
  CHECK(plan_add(world.add, world.known).plan.steps.empty());
  CHECK(plan_add(world.add, world.known).plan.membership.kind == Membership::Kind::joins);
}

TEST_CASE("REMOVE SERVER ends replication there") {
  World world;
  world.known.pop_back();
  RemoveWish wish = world.remove();
  wish.cluster.servers.pop_back();
  auto out = plan_remove(wish, world.known);
  REQUIRE(out.plan.steps.size() == 1);
  CHECK(out.plan.steps.front().sql == std::vector<std::string>{"STOP REPLICA", "RESET REPLICA ALL"});
  CHECK(out.plan.steps.front().undo.size() == 2);
  CHECK(out.plan.membership == Membership{Membership::Kind::leaves, "db2", "10.0.0.2:3306"});
  SECTION("not one that is dead") {
    world.known[1] = {};
    world.known[1].failure = "2003: refused";
    out = plan_remove(wish, world.known);
    CHECK(out.plan.steps.empty());
    CHECK(out.plan.notes.front().find("does not answer (2003: refused)") != std::string::npos);
  }
  SECTION("not where wye only watches") {
    wish.manages = false;
    CHECK(plan_remove(wish, world.known).plan.steps.empty());
  }
  SECTION("what the file names") {
    wish.file_names_it = true;
    CHECK(plan_remove(wish, world.known).plan.notes.back().starts_with("the configuration file names db2"));
  }
  SECTION("the last that acknowledges") {
    world.at(0).semi_sync.emplace().source_enabled = true;
    world.at(0).semi_sync->clients = 1;
    world.at(1).semi_sync.emplace().replica_active = true;
    CHECK(plan_remove(wish, world.known).plan.notes.back().starts_with("no other replica acknowledges"));
  }
}

TEST_CASE("REMOVE SERVER refuses") {
  World world;
  RemoveWish wish = world.remove();
  std::string words;
  SECTION("the primary") {
    wish.target = "db1";
    words = "it is the primary";
  }
  SECTION("the last that was the primary") {
    wish.primary.reset();
    wish.last_primary = "db2";
    words = "it was the primary";
  }
  SECTION("nobody") {
    wish.target = "db9";
    words = "no such server";
  }
  SECTION("a source") {
    world.follows(2, 1);
    words = "others replicate from it: db3";
  }
  const auto out = plan_remove(wish, world.known);
  CHECK(troubles_of(out).find(words) != std::string::npos);
  CHECK(out.plan.steps.empty());
}

TEST_CASE("A place whose server is gone is nobody's") {
  World world;
  plan::Settings settings;
  settings.servers = world.add.fill.cluster.servers;
  settings.servers[1].removed = true;
  std::vector<plan::Sight> sights(3);
  const base::TimePoint now = base::Clock::now();
  for (const std::size_t i : {std::size_t{0}, std::size_t{2}}) {
    world.at(i).began = now;
    sights[i].observation = std::make_shared<const topology::Observation>(world.at(i));
  }
  topology::Channel to_gone;
  to_gone.source_host = "10.0.0.2";
  to_gone.source_port = 3306;
  CHECK_FALSE(plan::find_source(to_gone, settings, sights));
  SECTION("and an empty one that is only just added is no second primary") {
    sights[2].held = "it is being added";
    plan::Memory memory;
    const auto topology = plan::derive(settings, sights, memory, now);
    CHECK(topology.primary == topology::ServerId{0});
    CHECK(topology.servers[1].removed);
    CHECK(topology.servers[1].state == topology::State::offline);
    CHECK(topology.servers[2].state != topology::State::online);
  }
}
