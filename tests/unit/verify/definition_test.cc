#include "replication/verify/definition.h"

#include "tests/unit/catch.h"

using namespace wye::verify;

namespace {

constexpr const char* created =
    "CREATE TABLE `t` (\n"
    "  `id` int NOT NULL AUTO_INCREMENT,\n"
    "  `a``b` varchar(10) DEFAULT 'x, `y`',\n"
    "  PRIMARY KEY (`id`),\n"
    "  UNIQUE KEY `k` (`a``b`),\n"
    "  CONSTRAINT `c` CHECK ((`id` > 0))\n"
    ") ENGINE=InnoDB AUTO_INCREMENT=17 DEFAULT CHARSET=utf8mb4 COMMENT='x AUTO_INCREMENT=9'\n"
    "/*!50100 PARTITION BY HASH (`id`)\n"
    "PARTITIONS 2 */";

}  // namespace

TEST_CASE("a table is its columns, keys, their order and its options, without its counter") {
  const auto out = properties_of(created);
  CHECK(out.at("column `id`") == "`id` int NOT NULL AUTO_INCREMENT");
  CHECK(out.at("column `a``b`") == "`a``b` varchar(10) DEFAULT 'x, `y`'");
  CHECK(out.at("primary key") == "PRIMARY KEY (`id`)");
  CHECK(out.at("UNIQUE KEY `k`") == "UNIQUE KEY `k` (`a``b`)");
  CHECK(out.contains("CONSTRAINT `c`"));
  CHECK(out.at("order of columns") == "column `id`\ncolumn `a``b`\n");
  CHECK(out.at("options").find("AUTO_INCREMENT=17") == std::string::npos);
  CHECK(out.at("options").find("AUTO_INCREMENT=9") != std::string::npos);
  CHECK(out.at("options").find("PARTITIONS 2") != std::string::npos);
}

TEST_CASE("differences of objects are told once for each object") {
  using Pair = Suspects::Pair;
  const std::map<std::string, Pair> pairs{
      {entry_name("table", "s.lost"), Pair{"", std::nullopt, 3}},
      {entry_name("table", "s.lost", "column `a`"), Pair{"a", std::nullopt, 3}},
      {entry_name("table", "s.t", "column `a`"), Pair{"a", "b", 3}},
      {entry_name("table", "s.t", "KEY `k`"), Pair{std::nullopt, "k", 3}},
      {entry_name("account", "'x'@'%'"), Pair{std::nullopt, "", 3}},
      {entry_name("grant", "'x'@'%'", "db shop"), Pair{std::nullopt, "Select", 3}},
  };
  const auto out = describe("db2", pairs);
  REQUIRE(out.size() == 3);
  CHECK(out[0].kind == "account");
  CHECK(out[0].what == "only on the replica");
  CHECK(out[1].object == "s.lost");
  CHECK(out[1].what == "missing on the replica");
  CHECK(out[2].object == "s.t");
  CHECK(out[2].what == "differs: KEY `k` (only on the replica), column `a`");
}
