#include "proxy/config/suggest.h"

#include "tests/unit/catch.h"

using namespace wye::config;

TEST_CASE("edit distance") {
  CHECK(edit_distance("", "") == 0);
  CHECK(edit_distance("abc", "") == 3);
  CHECK(edit_distance("server", "servers") == 1);
  CHECK(edit_distance("moniotr", "monitor") == 1);  // neighbours swapped
  CHECK(edit_distance("kitten", "sitting") == 3);
}

TEST_CASE("only near words are suggested") {
  CHECK(did_you_mean("severs", {"servers", "sessions"}) == ", did you mean \"servers\"?");
  CHECK(did_you_mean("of", {"off", "on"}) == ", did you mean \"off\"?");
  CHECK(did_you_mean("banana", {"servers", "sessions"}).empty());
  CHECK(did_you_mean("x", {}).empty());
  CHECK(did_you_mean(std::string(100'000, 's'), {"servers"}).empty());
}
