#include "replication/topology/gtid_set.h"

#include <random>
#include <set>

#include "tests/unit/catch.h"

using namespace wye::topology;

namespace {

const std::string a = "3e11fa47-71ca-11e1-9e33-c80aa9429562";
const std::string b = "4e11fa47-71ca-11e1-9e33-c80aa9429562";

GtidSet set_of(Flavour flavour, const std::string& text) {
  auto set = GtidSet::parse(flavour, text);
  INFO(text);
  REQUIRE(bool{set});
  return *set;
}
GtidSet mysql(const std::string& text) { return set_of(Flavour::mysql, text); }
GtidSet mariadb(const std::string& text) { return set_of(Flavour::mariadb, text); }

}  // namespace

TEST_CASE("MySQL sets are printed as the server prints them") {
  // The second column is what MySQL 9.7.4 answered to SELECT GTID_SUBTRACT(first, '').
  const std::pair<std::string, std::string> table[] = {
      {"", ""},
      {" \n ", ""},
      {",,", ""},
      {a + ":1", a + ":1"},
      {a + ":1-5", a + ":1-5"},
      {a + ":1-5:7-9", a + ":1-5:7-9"},
      {a + ":7-9:1-6", a + ":1-9"},
      {a + ":1-3:2-8", a + ":1-8"},
      {"3E11FA47-71CA-11E1-9E33-C80AA9429562:1", a + ":1"},
      {"3E11FA4771CA11E19E33C80AA9429562:4:3", a + ":3-4"},
      {a + ":1-5,\n" + b + ":1-7", a + ":1-5,\n" + b + ":1-7"},
      {b + ":1-7 ,\r\n " + a + ":1-5\n", a + ":1-5,\n" + b + ":1-7"},
      {a + " : 1 - 3", a + ":1-3"},
      {a + ":tag:1-5", a + ":tag:1-5"},
      {a + ":Tag_b:5:1-3:a:7, " + a + ":9:1-2", a + ":1-2:9:a:7:tag_b:1-3:5"},
      {a + ":1-2:x:1:y:2," + b + ":z:3", a + ":1-2:x:1:y:2,\n" + b + ":z:3"},
      {a + ":9223372036854775806", a + ":9223372036854775806"},
  };
  for (const auto& [text, canonical] : table) CHECK(mysql(text).to_string(Flavour::mysql) == canonical);
}

TEST_CASE("MariaDB positions") {
  CHECK(mariadb("0-1-100").to_string(Flavour::mariadb) == "0-1-100");
  CHECK(mariadb("7-2-5, 0-1-100\n").to_string(Flavour::mariadb) == "0-1-100,7-2-5");
  CHECK(mariadb("0-1-100,0-2-99").to_string(Flavour::mariadb) == "0-1-100");
  CHECK(mariadb("0-1-0").empty());
  CHECK(mariadb("").empty());
  CHECK(mariadb("4294967295-4294967295-1").count() == 1);
}

TEST_CASE("What is no set is an error") {
  const std::string bad_mysql[] = {"x",
                                   a,
                                   a + ":",
                                   a + ":0",
                                   a + ":5-3",
                                   a + ":1-",
                                   a + ":-1",
                                   a + ":1-5x",
                                   a + ":9223372036854775807",
                                   a + ":18446744073709551616",
                                   a + ":tag",
                                   a + ":tag:",
                                   a + ":1:tag",
                                   a + ":" + std::string(33, 'a') + ":1",
                                   a.substr(0, 35) + ":1",
                                   "3e11fa47-71ca-11e1-9e33c80aa9429562:1",
                                   "00000000-0000-0000-0000-000000000000:1",
                                   a + ":1;" + b + ":1",
                                   a + ":1 " + b + ":1",
                                   "0-1-5",
                                   a + ":1" + std::string(1, '\0')};
  for (const std::string& text : bad_mysql) {
    INFO(text);
    CHECK_FALSE(bool{GtidSet::parse(Flavour::mysql, text)});
  }
  for (const char* text : {"0", "0-1", "0-1-", "0-1-x", "4294967296-1-1", "0-4294967296-1", "0-1-9223372036854775807",
                           "0-1-5 0-1-6", "-1-1-1", "0--1-1"}) {
    INFO(text);
    CHECK_FALSE(bool{GtidSet::parse(Flavour::mariadb, text)});
  }
}

TEST_CASE("Single transactions") {
  const auto plain = parse_gtid(Flavour::mysql, a + ":5");
  REQUIRE(bool{plain});
  CHECK(plain->number == 5);
  CHECK(plain->source.tag.empty());
  const auto tagged = parse_gtid(Flavour::mysql, a + ":Backup_1:7");
  REQUIRE(bool{tagged});
  CHECK(tagged->source.tag == "backup_1");
  CHECK(tagged->source != plain->source);
  const auto maria = parse_gtid(Flavour::mariadb, "3-17-42");
  REQUIRE(bool{maria});
  CHECK(maria->source.domain == 3);
  CHECK(maria->server_id == 17);
  CHECK(maria->number == 42);
  for (const std::string& text : {a, a + ":0", a + ":1-2", a + ":1:2", a + ":t", a + ":t:", std::string{}, a + ":1,"})
    CHECK_FALSE(bool{parse_gtid(Flavour::mysql, text)});
  for (const char* text : {"", "0-1", "0-1-0", "0-1-5,", "0-1-5-6", "x"})
    CHECK_FALSE(bool{parse_gtid(Flavour::mariadb, text)});
}

TEST_CASE("covers_through asks for all numbers from 1 on") {
  const GtidSet set = mysql(a + ":1-5:7-9:t:2-4");
  GtidSource source = parse_gtid(Flavour::mysql, a + ":1")->source;
  CHECK(set.covers_through(source, 0));
  CHECK(set.covers_through(source, 5));
  CHECK_FALSE(set.covers_through(source, 6));
  CHECK_FALSE(set.covers_through(source, 8));
  source.tag = "t";
  CHECK_FALSE(set.covers_through(source, 2));
  source.tag = "unknown";
  CHECK(set.covers_through(source, 0));
  CHECK_FALSE(set.covers_through(source, 1));
  const GtidSet position = mariadb("0-1-100,2-1-3");
  CHECK(position.covers_through(parse_gtid(Flavour::mariadb, "0-9-1")->source, 100));
  CHECK_FALSE(position.covers_through(parse_gtid(Flavour::mariadb, "2-9-1")->source, 4));
}

TEST_CASE("MariaDB: differences, unions and inclusion by domain") {
  const GtidSet behind = mariadb("0-1-90,1-1-5"), ahead = mariadb("0-2-100,2-1-4");
  CHECK(ahead.minus(behind).count() == 14);
  CHECK(behind.minus(ahead).count() == 5);
  CHECK_FALSE(ahead.includes(behind));
  CHECK(mariadb("0-2-100").includes(mariadb("0-1-90")));
  GtidSet united = behind;
  united.add(ahead);
  CHECK(united.to_string(Flavour::mariadb) == "0-2-100,1-1-5,2-1-4");
  CHECK(united.includes(behind));
  united.add(*parse_gtid(Flavour::mariadb, "0-1-99"));  // older than what is there
  united.add(*parse_gtid(Flavour::mariadb, "1-7-6"));
  CHECK(united.to_string(Flavour::mariadb) == "0-2-100,1-7-6,2-1-4");
}

TEST_CASE("count stops at the largest number") {
  const GtidSet huge =
      mysql(a + ":1-9223372036854775806," + a + ":x:1-9223372036854775806," + b + ":1-9223372036854775806");
  CHECK(huge.count() == std::numeric_limits<std::uint64_t>::max());
}

// Against sets of plain numbers, for a few sources and small numbers, so that intervals touch and overlap all the time.
TEST_CASE("MySQL: set arithmetic agrees with brute force") {
  using Plain = std::set<std::pair<int, std::uint64_t>>;  // (source, number)
  std::mt19937 random{20261120};
  const std::string sources[] = {a, a + ":t", b};
  GtidSource keys[3];
  for (int i = 0; i < 3; ++i) keys[i] = parse_gtid(Flavour::mysql, sources[i] + ":1")->source;
  auto pick = [&random](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
  auto make = [&](Plain& plain) {
    std::string text;
    for (int n = pick(7); n > 0; --n) {
      const int source = pick(3), first = 1 + pick(14), last = first + pick(5);
      for (int i = first; i <= last; ++i) plain.emplace(source, i);
      text += sources[source] + ":" + std::to_string(first) + "-" + std::to_string(last) + ",";
    }
    return mysql(text);
  };
  auto plain_of = [&](const GtidSet& set) {
    Plain plain;
    for (int s = 0; s < 3; ++s)
      for (std::uint64_t n = 1; n < 25; ++n)
        if (set.contains(Gtid{keys[s], n, 0})) plain.emplace(s, n);
    return plain;
  };
  for (int round = 0; round < 3000; ++round) {
    Plain p, q;
    const GtidSet x = make(p), y = make(q);
    REQUIRE(plain_of(x) == p);
    REQUIRE(x.count() == p.size());
    REQUIRE(x.empty() == p.empty());
    Plain united = p, left;
    united.insert(q.begin(), q.end());
    std::set_difference(p.begin(), p.end(), q.begin(), q.end(), std::inserter(left, left.end()));
    GtidSet sum = x;
    sum.add(y);
    REQUIRE(plain_of(sum) == united);
    REQUIRE(plain_of(x.minus(y)) == left);
    REQUIRE(x.minus(y).count() == left.size());
    REQUIRE(x.includes(y) == std::includes(p.begin(), p.end(), q.begin(), q.end()));
    GtidSet one_by_one;
    for (const auto& [source, number] : p) one_by_one.add(Gtid{keys[source], number, 0});
    REQUIRE(one_by_one == x);
    REQUIRE(mysql(x.to_string(Flavour::mysql)) == x);
    for (int s = 0; s < 3; ++s) {
      std::uint64_t through = 0;
      while (p.count({s, through + 1}) != 0) ++through;
      REQUIRE(x.covers_through(keys[s], through));
      REQUIRE_FALSE(x.covers_through(keys[s], through + 1));
    }
  }
}
