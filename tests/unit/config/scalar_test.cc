#include "proxy/config/scalar.h"

#include <cstdlib>

#include "tests/unit/catch.h"

using namespace wye::config;
using wye::base::milliseconds;

TEST_CASE("durations have a unit") {
  struct Row {
    const char* text;
    std::int64_t ms;  // -1: a mistake
  };
  const Row rows[] = {{"250ms", 250},
                      {"10s", 10'000},
                      {"5m", 300'000},
                      {"8h", 28'800'000},
                      {"1d", 86'400'000},
                      {"0", 0},
                      {"0s", 0},
                      {"", -1},
                      {"5", -1},
                      {"s", -1},
                      {"-1s", -1},
                      {"+1s", -1},
                      {"1.5s", -1},
                      {"10 s", -1},
                      {" 10s", -1},
                      {"10S", -1},
                      {"1us", -1},
                      {"10sec", -1},
                      {"99999999999999999999s", -1},
                      {"9223372036854775807d", -1},
                      {"0x10s", -1}};
  for (const Row& row : rows) {
    INFO(row.text);
    const auto d = parse_duration(row.text);
    CHECK(static_cast<bool>(d) == (row.ms >= 0));
    if (d) CHECK(d->count() == row.ms);
  }
}

TEST_CASE("sizes are powers of 1024") {
  struct Row {
    const char* text;
    std::uint64_t bytes;  // 0: a mistake
  };
  const Row rows[] = {
      {"512B", 512}, {"64KiB", 65'536}, {"64MiB", 67'108'864}, {"1GiB", 1'073'741'824},       {"64", 0}, {"64MB", 0},
      {"64M", 0},    {"MiB", 0},        {"-1MiB", 0},          {"18446744073709551615GiB", 0}};
  for (const Row& row : rows) {
    INFO(row.text);
    const auto n = parse_size(row.text);
    CHECK(static_cast<bool>(n) == (row.bytes > 0));
    if (n) CHECK(*n == row.bytes);
  }
}

TEST_CASE("what is shown can be read again") {
  for (const std::int64_t ms : {0L, 1L, 999L, 1000L, 1500L, 60'000L, 90'000L, 3'600'000L, 28'800'000L, 86'400'000L}) {
    const auto d = parse_duration(to_text(milliseconds{ms}));
    REQUIRE(d);
    CHECK(d->count() == ms);
  }
  CHECK(to_text(milliseconds{28'800'000}) == "8h");
  CHECK(size_text(64u << 20) == "64MiB");
}

TEST_CASE("modes are octal") {
  CHECK(*parse_mode("0600") == 0600);
  CHECK(*parse_mode("660") == 0660);
  for (const char* bad : {"", "0800", "1777", "rw", "-600", "0o600", "600 "}) {
    INFO(bad);
    CHECK(!parse_mode(bad));
  }
}

TEST_CASE("addresses get a normal form") {
  struct Row {
    const char *text, *normal;  // normal null: a mistake
  };
  const Row rows[] = {{"10.0.0.1:3306", "10.0.0.1:3306"},
                      {"db.example", "db.example:3306"},
                      {"[::1]:3307", "[::1]:3307"},
                      {"[::1]", "[::1]:3306"},
                      {"unix:/run/mysqld.sock", "unix:/run/mysqld.sock"},
                      {"db:03306", "db:3306"},
                      {"", nullptr},
                      {":3306", nullptr},
                      {"db:", nullptr},
                      {"db:0", nullptr},
                      {"db:65536", nullptr},
                      {"db:33a", nullptr},
                      {"::1", nullptr},
                      {"::1:3306", nullptr},
                      {"[::1", nullptr},
                      {"[x]:1", nullptr},
                      {"[::1]3306", nullptr},
                      {"unix:", nullptr},
                      {"unix:relative", nullptr},
                      {"a b:1", nullptr},
                      {"root:secret@db:3306", nullptr},
                      {"db/:3306", nullptr}};
  for (const Row& row : rows) {
    INFO(row.text);
    const auto a = parse_address(row.text, 3306, false);
    CHECK(static_cast<bool>(a) == (row.normal != nullptr));
    if (a && row.normal != nullptr) CHECK(*a == row.normal);
  }
  CHECK(!parse_address("10.0.0.1", 0, true));
  CHECK(*parse_address("127.0.0.1:0", 0, true) == "127.0.0.1:0");
  CHECK(!parse_address("unix:/" + std::string(107, 'x'), 0, false));
  CHECK(parse_address("unix:/" + std::string(106, 'x'), 0, false));
  CHECK(!parse_address(std::string_view{"[::1\0]:3306", 11}, 3306, false));
}

TEST_CASE("networks") {
  CHECK(*parse_network("10.0.0.0/8") == "10.0.0.0/8");
  CHECK(*parse_network("10.1.2.3") == "10.1.2.3/32");
  CHECK(*parse_network("fd00::/8") == "fd00::/8");
  for (const char* bad : {"", "/8", "10.0.0.0/33", "fd00::/129", "10.0.0/8", "10.0.0.0/", "10.0.0.0/-1", "host/8"}) {
    INFO(bad);
    CHECK(!parse_network(bad));
  }
}

TEST_CASE("the environment stands in for any part of a value") {
  setenv("WYE_TEST_A", "alpha", 1);
  setenv("WYE_TEST_EMPTY", "", 1);
  unsetenv("WYE_TEST_NOT_SET");
  bool used = false;
  CHECK(*expand("plain $ text", &used) == "plain $ text");
  CHECK(!used);
  CHECK(*expand("<${WYE_TEST_A}${WYE_TEST_EMPTY}>", &used) == "<alpha>");
  CHECK(used);
  CHECK(*expand("$${WYE_TEST_A}") == "${WYE_TEST_A}");
  CHECK(expand("${WYE_TEST_NOT_SET}").error().message == "the environment variable WYE_TEST_NOT_SET is not set");
  for (const char* bad : {"${", "${}", "${A B}", "${1A}", "x${WYE_TEST_A"}) {
    INFO(bad);
    CHECK(!expand(bad));
  }
  setenv("WYE_TEST_NESTED", "${WYE_TEST_A}", 1);
  CHECK(*expand("${WYE_TEST_NESTED}") == "${WYE_TEST_A}");  // once only
}
