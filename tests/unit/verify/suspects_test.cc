#include "replication/verify/suspects.h"

#include "tests/unit/catch.h"

using wye::verify::Entries;
using wye::verify::RowWatch;
using wye::verify::Suspects;

TEST_CASE("what stays different for as many looks as needed is different") {
  Suspects suspects{3};
  const Entries primary{{"1", "a"}, {"2", "b"}, {"3", "c"}}, replica{{"1", "a"}, {"2", "x"}, {"4", "d"}};
  suspects.look(primary, replica);
  REQUIRE(suspects.left().size() == 3);
  CHECK_FALSE(suspects.all_sure());
  suspects.look(primary, replica);
  CHECK_FALSE(suspects.all_sure());
  suspects.look(primary, replica);
  CHECK(suspects.all_sure());
  CHECK(suspects.left().at("2").replica == "x");
  CHECK_FALSE(suspects.left().at("3").replica);
  CHECK_FALSE(suspects.left().at("4").primary);
}

TEST_CASE("what was equal at one look is no suspect any more, and what comes later is none") {
  Suspects suspects{2};
  suspects.look({{"1", "a"}, {"2", "b"}}, {{"1", "old"}, {"2", "b"}});
  suspects.look({{"1", "a"}, {"2", "c"}, {"3", "new"}}, {{"1", "a"}, {"2", "b"}});
  CHECK(suspects.left().empty());
}

TEST_CASE("a suspect that is written begins anew") {
  Suspects suspects{2};
  for (int i = 0; i < 10; ++i) {
    suspects.look({{"1", std::to_string(i + 1)}}, {{"1", std::to_string(i)}});
    REQUIRE(suspects.left().size() == 1);
    CHECK_FALSE(suspects.all_sure());
  }
  suspects.look({{"1", "same"}}, {{"1", "other"}});
  suspects.look({{"1", "same"}}, {{"1", "other"}});
  CHECK(suspects.all_sure());
}

TEST_CASE("a look while the primary rests counts for more") {
  Suspects suspects{8};
  suspects.look({{"1", "a"}}, {}, 3);
  suspects.look({{"1", "a"}}, {}, 3);
  CHECK_FALSE(suspects.all_sure());
  suspects.look({{"1", "a"}}, {}, 3);
  CHECK(suspects.all_sure());
}

TEST_CASE("a column that differs is found in a row whose other column is written all the time") {
  RowWatch watch{4};
  auto verdict = RowWatch::Verdict::open;
  for (int i = 0; i < 4; ++i) {
    REQUIRE(verdict == RowWatch::Verdict::open);
    verdict = watch.look({{"key", std::to_string(i + 1), "cold"}}, {{"key", std::to_string(i), "other"}});
  }
  REQUIRE(verdict == RowWatch::Verdict::different);
  CHECK(watch.columns() == std::vector<std::size_t>{2});
  CHECK(watch.stands({{"key", "77", "cold"}}));
  CHECK_FALSE(watch.stands({{"key", "77", "warm"}}));
}

TEST_CASE("a row whose columns were equal, each at some look, is no difference") {
  RowWatch watch{4};
  CHECK(watch.look({{"1", "a"}}, {{"0", "a"}}) == RowWatch::Verdict::open);
  CHECK(watch.look({{"1", "b"}}, {{"1", "a"}}) == RowWatch::Verdict::equal);
}

TEST_CASE("a row that comes and goes is no difference, one that stays away is") {
  RowWatch watch{2};
  CHECK(watch.look({{"1"}}, std::nullopt) == RowWatch::Verdict::open);
  CHECK(watch.look(std::nullopt, {{"1"}}) == RowWatch::Verdict::open);
  CHECK(watch.look({{"2"}}, std::nullopt) == RowWatch::Verdict::open);
  CHECK(watch.look({{"2"}}, std::nullopt) == RowWatch::Verdict::different);
  CHECK(watch.columns().empty());
  CHECK(watch.stands({{"2"}}));
  CHECK_FALSE(watch.stands(std::nullopt));
  CHECK(watch.look(std::nullopt, std::nullopt) == RowWatch::Verdict::equal);
}
