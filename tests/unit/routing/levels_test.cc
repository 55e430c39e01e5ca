#include "proxy/routing/levels.h"

#include <fstream>
#include <sstream>
#include <stdexcept>

#include "proxy/routing/token.h"
#include "tests/unit/catch.h"

namespace wye::routing {
namespace {

using topology::Flavour;
using topology::GtidSet;
using topology::ServerId;

constexpr const char* uuid = "3e11fa47-71ca-11e1-9e33-c80aa9429562";
constexpr base::milliseconds interval{100};

GtidSet through(const std::string& number) {
  auto set = GtidSet::parse(Flavour::mysql, std::string(uuid) + ":1-" + number);
  REQUIRE(set);
  return *set;
}

/// One session, the primary p and the replicas r1 and r2, and what happens to them.
struct Story {
  Frontier frontier;
  FrontierNeed need{frontier, interval};
  SessionPosition position;
  std::optional<GtidSet> token;
  topology::Topology topology;
  base::TimePoint now{base::seconds{1000}};

  Story() {
    topology.epoch = 1;
    topology.primary = ServerId{0};
    topology.servers.resize(3);
    for (auto& server : topology.servers) {
      server.role = &server == &topology.servers[0] ? topology::Role::primary : topology::Role::replica;
      server.state = topology::State::online;
      server.version.number = 80'400;
      server.executed = std::make_shared<GtidSet>(through("1"));
      server.observed_at = now;
    }
    need.observe(topology);
    frontier.raise(through("1"));
  }
  static ServerId id(const std::string& name) {
    if (name != "p" && name != "r1" && name != "r2") throw std::invalid_argument{name};
    return static_cast<ServerId>(name == "p" ? 0 : name[1] - '0');
  }
  void observe(const std::string& name, const std::string& number, base::milliseconds later) {
    now += later;
    auto& server = topology.servers[id(name)];
    server.executed = std::make_shared<GtidSet>(through(number));
    server.observed_at = now;
    need.observe(topology);
  }
  void fail_over(const std::string& number) {
    topology.epoch = 2;
    topology.primary = ServerId{2};
    observe("r2", number, interval);
    observe("r2", number, interval);
  }
  void ask(const std::string& server, const std::string& number) {
    Goal goal;
    goal.numbers = {std::stoul(number)};
    need.positions().proved(id(server), need.positions().life(id(server)), goal, now);
  }
  void happens(const std::string& what, const std::string& to, const std::string& number);
  void step(const std::string& word) {
    now += base::milliseconds{1};
    position.follow(need.sightings());
    const auto colon = word.find(':'), equals = word.find('=');
    const std::string number = equals == std::string::npos ? "" : word.substr(equals + 1);
    const std::string name = word.substr(0, equals);
    if (colon != std::string::npos) return happens(word.substr(0, colon), name.substr(colon + 1), number);
    if (name == "unnamed") return position.wrote_unnamed(0, now);
    if (name == "failover") return fail_over(number);
    if (name == "token") return void(token = through(number));
    if (name == "asked") return position.learned(0, std::make_shared<GtidSet>(through(number)), now);
    if (number.empty()) return position.saw(id(name), now, false);
    observe(name, number, interval);
  }
  std::string verdict(Consistency level) {
    position.follow(need.sightings());
    std::string all;
    for (const char* name : {"r1", "r2"}) {
      const LevelNeed levels(need, position, token ? &*token : nullptr);
      const auto& server = topology.servers[id(name)];
      const bool covered = levels.covered_by(level, id(name), server);
      const bool waits = levels.can_wait_for(level, id(name), server);
      all += all.empty() ? "" : " ";
      all += covered ? "" : waits ? "+" : levels.primary_may_tell() ? "?" : "-";
      all += name;
      const auto goal = levels.freeze(level);
      CHECK(need.covers(id(name), server, goal) == covered);
      if (!covered && waits) CHECK_FALSE(need.missing(id(name), server, goal).text.empty());
    }
    return all;
  }
};

void Story::happens(const std::string& what, const std::string& to, const std::string& number) {
  if (what == "others") return frontier.raise(through(to));
  if (what == "cover") return position.saw(id(to), now, true);
  if (what == "early") return observe(to, number, base::milliseconds{1});
  if (what == "lost") return observe(to, number, interval);
  if (what == "proved") return ask(to, number);
  if (what != "wrote") throw std::invalid_argument{what};
  frontier.raise(through(to));
  position.wrote(frontier, through(to), 0, now);
}

}  // namespace

TEST_CASE("the table of levels") {
  std::ifstream file{std::string{WYE_TEST_DATA} + "/levels.tsv"};
  int rows = 0;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    INFO(line);
    ++rows;
    std::istringstream in{line};
    std::string history, monotonic, session, global;
    for (auto* field : {&history, &monotonic, &session, &global}) std::getline(in, *field, '\t');
    Story story;
    std::istringstream words{history == "-" ? "" : history};
    for (std::string word; words >> word;) story.step(word);
    CHECK(story.verdict(Consistency::monotonic) == monotonic);
    CHECK(story.verdict(Consistency::session) == session);
    CHECK(story.verdict(Consistency::global) == global);
    if (!story.token) CHECK(story.verdict(Consistency::eventual) == "r1 r2");
  }
  CHECK(rows > 30);
}

TEST_CASE("a session's position as a set") {
  Story story;
  CHECK(story.position.as_set(story.need)->empty());
  story.step("wrote:5");
  CHECK(*story.position.as_set(story.need) == through("5"));
  story.step("r1");
  CHECK_FALSE(story.position.as_set(story.need));  // what it has seen there nobody knows yet
  story.step("r1=7");
  CHECK(*story.position.as_set(story.need) == through("7"));
  story.step("p");
  story.step("asked=9");
  CHECK(*story.position.as_set(story.need) == through("9"));
}

TEST_CASE("what a session remembers does not grow with what it does") {
  Story story;
  for (int i = 2; i < 1000; ++i) {
    story.step("wrote:" + std::to_string(i));
    for (const char* read : {"p", "r1", "r2"}) story.step(read);
  }
  CHECK(story.position.reads().size() == 3);
  CHECK(story.position.own().size() == 1);
}

TEST_CASE("a replica can't be asked for a source that nobody commits under") {
  Story story;
  const std::string other = "aaaaaaaa-71ca-11e1-9e33-c80aa9429562:1-3";
  story.token = *GtidSet::parse(Flavour::mysql, other);
  CHECK(story.verdict(Consistency::eventual) == "?r1 ?r2");
  auto executed = through("1");
  executed.add(*story.token);
  story.topology.servers[1].executed = std::make_shared<GtidSet>(executed);
  CHECK(story.verdict(Consistency::eventual) == "r1 ?r2");
  story.frontier.raise(*GtidSet::parse(Flavour::mysql, other));
  CHECK(story.verdict(Consistency::eventual) == "r1 +r2");
}

TEST_CASE("tokens come from outside") {
  for (const char* bad : {"", "x", "1", "uuid:1-5", "3e11fa47-71ca-11e1-9e33-c80aa9429562", "0-1-5",
                          "3e11fa47-71ca-11e1-9e33-c80aa9429562:5-1", "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5,",
                          "3e11fa47-71ca-11e1-9e33-c80aa9429562:0", "3e11fa47-71ca-11e1-9e33-c80aa9429562:1'",
                          "3e11fa47-71ca-11e1-9e33-c80aa9429562:99999999999999999999"}) {
    INFO(bad);
    const auto token = parse_token(Flavour::mysql, bad);
    if (std::string(bad).ends_with(",")) continue;  // the server takes that as well
    CHECK_FALSE(static_cast<bool>(token));
  }
  CHECK(parse_token(Flavour::mysql, std::string(uuid) + ":1-5:7"));
  CHECK(parse_token(Flavour::mariadb, "0-1-5,1-1-7"));
  CHECK_FALSE(static_cast<bool>(parse_token(Flavour::mariadb, "0-1")));
  CHECK_FALSE(static_cast<bool>(parse_token(Flavour::mariadb, "0-1-5,0-1-x")));
  std::string longest = std::string(uuid) + ":1";
  while (longest.size() <= 4096) longest += ":" + std::to_string(longest.size());
  CHECK_FALSE(static_cast<bool>(parse_token(Flavour::mysql, longest)));
}

}  // namespace wye::routing
