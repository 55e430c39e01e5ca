#include "proxy/admin/words.h"

#include "tests/unit/catch.h"

using namespace wye::admin;

TEST_CASE("comments and white space around a statement are no part of it") {
  struct Case {
    const char *text, *trimmed;
  };
  const Case cases[] = {{"", ""},
                        {"  \n;;", ""},
                        {" HELP ; ", "HELP"},
                        {"/* driver 8.0 */ SELECT 1", "SELECT 1"},
                        {"/*a*//*b*/HELP", "HELP"},
                        {"-- why\nHELP", "HELP"},
                        {"# why\r\nHELP", "HELP"},
                        {"/* without end", ""},
                        {"/*/ HELP", ""},
                        {"-- without end", ""},
                        {"--HELP", "--HELP"}};
  for (const auto& c : cases) {
    CAPTURE(c.text);
    CHECK(trimmed(c.text) == c.trimmed);
  }
}

TEST_CASE("words are taken whatever their case and spacing") {
  std::string_view text = "show\t\n  SerVers  x";
  CHECK(take_words(text, "SHOW SERVERS"));
  CHECK(text == "  x");
  std::string_view longer = "SHOW SERVERSX";
  CHECK_FALSE(take_words(longer, "SHOW SERVERS"));
  CHECK(longer == "SHOW SERVERSX");
  std::string_view shorter = "SHOW";
  CHECK_FALSE(take_words(shorter, "SHOW SERVERS"));
}

TEST_CASE("a name is bare or quoted, and nothing follows it") {
  std::string name;
  for (const char* good : {"db2", "'db2'", "\"db2\"", "`db2`", "  db2"}) {
    CAPTURE(good);
    CHECK(take_name(good, name));
    CHECK(name == "db2");
  }
  CHECK(take_name("10.0.0.1:3306", name));
  CHECK(name == "10.0.0.1:3306");
  for (const char* bad : {"", " ", "''", "'db2", "'db2' x", "db2 x", "db2;drop", "'"}) {
    CAPTURE(bad);
    CHECK_FALSE(take_name(bad, name));
  }
}
