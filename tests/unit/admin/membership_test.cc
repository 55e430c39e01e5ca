#include "proxy/admin/membership.h"

#include "tests/unit/catch.h"

using namespace wye;
using namespace std::chrono_literals;
using admin::parse_add_server;
using admin::parse_remove_server;

TEST_CASE("ADD SERVER takes its options in any order") {
  auto plain = parse_add_server("'10.0.0.4:3306' AS db4");
  REQUIRE(plain);
  CHECK(plain->server == manager::Member{"db4", "10.0.0.4:3306"});
  CHECK_FALSE((plain->overwrite || plain->by_dump || plain->dry_run));
  auto all = parse_add_server("[::1]:3307 dry run by  dump overwrite from db-2 as `x.4`");
  REQUIRE(all);
  CHECK(all->server == manager::Member{"x.4", "[::1]:3307"});
  CHECK(all->donor == "db-2");
  CHECK((all->overwrite && all->by_dump && all->dry_run));
  auto bare = parse_add_server("10.0.0.4");
  REQUIRE(bare);
  CHECK(bare->server == manager::Member{"", "10.0.0.4:3306"});
  for (const char* wrong : {"", "''", "10.0.0.4:x", "10.0.0.4:0", "10.0.0.4:70000", "h AS", "h AS a b", "h AS a AS b",
                            "h AS 'a b'", "h FROM", "h DRY", "h BY", "h TWICE", "h AS db4, db5", "AS db4", "h AS ''"}) {
    INFO(wrong);
    CHECK_FALSE(parse_add_server(wrong));
  }
}

TEST_CASE("REMOVE SERVER takes its options in any order") {
  auto plain = parse_remove_server("db4");
  REQUIRE(plain);
  CHECK(plain->server == "db4");
  CHECK_FALSE((plain->force || plain->dry_run || plain->within));
  auto all = parse_remove_server("'db4' Dry Run FORCE within 90s");
  REQUIRE(all);
  CHECK((all->force && all->dry_run));
  CHECK(all->within == 90s);
  for (const char* wrong :
       {"", "db4 db5", "db4 WITHIN", "db4 WITHIN soon", "db4 WITHIN 2d", "db4 WITHIN 1s WITHIN 2s", "db4 DRY"}) {
    INFO(wrong);
    CHECK_FALSE(parse_remove_server(wrong));
  }
}
