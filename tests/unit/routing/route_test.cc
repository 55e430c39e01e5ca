#include "proxy/routing/route.h"

#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <stdexcept>

#include "tests/unit/catch.h"

using namespace wye;
using namespace wye::routing;

namespace {

const base::TimePoint now{base::seconds{1000}};

/// Covers every replica but those named behind.
struct NeedButBehind : Need {
  std::set<std::string> behind;
  std::set<std::string> cannot_wait;
  bool covered_by(Consistency level, topology::ServerId, const topology::Server& replica) const override {
    return level == Consistency::eventual || behind.count(replica.name) == 0;
  }
  bool can_wait_for(Consistency, topology::ServerId, const topology::Server& replica) const override {
    return cannot_wait.count(replica.name) == 0;
  }
};

struct World {
  topology::Topology topology;
  SessionView session;
  Options options;
  NeedButBehind need;
  std::vector<Load> load;

  World() {
    for (const char* name : {"p", "r1", "r2"}) {
      topology::Server server;
      server.name = name;
      server.state = topology::State::online;
      server.role = server.name == "p" ? topology::Role::primary : topology::Role::replica;
      server.receiver_running = server.applier_running = server.role == topology::Role::replica;
      if (server.role == topology::Role::replica) server.lag = base::milliseconds{5};
      server.observed_at = now - base::milliseconds{100};
      topology.servers.push_back(server);
    }
    topology.primary = topology::ServerId{0};
    load.resize(3);
  }
  topology::ServerId id(const std::string& name) const {
    for (std::size_t i = 0; i < topology.servers.size(); ++i) {
      if (topology.servers[i].name == name) return static_cast<topology::ServerId>(i);
    }
    throw std::invalid_argument{name};
  }
  void change_session(const std::string& word);
  void change_topology(const std::string& word);
  void change_options(const std::string& word);
  Input input(const sql::Facts& facts) const { return Input{facts, session, topology, need, options, load, now}; }
};

std::string after(const std::string& word, char mark) { return word.substr(word.find(mark) + 1); }

void World::change_session(const std::string& word) {
  if (word == "tx") {
    session.in_transaction = true;
  } else if (word == "ro") {
    session.in_transaction = session.transaction_read_only = true;
    session.transaction_server = id("r1");
  } else if (word == "untouched") {
    session.transaction_untouched = true;
  } else if (word == "beside") {
    session.transaction_beside = true;
  } else if (word == "own") {
    session.reads_own_state = true;
  } else if (word == "ac0") {
    session.autocommit = false;
  } else if (word == "serializable") {
    session.serializable = true;
  } else if (word == "sro") {
    session.session_read_only = true;
  } else if (word == "next") {
    session.next_transaction = true;
  } else if (word == "pinned") {
    session.pinned = true;
  } else if (word.rfind("last=", 0) == 0) {
    session.last_read = id(after(word, '='));
  } else if (word.rfind("prev=", 0) == 0) {
    session.last_statement = id(after(word, '='));
  } else {
    throw std::invalid_argument{word};
  }
}

void World::change_topology(const std::string& word) {
  if (word == "mariadb") {
    topology.flavour = topology::Flavour::mariadb;
    return;
  }
  if (word == "noprimary") {
    topology.primary.reset();
    topology.servers[0].role = topology::Role::unknown;
    topology.servers[0].state = topology::State::offline;
    return;
  }
  topology::Server& server = topology.servers[id(word.substr(0, word.find(':')))];
  const std::string what = after(word, ':');
  if (what == "offline") {
    server.state = topology::State::offline;
  } else if (what == "broken") {
    server.state = topology::State::broken;
  } else if (what == "draining") {
    server.state = topology::State::draining;
  } else if (what == "lagging") {
    server.state = topology::State::lagging;
  } else if (what == "norole") {
    server.role = topology::Role::unknown;
  } else if (what == "noreceiver") {
    server.receiver_running = false;
  } else if (what == "noapplier") {
    server.applier_running = false;
  } else if (what == "nolag") {
    server.lag.reset();
  } else if (what == "old") {
    server.observed_at = now - base::milliseconds{2001};
  } else if (what == "behind") {
    need.behind.insert(server.name);
  } else if (what == "gone") {
    topology.servers.erase(topology.servers.begin() + id(server.name));
  } else if (what.rfind("lag=", 0) == 0) {
    server.lag = base::milliseconds{std::stol(after(what, '='))};
  } else if (what.rfind("weight=", 0) == 0) {
    server.weight = static_cast<unsigned>(std::stoul(after(what, '=')));
  } else if (what.rfind("tag=", 0) == 0) {
    server.tags.push_back(after(what, '='));
  } else {
    throw std::invalid_argument{word};
  }
}

void World::change_options(const std::string& word) {
  const std::string value = after(word, '=');
  if (word == "never") {
    options.reads_on_primary = ReadsOnPrimary::never;
  } else if (word == "always") {
    options.reads_on_primary = ReadsOnPrimary::always;
  } else if (word == "lenient") {
    options.lenient_hints = true;
  } else if (word.rfind("max_lag=", 0) == 0) {
    options.max_lag = base::milliseconds{std::stol(value)};
  } else if (word.rfind("load=", 0) == 0) {
    load[id(value.substr(0, value.find(':')))].outstanding = static_cast<std::uint32_t>(std::stoul(after(value, ':')));
  } else if (word.rfind("latency=", 0) == 0) {
    load[id(value.substr(0, value.find(':')))].latency_us = static_cast<std::uint32_t>(std::stoul(after(value, ':')));
  } else if (word.rfind("consistency=", 0) == 0) {
    options.consistency = value == "eventual"    ? Consistency::eventual
                          : value == "monotonic" ? Consistency::monotonic
                          : value == "session"   ? Consistency::session
                          : value == "primary"   ? Consistency::primary
                                                 : Consistency::global;
  } else {
    throw std::invalid_argument{word};
  }
}

template <class Change>
void for_words(const std::string& list, char separator, Change change) {
  if (list == "-") return;
  std::istringstream in{list};
  for (std::string word; std::getline(in, word, separator);) change(word);
}

std::string server_of(const World& world, const Route& route) {
  return route.server ? world.topology.servers[*route.server].name : "none";
}

}  // namespace

TEST_CASE("sessions that have read nowhere yet are spread over equal replicas, whatever their latency") {
  World world;
  world.load[world.id("r2")].latency_us = 900;
  const auto facts = sql::classify("SELECT 1 FROM t", sql::Dialect{});
  std::map<topology::ServerId, int> taken;
  for (std::uint32_t turn = 0; turn < 10; ++turn) {
    world.session.turn = turn;
    const auto chosen = route(world.input(facts));
    REQUIRE(chosen);
    REQUIRE(chosen->server);
    ++taken[*chosen->server];
  }
  CHECK(taken == std::map<topology::ServerId, int>{{world.id("r1"), 5}, {world.id("r2"), 5}});
  world.load[world.id("r1")].outstanding = 1;
  CHECK(route(world.input(facts))->server == world.id("r2"));
}

TEST_CASE("the table of routes") {
  std::ifstream file{std::string{WYE_TEST_DATA} + "/route.tsv"};
  int rows = 0;
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    if (line.empty() || line[0] == '#') continue;
    std::istringstream in{line};
    std::string statement, session, changes, options, server, reason;
    for (std::string* field : {&statement, &session, &changes, &options, &server, &reason}) {
      std::getline(in, *field, '\t');
    }
    World world;
    for_words(changes, ' ', [&](const std::string& w) { world.change_topology(w); });
    for_words(session, ',', [&](const std::string& w) { world.change_session(w); });
    for_words(options, ' ', [&](const std::string& w) { world.change_options(w); });
    const sql::Facts facts = sql::classify(statement, sql::Dialect{});
    const Input input = world.input(facts);
    const auto result = route(input);
    INFO("line " << number << ": " << line);
    ++rows;
    if (server == "error") {
      CHECK_FALSE(static_cast<bool>(result));
      if (!result) CHECK(result.error().message == "wye: " + reason);
      continue;
    }
    CHECK(static_cast<bool>(result));
    if (!result) continue;
    CHECK(server_of(world, result.value()) == server);
    CHECK(std::string{name(result.value().reason)} == reason);
    std::vector<Candidate> candidates;
    const auto explained = explain(input, candidates);
    CHECK(explained.value().server == result.value().server);
    CHECK(candidates.size() == world.topology.servers.size());
  }
  CHECK(rows > 120);
}

TEST_CASE("explain says of each server why it was not taken") {
  World world;
  world.change_topology("r1:behind");
  const sql::Facts facts = sql::classify("SELECT * FROM t", sql::Dialect{});
  std::vector<Candidate> candidates;
  const auto result = explain(world.input(facts), candidates);
  REQUIRE(result);
  REQUIRE(candidates.size() == 3);
  CHECK(candidates[0].rejected == Rejected::is_primary);
  CHECK(candidates[1].rejected == Rejected::behind);
  CHECK(candidates[2].rejected == Rejected::none);
}

TEST_CASE("every reason and rejection has a name of its own") {
  std::set<std::string> names;
  for (std::size_t i = 0; i < reasons; ++i) names.insert(name(static_cast<Reason>(i)));
  CHECK(names.size() == reasons);
}

TEST_CASE("a load list shorter than the topology means no load") {
  World world;
  world.load.clear();
  const sql::Facts facts = sql::classify("SELECT * FROM t", sql::Dialect{});
  const auto result = route(world.input(facts));
  REQUIRE(result);
  CHECK(result.value().server == topology::ServerId{1});
}

TEST_CASE("a read waits for the best replicas that lack nothing but the position") {
  const sql::Facts facts = sql::classify("SELECT * FROM t", sql::Dialect{});
  World world;
  world.options.wait = base::milliseconds{20};
  for (const char* word : {"r1:behind", "r2:behind"}) world.change_topology(word);
  const auto waits = [&](const sql::Facts& of) {
    const auto result = route(world.input(of));
    REQUIRE(result);
    std::string names;
    for (std::size_t i = 0; i < result->wait.count; ++i)
      names += (i == 0 ? "" : " ") + world.topology.servers[result->wait.servers[i]].name;
    if (!names.empty()) CHECK(result->reason == Reason::replicas_behind);
    return names;
  };
  CHECK(waits(facts) == "r1 r2");
  SECTION("less load first, then the shorter waits") {
    world.load[1].wait_us = 900;
    CHECK(waits(facts) == "r2 r1");
    world.load[2].outstanding = 1;
    CHECK(waits(facts) == "r1 r2");
  }
  SECTION("not where it was in vain, or can't be asked, or is too far behind") {
    world.load[1].no_wait = true;
    CHECK(waits(facts) == "r2");
    world.need.cannot_wait.insert("r2");
    CHECK(waits(facts).empty());
    world.load[1].no_wait = false;
    CHECK(waits(facts) == "r1");
    world.change_topology("r1:lag=1021");
    CHECK(waits(facts).empty());
    world.change_topology("r1:lag=1020");
    CHECK(waits(facts) == "r1");
  }
  SECTION("not for one with another fault") {
    for (const char* fault : {"r1:draining", "r2:noapplier"}) world.change_topology(fault);
    CHECK(waits(facts).empty());
  }
  SECTION("not while another replica has it, nor where the primary reads as well") {
    world.need.behind.erase("r2");
    CHECK(waits(facts).empty());
    CHECK(route(world.input(facts))->server == world.id("r2"));
    world.need.behind.insert("r2");
    world.change_options("always");
    CHECK(waits(facts).empty());
  }
  SECTION("not for statements that need none") {
    for (const char* sql : {"UPDATE t SET a = 1", "SELECT * FROM t FOR UPDATE", "BEGIN", "SELECT * FROM mysql.user"})
      CHECK(waits(sql::classify(sql, sql::Dialect{})).empty());
    CHECK(waits(sql::classify("/* wye: consistency=eventual */ SELECT 1", sql::Dialect{})).empty());
    CHECK(waits(sql::classify("START TRANSACTION READ ONLY", sql::Dialect{})) == "r1 r2");
    world.change_session("tx");
    CHECK(waits(facts).empty());
  }
  SECTION("an error only after the wait, where reads never go to the primary") {
    world.change_options("never");
    CHECK(waits(facts) == "r1 r2");
    world.options.wait = base::milliseconds{0};
    CHECK_FALSE(static_cast<bool>(route(world.input(facts))));
  }
  SECTION("EXPLAIN says so") {
    world.load[1].no_wait = true;
    std::vector<Candidate> candidates;
    REQUIRE(explain(world.input(facts), candidates));
    CHECK_FALSE(candidates[0].would_wait);
    CHECK_FALSE(candidates[1].would_wait);
    CHECK(candidates[2].would_wait);
    CHECK(candidates[2].rejected == Rejected::behind);
  }
}

TEST_CASE("the first read of a READ ONLY transaction is fresh, or the transaction begins again on the primary") {
  const sql::Facts facts = sql::classify("SELECT * FROM t", sql::Dialect{});
  World world;
  world.options.wait = base::milliseconds{20};
  world.change_session("ro");
  world.change_topology("r1:behind");
  CHECK(route(world.input(facts))->server == world.id("r1"));  // it has read before
  world.session.transaction_untouched = true;
  auto first = route(world.input(facts));
  CHECK(first->server == world.id("p"));
  REQUIRE(first->wait.count == 1);  // r2 has it, but the transaction is on r1
  CHECK(first->wait.servers[0] == world.id("r1"));
  world.need.cannot_wait.insert("r1");
  first = route(world.input(facts));
  CHECK(first->server == world.id("p"));
  CHECK(first->reason == Reason::replicas_behind);
  CHECK(first->wait.count == 0);
  CHECK(route(world.input(sql::classify("COMMIT", sql::Dialect{})))->server == world.id("r1"));
  world.need.behind.clear();
  CHECK(route(world.input(facts))->server == world.id("r1"));
}
