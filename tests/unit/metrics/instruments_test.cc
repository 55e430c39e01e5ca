#include "proxy/metrics/instruments.h"

#include "proxy/metrics/labels.h"
#include "tests/unit/catch.h"

using namespace wye::metrics;
using std::chrono::microseconds;
using std::chrono::nanoseconds;

TEST_CASE("an upper bound belongs to its bucket, one more to the next") {
  for (std::size_t b = 0; b < Histogram::bounds; ++b) {
    INFO(b);
    CHECK(Histogram::bucket_of(Histogram::upper_bound_us(b)) == b);
    CHECK(Histogram::bucket_of(Histogram::upper_bound_us(b) + 1) == b + 1);
    if (b > 0) CHECK(Histogram::upper_bound_us(b) > Histogram::upper_bound_us(b - 1));
  }
  CHECK(Histogram::upper_bound_us(0) == 16);
  CHECK(Histogram::upper_bound_us(1) == 24);
  CHECK(Histogram::upper_bound_us(Histogram::bounds - 1) == 67'108'864);
  CHECK(Histogram::bucket_of(0) == 0);
  CHECK(Histogram::bucket_of(~std::uint64_t{0}) == Histogram::buckets - 1);
}

TEST_CASE("every value lies in its bucket") {
  for (std::uint64_t us = 0; us < 300'000; us += us < 5000 ? 1 : 37) {
    const std::size_t b = Histogram::bucket_of(us);
    const bool in = us <= Histogram::upper_bound_us(b) && (b == 0 || us > Histogram::upper_bound_us(b - 1));
    if (!in) FAIL(us);
  }
  SUCCEED();
}

TEST_CASE("nanoseconds round up into buckets and are exact in the sum") {
  Histogram h;
  h.observe(nanoseconds{16'000});
  h.observe(nanoseconds{16'001});
  h.observe(nanoseconds{-5});
  CHECK(h.count(0) == 2);
  CHECK(h.count(1) == 1);
  CHECK(h.sum_ns() == 32'001);
}

TEST_CASE("the moving average goes toward the samples") {
  Ewma e;
  CHECK(e.value().count() == 0);
  e.observe(microseconds{800});
  CHECK(e.value().count() == 800);
  e.observe(microseconds{1600});
  CHECK(e.value().count() == 900);
  for (int i = 0; i < 200; ++i) e.observe(microseconds{3});
  CHECK(e.value().count() >= 2);
  CHECK(e.value().count() <= 4);
  e.observe(microseconds{-1});
}

TEST_CASE("labels have names, and what is no value has one too") {
  CHECK(std::string{name(RouteKind::replica)} == "replica");
  CHECK(std::string{name(BackendState::in_use)} == "in_use");
  CHECK(std::string{name(ProtocolError::http)} == "http");
  CHECK(std::string{name(ProtocolError::last)} == "unknown");
}
