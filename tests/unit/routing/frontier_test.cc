#include "proxy/routing/frontier.h"

#include <atomic>
#include <thread>

#include "tests/unit/catch.h"

namespace wye::routing {
namespace {

using topology::Flavour;
using topology::Gtid;
using topology::GtidSet;

constexpr const char* one = "3e11fa47-71ca-11e1-9e33-c80aa9429562";
constexpr const char* two = "aaaaaaaa-71ca-11e1-9e33-c80aa9429562";

GtidSet set(const std::string& text, Flavour flavour = Flavour::mysql) {
  auto parsed = GtidSet::parse(flavour, text);
  REQUIRE(parsed);
  return *parsed;
}
Gtid gtid(const std::string& text, Flavour flavour = Flavour::mysql) {
  auto parsed = topology::parse_gtid(flavour, text);
  REQUIRE(parsed);
  return *parsed;
}
Gtid in_domain(std::uint32_t domain, std::uint64_t number) {
  Gtid g;
  g.source.domain = domain;
  g.number = number;
  return g;
}

base::TimePoint at(int ms) { return base::TimePoint{} + base::milliseconds(ms); }

topology::Server server(const std::string& executed, base::TimePoint observed) {
  topology::Server s;
  s.executed = std::make_shared<GtidSet>(set(executed));
  s.observed_at = observed;
  return s;
}
topology::Topology topology_of(topology::Server primary) {
  topology::Topology t;
  t.servers.push_back(std::move(primary));
  t.primary = topology::ServerId{0};
  return t;
}

TEST_CASE("nothing acknowledged is covered by anything") {
  Frontier frontier;
  CHECK(frontier.covered_by(GtidSet{}));
  CHECK(frontier.unreported_at() == INT64_MIN);
}

TEST_CASE("what was acknowledged must be there, with all before it") {
  Frontier frontier;
  frontier.raise(gtid(std::string(one) + ":5"));
  CHECK_FALSE(frontier.covered_by(GtidSet{}));
  CHECK_FALSE(frontier.covered_by(set(std::string(one) + ":1-4")));
  CHECK_FALSE(frontier.covered_by(set(std::string(one) + ":5")));
  CHECK_FALSE(frontier.covered_by(set(std::string(one) + ":1-3:5-9")));
  CHECK_FALSE(frontier.covered_by(set(std::string(two) + ":1-9")));
  CHECK(frontier.covered_by(set(std::string(one) + ":1-5")));
  CHECK(frontier.covered_by(set(std::string(one) + ":1-9," + two + ":1")));
  frontier.raise(gtid(std::string(one) + ":3"));  // late: never lowered
  CHECK_FALSE(frontier.covered_by(set(std::string(one) + ":1-4")));
}

TEST_CASE("a set raises each of its sources to its last number; tags are sources of their own") {
  Frontier frontier;
  frontier.raise(set(std::string(one) + ":1-3:7," + two + ":tag:4"));
  CHECK_FALSE(frontier.covered_by(set(std::string(one) + ":1-7")));
  CHECK_FALSE(frontier.covered_by(set(std::string(one) + ":1-7," + two + ":1-4")));
  CHECK(frontier.covered_by(set(std::string(one) + ":1-7," + two + ":tag:1-4")));
}

TEST_CASE("MariaDB's domains") {
  Frontier frontier;
  frontier.raise(gtid("0-1-5", Flavour::mariadb));
  frontier.raise(gtid("7-2-1", Flavour::mariadb));
  CHECK_FALSE(frontier.covered_by(set("0-1-9", Flavour::mariadb)));
  CHECK_FALSE(frontier.covered_by(set("0-1-4,7-2-1", Flavour::mariadb)));
  CHECK(frontier.covered_by(set("0-3-6,7-2-1", Flavour::mariadb)));  // whoever wrote the last one
}

TEST_CASE("more sources than there is room for: no replica is good enough any more") {
  Frontier frontier;
  GtidSet all;
  for (std::uint32_t d = 0; d < Frontier::slots; ++d) {
    frontier.raise(in_domain(d, 1));
    all.add(in_domain(d, 1));
  }
  CHECK_FALSE(frontier.overflowed());
  CHECK(frontier.covered_by(all));
  frontier.raise(in_domain(Frontier::slots, 1));
  all.add(in_domain(Frontier::slots, 1));
  CHECK(frontier.overflowed());
  CHECK_FALSE(frontier.covered_by(all));
}

TEST_CASE("several threads raise; what each was told is covered from then on") {
  Frontier frontier;
  constexpr std::uint32_t threads = 4, domains = 16;
  constexpr std::uint64_t numbers = 2000;
  std::atomic<int> forgotten{0};
  std::vector<std::thread> workers;
  for (std::uint32_t t = 0; t < threads; ++t) {
    workers.emplace_back([&, t] {
      GtidSet behind;  // has everything but the number that this thread raises
      for (std::uint64_t n = 1; n <= numbers; ++n) {
        const std::uint32_t domain = (t + static_cast<std::uint32_t>(n)) % domains;
        frontier.raise(in_domain(domain, n));
        behind = GtidSet{};
        for (std::uint32_t d = 0; d < domains; ++d) behind.add(in_domain(d, d == domain && n > 1 ? n - 1 : numbers));
        if (n > 1 && frontier.covered_by(behind)) forgotten.fetch_add(1);
        if (n % 64 == 0) frontier.unreported_commit(at(static_cast<int>(n + t)));
      }
    });
  }
  for (auto& w : workers) w.join();
  CHECK(forgotten == 0);
  CHECK_FALSE(frontier.overflowed());
  GtidSet all;
  for (std::uint32_t d = 0; d < domains; ++d) all.add(in_domain(d, numbers));
  CHECK(frontier.covered_by(all));
  const auto latest = at(static_cast<int>(numbers / 64 * 64 + threads - 1));
  CHECK(frontier.unreported_at() == latest.time_since_epoch().count());
}

TEST_CASE(
    "a commit that nobody reported: no replica until the primary was observed after it, then those that have what it "
    "had") {
  Frontier frontier;
  FrontierNeed need(frontier);
  const auto fresh = server(std::string(one) + ":1-8", at(0)), behind = server(std::string(one) + ":1-7", at(0));
  CHECK(need.covered_by(0, behind));
  frontier.unreported_commit(at(100));
  CHECK_FALSE(need.covered_by(0, fresh));
  need.observe(topology_of(server(std::string(one) + ":1-7", at(99))));
  CHECK_FALSE(need.covered_by(0, fresh));
  need.observe(topology_of(server(std::string(one) + ":1-7", at(100))));  // it may have begun before the commit
  CHECK_FALSE(need.covered_by(0, fresh));
  need.observe(topology_of(server(std::string(one) + ":1-8", at(101))));
  CHECK(need.covered_by(0, fresh));
  CHECK_FALSE(need.covered_by(0, behind));
  need.observe(topology_of(server(std::string(one) + ":1-20", at(200))));  // later commits are reported: not needed
  CHECK(need.covered_by(0, fresh));
  frontier.unreported_commit(at(300));
  CHECK_FALSE(need.covered_by(0, fresh));
  frontier.unreported_commit(at(250));  // another worker's clock: never backwards
  need.observe(topology_of(server(std::string(one) + ":1-8", at(260))));
  CHECK_FALSE(need.covered_by(0, fresh));
  need.observe(topology_of(server(std::string(one) + ":1-8", at(301))));
  CHECK(need.covered_by(0, fresh));
}

TEST_CASE("nothing is covered by what nobody knows") {
  Frontier frontier;
  FrontierNeed need(frontier);
  topology::Server unknown;
  CHECK_FALSE(need.covered_by(0, unknown));
  frontier.unreported_commit(at(1));
  topology::Topology none;
  need.observe(none);
  none.servers.emplace_back();
  none.primary = topology::ServerId{0};
  none.servers[0].observed_at = at(5);
  need.observe(none);  // observed, but its position could not be read
  CHECK_FALSE(need.covered_by(0, server(std::string(one) + ":1-8", at(9))));
}

TEST_CASE("the frontier holds beside the baseline") {
  Frontier frontier;
  FrontierNeed need(frontier);
  frontier.unreported_commit(at(100));
  need.observe(topology_of(server(std::string(one) + ":1-5", at(101))));
  frontier.raise(gtid(std::string(one) + ":6"));
  CHECK_FALSE(need.covered_by(0, server(std::string(one) + ":1-5", at(101))));
  CHECK(need.covered_by(0, server(std::string(one) + ":1-6", at(101))));
}

}  // namespace
}  // namespace wye::routing
