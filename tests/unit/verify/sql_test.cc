#include "replication/verify/sql.h"

#include "tests/unit/catch.h"

using namespace wye::verify;

namespace {

Table sample() {
  Table table;
  table.schema = "shop";
  table.name = "a`b";
  table.columns = {
      {"id", "int", ""}, {"name", "varchar", "latin1"}, {"f", "float", ""}, {"text", "longtext", "utf8mb4"}};
  table.key = {0, 1};
  table.index = "PRIMARY";
  return table;
}

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("names and texts end where they should") {
  CHECK(quoted_name("a`b") == "`a``b`");
  CHECK(quoted_text("it's \\") == "'it''s \\\\'");
}

TEST_CASE("a chunk is a range of the key, in words that an index serves") {
  const std::string sql = digest_sql(sample(), Range{Key{"5", "61"}, Key{"9", "62"}, {}});
  CHECK(has(sql,
            "WHERE ((`id` > 5) OR (`id` = 5 AND `name` > _latin1 x'61')) AND ((`id` < 9) OR (`id` = 9 AND `name` <= "
            "_latin1 x'62'))"));
  CHECK(has(sql, "FROM `shop`.`a``b` FORCE INDEX (`PRIMARY`)"));
  CHECK_FALSE(has(digest_sql(sample(), {}), "WHERE"));
  CHECK(has(boundary_sql(sample(), {}, 499), "SELECT `id`, HEX(CAST(`name` AS BINARY)) FROM"));
  CHECK(has(boundary_sql(sample(), {}, 499), "ORDER BY `id`, `name` LIMIT 499, 1"));
}

TEST_CASE("columns are hashed by what they are, not by how they look") {
  CHECK(field_sql({"f", "float", ""}) == "COALESCE(CAST(`f` * 1e0 AS CHAR), 'N'), ','");
  CHECK(field_sql({"b", "bit", ""}) == "COALESCE(`b` + 0, 'N'), ','");
  CHECK(field_sql({"c", "varchar", "utf8mb4"}) ==
        "COALESCE(CONCAT(LENGTH(CAST(`c` AS BINARY)), ':', CAST(`c` AS BINARY)), 'N')");
  CHECK(field_sql({"t", "longtext", "utf8mb4"}) == "COALESCE(SHA2(CAST(`t` AS BINARY), 256), 'N')");
  CHECK(field_sql({"g", "point", ""}) == "COALESCE(SHA2(HEX(`g`), 256), 'N')");
  CHECK(field_sql({"x", "some_new_type", ""}) == "COALESCE(SHA2(CAST(`x` AS CHAR), 256), 'N')");
}

TEST_CASE("what can't be ordered alike everywhere names no rows") {
  CHECK(can_order("bigint"));
  CHECK(can_order("varchar"));
  CHECK(can_order("enum"));
  CHECK_FALSE(can_order("float"));
  CHECK_FALSE(can_order("json"));
  CHECK_FALSE(can_order("text"));
}

TEST_CASE("a table without a key is read by its hashes") {
  Table table = sample();
  table.key.clear();
  CHECK(has(entries_sql(table, Range{{}, {}, {"3f", "a0"}}, 100),
            "WHERE LEFT(h, 2) IN ('3f', 'a0') GROUP BY h LIMIT 100"));
  CHECK_FALSE(has(digest_sql(table, {}), "FORCE INDEX"));
  CHECK(has(contents_sql(table, {"abc", "d"}), "IN ('abc', 'd') GROUP BY h"));
}

TEST_CASE("keys are shown as people write them") {
  CHECK(shown(sample(), {"5", "697427"}) == "id=5, name='it'''");
  CHECK(shown(sample(), {"5", "00FF"}) == "id=5, name=0x00FF");
}
