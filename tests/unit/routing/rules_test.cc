#include "proxy/routing/rules.h"

#include <fstream>
#include <set>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "proxy/sql/digest.h"
#include "tests/unit/catch.h"

using namespace wye;
using namespace wye::routing;

namespace {

const base::TimePoint now{base::seconds{1000}};

std::vector<config::Rule> rules_of(const std::string& yaml) {
  const auto loaded = config::load_text(
      "servers: [{name: p, address: a}, {name: r1, address: b}, {name: r2, address: c, tags: [slow]}]\n"
      "monitor: {user: wye, password: x}\nrouting: {rules: [" +
      yaml + "]}\n");
  for (const auto& m : loaded.mistakes) FAIL(m.text);
  return loaded.config->routing.rules;
}

std::shared_ptr<const Rules> made(const std::string& yaml, std::size_t workers = 1, const Rules* before = nullptr) {
  auto rules = Rules::make(rules_of(yaml), workers, before);
  REQUIRE(rules);
  return *rules;
}

struct NeedButBehind : Need {
  std::set<std::string> behind;
  bool covered_by(Consistency level, topology::ServerId, const topology::Server& replica) const override {
    return level == Consistency::eventual || behind.count(replica.name) == 0;
  }
};

/// A primary, a fresh replica, and one with a tag that is 20 s behind.
struct World {
  topology::Topology topology;
  SessionView session;
  Options options;
  NeedButBehind need;
  std::string user, schema, client;

  World() {
    for (const char* name : {"p", "r1", "r2"}) {
      topology::Server server;
      server.name = name;
      server.state = topology::State::online;
      server.role = server.name == "p" ? topology::Role::primary : topology::Role::replica;
      server.receiver_running = server.applier_running = server.role == topology::Role::replica;
      if (server.name == "r1") server.lag = base::milliseconds{5};
      if (server.name == "r2") server.lag = base::milliseconds{20'000};
      if (server.name == "r2") server.tags = {"slow"};
      server.observed_at = now;
      topology.servers.push_back(server);
    }
    topology.primary = topology::ServerId{0};
  }
  void change(const std::string& word) {
    const std::string value = word.substr(word.find('=') + 1);
    if (word == "tx") {
      session.in_transaction = true;
    } else if (word == "ro") {
      session.in_transaction = session.transaction_read_only = true;
      session.transaction_server = topology::ServerId{1};
    } else if (word == "ac0") {
      session.autocommit = false;
    } else if (word == "pinned") {
      session.pinned = true;
    } else if (word == "serializable") {
      session.serializable = true;
    } else if (word == "never") {
      options.reads_on_primary = ReadsOnPrimary::never;
    } else if (word == "noprimary") {
      topology.primary.reset();
      topology.servers[0].role = topology::Role::unknown;
      topology.servers[0].state = topology::State::offline;
    } else if (word == "r1:offline") {
      topology.servers[1].state = topology::State::offline;
    } else if (word == "r1:behind") {
      need.behind.insert("r1");
    } else if (word.rfind("user=", 0) == 0) {
      user = value;
    } else if (word.rfind("schema=", 0) == 0) {
      schema = value;
    } else if (word.rfind("client=", 0) == 0) {
      client = value;
    } else {
      throw std::invalid_argument{word};
    }
  }
};

std::string with(std::string text, const std::string& what, const std::string& by) {
  for (std::size_t at; (at = text.find(what)) != std::string::npos;) text.replace(at, what.size(), by);
  return text;
}

}  // namespace

TEST_CASE("the table of rules") {
  std::ifstream file{std::string{WYE_TEST_DATA} + "/rules.tsv"};
  const std::string digest = sql::in_hex(sql::digest("SELECT a FROM t WHERE b = 1", sql::Dialect{}).hash);
  int rows = 0;
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    if (line.empty() || line[0] == '#') continue;
    INFO("line " << number << ": " << line);
    ++rows;
    std::istringstream in{line};
    std::string yaml, changes, statement, server, reason, rule_words;
    for (std::string* field : {&yaml, &changes, &statement, &server, &reason, &rule_words})
      std::getline(in, *field, '\t');
    statement = with(statement, "\\n", "\n");
    World world;
    std::istringstream words{changes == "-" ? "" : changes};
    for (std::string word; words >> word;) world.change(word);
    const auto rules = made(with(yaml, "DIGEST", digest));
    const sql::Dialect dialect;
    sql::Digester digester{dialect};  // it keeps a reference
    const sql::Facts facts = sql::classify(statement, dialect, &digester);
    const auto client = protocol::IpAddress::parse(world.client);
    const Rule* const rule = rules->match(
        {world.user, world.schema, statement, client ? &*client : nullptr, digester.finish(true).hash, sql::Dialect{}});
    const std::vector<Load> load;
    const auto result = route({facts, world.session, world.topology, world.need, world.options, load, now, rule});
    if (server == "error") {
      CHECK_FALSE(static_cast<bool>(result));
      if (!result) CHECK(result.error().message == "wye: " + reason);
      continue;
    }
    REQUIRE(result);
    CHECK((result->server ? world.topology.servers[*result->server].name : "none") == server);
    CHECK(std::string{name(result->reason)} == reason);
    const std::string said = rule_in_words(rule, facts, result->reason);
    CHECK((said.empty() ? "-" : said) == rule_words);
  }
  CHECK(rows > 85);
}

TEST_CASE("a text whose end is not seen is moved by no rule") {
  sql::Facts facts = sql::classify("SELECT * FROM mysql.user", sql::Dialect{});
  CHECK(rule_may_move(facts));
  facts.effects |= sql::fx_may_commit_unreported;
  CHECK_FALSE(rule_may_move(facts));
}

TEST_CASE("any bytes may be matched") {
  const auto rules = made("{regex: 'a.*b', route: primary}");
  const std::string text{"SELECT 'a\xff\x00\xe4\n b'", 15};
  CHECK(rules->match({{}, {}, text, nullptr, 0, {}}) != nullptr);
}

TEST_CASE("rules say what they match and set") {
  const auto rules = made(
      "{name: reports, user: [report, bi], client: 10.0.0.0/8, table: orders, route: server=r2, max_lag: 1h},"
      "{regex: 'x', timeout: 250ms}, {reject: 'no'}");
  const auto& all = rules->all();
  REQUIRE(all.size() == 3);
  CHECK(all[0].matches == "user report or bi, client 10.0.0.0/8, table orders");
  CHECK(all[0].sets == "route server=r2, max_lag 1h");
  CHECK(all[1].name == "rule2");
  CHECK(all[1].matches == "text like /x/");
  CHECK(all[1].sets == "timeout 250ms");
  CHECK(all[2].matches == "every statement");
  CHECK(all[2].sets == "reject \"no\"");
  CHECK(made("") == nullptr);
}

TEST_CASE("hits are counted by many workers, and go on over a reload") {
  const auto rules = made("{name: a, user: x, route: primary}, {name: b, user: y, route: primary}", 4);
  std::vector<std::jthread> workers;
  for (std::size_t w = 0; w < 4; ++w) {
    workers.emplace_back([&rules, w] {
      for (int i = 0; i < 1000; ++i) rules->match({"x", {}, "SELECT 1", nullptr, 0, {}})->hits->add(w);
    });
  }
  workers.clear();
  CHECK(rules->all()[0].hits->value() == 4000);
  const auto next = made("{name: c, user: z, route: primary}, {name: a, user: w, route: replica}", 4, rules.get());
  CHECK(next->all()[0].hits->value() == 0);
  CHECK(next->all()[1].hits->value() == 4000);
}
