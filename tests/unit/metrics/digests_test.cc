#include "proxy/metrics/digests.h"

#include <string>

#include "tests/unit/catch.h"

using namespace wye;
using namespace wye::metrics;
using std::chrono::microseconds;

namespace {

const base::TimePoint start{std::chrono::hours{1}};

FinishedStatement took(microseconds duration, bool failed = false, bool on_replica = false) {
  return {failed, on_replica, 2, 10, 100, duration, start};
}

}  // namespace

TEST_CASE("a digest's entry is its schema's and its user's") {
  DigestStore store;
  DigestStore::add(store.entry(1, "a", "x"), took(microseconds{100}));
  DigestStore::add(store.entry(1, "a", "x"), took(microseconds{300}, true, true));
  DigestStore::add(store.entry(1, "b", "x"), took(microseconds{100}));
  DigestStore::add(store.entry(1, "a", "y"), took(microseconds{100}));
  DigestStore::add(store.entry(2, "a", "x"), took(microseconds{100}));
  const auto all = store.entries();
  REQUIRE(all.size() == 4);
  const DigestEntry& both = all.back();  // the one unused for longest
  CHECK(both.digest == 1);
  CHECK(both.schema == "a");
  CHECK(both.user == "x");
  CHECK(both.count == 2);
  CHECK(both.errors == 1);
  CHECK(both.on_replicas == 1);
  CHECK(both.rows == 4);
  CHECK(both.bytes_in == 20);
  CHECK(both.bytes_out == 200);
  CHECK(both.average_us() == 200);
}

TEST_CASE("percentiles are the upper bounds of their buckets") {
  DigestEntry entry;
  CHECK(entry.percentile_us(99) == 0);
  for (int i = 0; i < 98; ++i) DigestStore::add(entry, took(microseconds{100}));
  DigestStore::add(entry, took(microseconds{5000}));
  DigestStore::add(entry, took(std::chrono::seconds{1000}));
  CHECK(entry.percentile_us(50) == 128);
  CHECK(entry.percentile_us(98) == 128);
  CHECK(entry.percentile_us(99) == 6144);
  CHECK(entry.percentile_us(100) == Histogram::upper_bound_us(Histogram::bounds - 1));
}

TEST_CASE("workers' entries add up") {
  DigestEntry one, two, none;
  DigestStore::add(one, took(microseconds{100}));
  DigestStore::add(two, took(microseconds{300}, true, true));
  two.first = two.last = start + std::chrono::seconds{5};
  one.merge(two);
  none.merge(one);
  CHECK(none.count == 2);
  CHECK(none.errors == 1);
  CHECK(none.on_replicas == 1);
  CHECK(none.rows == 4);
  CHECK(none.total_ns == 400'000);
  CHECK(none.first == start);
  CHECK(none.last == two.last);
  CHECK(none.percentile_us(99) == 384);
}

TEST_CASE("the digest unused for longest makes room") {
  DigestStore store;
  for (std::uint64_t i = 0; i < DigestStore::most; ++i) store.entry(i, "schema", "user").text = "text";
  store.entry(0, "schema", "user");
  store.entry(DigestStore::most, "schema", "user");
  CHECK(store.entries().size() == DigestStore::most);
  CHECK(store.entry(0, "schema", "user").text == "text");
  CHECK(store.entry(1, "schema", "user").text.empty());  // it had to go
  for (std::uint64_t i = 0; i < 100'000; ++i) store.entry(i, std::string(10'000, 's'), std::string(10'000, 'u'));
  const auto all = store.entries();
  CHECK(all.size() == DigestStore::most);
  CHECK(all.front().schema.size() <= 256);
  CHECK(all.front().user.size() <= 256);
}

TEST_CASE("writers are remembered for a while, and not without end") {
  DigestStore store;
  CHECK_FALSE(store.is_writer(7, "a", start));
  store.note_writer(7, "a", start);
  CHECK(store.is_writer(7, "a", start));
  CHECK_FALSE(store.is_writer(7, "b", start));
  CHECK_FALSE(store.is_writer(8, "a", start));
  CHECK_FALSE(store.is_writer(7, "a", start + DigestStore::writer_for));
  for (std::uint64_t i = 0; i < DigestStore::most_writers; ++i)
    store.note_writer(100 + i, "a", start + std::chrono::seconds{1});
  CHECK_FALSE(store.is_writer(7, "a", start));  // the oldest
  CHECK(store.is_writer(100, "a", start));
}
