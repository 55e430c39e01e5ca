#include "proxy/base/log.h"

#include <fcntl.h>
#include <unistd.h>

#include <sstream>
#include <thread>
#include <vector>

#include "proxy/base/log_line.h"
#include "tests/unit/catch.h"

using namespace wye;
using log::Format;
using log::Level;

namespace {

const auto noon = std::chrono::system_clock::time_point{std::chrono::milliseconds{1'795'217'067'123}};

std::string text(log::Fields fields) { return log::format_line(Format::text, noon, Level::info, "e", fields); }
std::string json(log::Fields fields) { return log::format_line(Format::json, noon, Level::info, "e", fields); }
std::string value(std::string_view v) { return text({{"k", v}}).substr(text({}).size()); }

struct Pipe {
  Pipe() { REQUIRE(pipe2(fd, O_CLOEXEC) == 0); }
  ~Pipe() {
    close(fd[0]);
    if (fd[1] >= 0) close(fd[1]);
  }
  /// All lines until every writer has closed.
  std::vector<std::string> lines() {
    close(std::exchange(fd[1], -1));
    std::string all;
    char part[4096];
    for (ssize_t n; (n = read(fd[0], part, sizeof part)) > 0;) all.append(part, static_cast<std::size_t>(n));
    std::istringstream in{all};
    std::vector<std::string> out;
    for (std::string line; std::getline(in, line);) out.push_back(line);
    return out;
  }
  int fd[2];
};

}  // namespace

TEST_CASE("lines of text and of JSON") {
  const log::Fields fields = {
      {"server", "db1"}, {"lag_ms", 12}, {"up", true}, {"share", 0.25}, {"n", std::uint64_t{1} << 63}};
  CHECK(log::format_line(Format::text, noon, Level::info, "server_up", fields) ==
        "2026-11-20T23:24:27.123Z info  event=server_up server=db1 lag_ms=12 up=true share=0.25 n=9223372036854775808");
  CHECK(log::format_line(Format::json, noon, Level::warning, "server_up", fields, 7) ==
        R"({"time":"2026-11-20T23:24:27.123Z","level":"warn","event":"server_up","dropped":7,"server":"db1",)"
        R"("lag_ms":12,"up":true,"share":0.25,"n":9223372036854775808})");
}

TEST_CASE("values can't forge lines, fields or a terminal's sequences") {
  struct Row {
    std::string_view in, out;
  };
  using namespace std::string_view_literals;
  const Row rows[] = {
      {"plain", " k=plain"},
      {"", R"( k="")"},
      {"two words", R"( k="two words")"},
      {"a=b", R"( k="a=b")"},
      {"say \"hi\"", R"( k="say \"hi\"")"},
      {"back\\slash", R"( k="back\\slash")"},
      {"x\ny\rz\t", R"( k="x\ny\rz\t")"},
      {"\x1b[31m", R"( k="\x1b[31m")"},
      {"nul\0!"sv, R"( k="nul\x00!")"},
      {"\x7f", R"( k="\x7f")"},
      {"gr\xc3\xbc\xc3\x9f", " k=\"gr\xc3\xbc\xc3\x9f\""},
      {"\xf0\x9f\x90\xac", " k=\"\xf0\x9f\x90\xac\""},
      {"\xff\xfe", R"( k="\xff\xfe")"},
      {"\xc0\x80", R"( k="\xc0\x80")"},          // overlong
      {"\xed\xa0\x80", R"( k="\xed\xa0\x80")"},  // a surrogate
      {"\xf4\x90\x80\x80", R"( k="\xf4\x90\x80\x80")"},
      {"\xe2\x82", R"( k="\xe2\x82")"},          // cut off
      {"\xc2\x9b", R"( k="\xc2\x9b")"},          // CSI as one character
      {"\xe2\x80\xae", R"( k="\xe2\x80\xae")"},  // turns the direction of writing
  };
  for (const Row& row : rows) {
    INFO(row.out);
    CHECK(value(row.in) == row.out);
  }
  CHECK(json({{"k", "a\"\\\n\x01\xff"}}).substr(json({}).size() - 1) == R"(,"k":"a\"\\\n\u0001\ufffd"})");
  CHECK(text({{"a b\n=", 1}}).ends_with(" a_b__=1"));
}

TEST_CASE("values and lines have an end") {
  const std::string large(100'000, 'x');
  CHECK(value(large) == " k=\"" + std::string(log::longest_value, 'x') + "...\"");
  const std::string line = text({{"a", large}, {"b", large}, {"c", large}, {"d", large}, {"e", large}, {"last", 1}});
  CHECK(line.size() <= log::longest_line);
  CHECK(line.ends_with(" last=1"));  // whole fields are left out
  const std::string evil(100'000, '\x01');
  CHECK(json({{"a", evil}, {"b", evil}}).size() <= log::longest_line + 1);
  CHECK(json({{"a", evil}, {"b", evil}}).back() == '}');
}

TEST_CASE("an event's rate is limited, others are not touched") {
  log::RateLimit limit;
  const base::TimePoint t0{};
  int passed = 0;
  for (int i = 0; i < 1000; ++i) passed += limit.check("flood", t0).pass ? 1 : 0;
  CHECK(passed == 200);
  CHECK(limit.total_dropped() == 800);
  CHECK(limit.check("other", t0).pass);
  CHECK(!limit.check("flood", t0 + base::milliseconds{49}).pass);
  const auto later = limit.check("flood", t0 + base::milliseconds{51});
  CHECK(later.pass);
  CHECK(later.dropped == 801);
  CHECK(limit.check("flood", t0 + base::seconds{3600}).dropped == 0);
  for (int i = 0; i < 5000; ++i) (void)limit.check("name" + std::to_string(i), t0);
  CHECK(limit.check("flood", t0 + base::seconds{7200}).pass);
}

TEST_CASE("events of several threads arrive whole") {
  Pipe p;
  log::init(Level::info, Format::text, p.fd[1]);
  CHECK(log::enabled(Level::info));
  CHECK(!log::enabled(Level::debug));
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([t] {
        for (int i = 0; i < 40; ++i) log::info("tick", {{"thread", t}, {"i", i}});
        log::debug("unseen");
      });
    }
  }
  log::set_level(Level::debug);
  log::debug("seen");
  log::shutdown();
  const auto lines = p.lines();
  REQUIRE(lines.size() == 161);
  for (std::size_t i = 0; i < 160; ++i) CHECK(lines[i].find(" info  event=tick thread=") != std::string::npos);
  CHECK(lines[160].ends_with(" debug event=seen"));
  log::info("after the end");  // is no crash
}

TEST_CASE("a reader that stops reading holds up neither callers nor the end") {
  Pipe p;
  log::init(Level::debug, Format::text, p.fd[1]);
  const std::string filler(1000, 'x');
  const auto start = base::Clock::now();
  for (int i = 0; i < 5000; ++i) log::debug("filler", {{"x", filler}});  // a pipe takes 64 of these
  CHECK(base::Clock::now() - start < base::seconds{2});
  const auto closing = base::Clock::now();
  log::shutdown();
  CHECK(base::Clock::now() - closing < base::seconds{5});
  for (const auto& line : p.lines()) CHECK(line.ends_with(filler));
}
