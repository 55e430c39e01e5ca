#include "replication/verify/pace.h"

#include "tests/unit/catch.h"

using wye::base::milliseconds;
using wye::verify::Pace;

TEST_CASE("chunks grow and shrink towards the time that they may take") {
  Pace pace{milliseconds{50}};
  CHECK(pace.rows() == Pace::first);
  pace.took(pace.rows(), 1);
  CHECK(pace.rows() == 2 * Pace::first);  // at most twice as many at once
  for (int i = 0; i < 20; ++i) pace.took(pace.rows(), 0.01);
  CHECK(pace.rows() == Pace::most);
  for (int i = 0; i < 20; ++i) pace.took(pace.rows(), 10'000);
  CHECK(pace.rows() == Pace::least);
}

TEST_CASE("a table's last rows do not change the pace") {
  Pace pace{milliseconds{50}};
  pace.took(3, 40);
  CHECK(pace.rows() == Pace::first);
}

TEST_CASE("it rests while the server answers slower than usual, longer and longer, and goes on") {
  Pace pace{milliseconds{50}};
  for (int i = 0; i < 10; ++i) CHECK(pace.rest(0.2).count() == 0);
  const auto once = pace.rest(30), twice = pace.rest(30);
  CHECK(once.count() > 0);
  CHECK(twice > once);
  for (int i = 0; i < 10; ++i) CHECK(pace.rest(30) <= milliseconds{1000});
  CHECK(pace.rest(0.2).count() == 0);
}
