// routing.rules: each mistake in its place, and what a rule without mistakes holds.
#include <filesystem>
#include <fstream>
#include <sstream>

#include "proxy/config/config.h"
#include "tests/unit/catch.h"

using namespace wye::config;

namespace {

std::string show(const std::vector<Mistake>& list) {
  std::string out;
  for (const Mistake& m : list) out += std::to_string(m.line) + ":" + std::to_string(m.column) + ": " + m.text + "\n";
  return out;
}

/// Servers db1 and report (tag slow); the first rule is at column 4 of line 5.
Loaded load(const std::string& rules) {
  return load_text(
      "servers: [a:1, {name: report, address: b:1, tags: [slow]}]\n"
      "monitor: {user: wye, password: x}\n"
      "routing:\n"
      " rules:\n" +
      rules);
}

}  // namespace

TEST_CASE("mistakes in rules") {
  const std::pair<const char*, const char*> rows[] = {
      {"- {user: a}", "5:4: routing.rules[0] does nothing: set route, consistency, max_lag, tag, timeout or reject\n"},
      {"- {usr: a, route: replica}", "5:5: unknown key \"usr\" in routing.rules[0], did you mean \"user\"?\n"},
      {"- {client: 10.0.0.0/33, route: replica}",
       "5:13: routing.rules[0].client: not a network: write it like 10.0.0.0/8 or fd00::/8\n"},
      {"- {client: [10.0.0.0/8, here], route: replica}",
       "5:26: routing.rules[0].client[1]: not a network: write it like 10.0.0.0/8 or fd00::/8\n"},
      {"- {regex: 'a(b', route: replica}", "5:12: routing.rules[0].regex: not an RE2 expression: missing ): a(b\n"},
      {"- {regex: '(?<=a)b', route: replica}",
       "5:12: routing.rules[0].regex: not an RE2 expression: invalid perl operator: (?<\n"},
      {"- {digest: 12, route: replica}",
       "5:13: routing.rules[0].digest: must be 16 hexadecimal digits, as SHOW DIGESTS prints them\n"},
      {"- {table: a.b.c, route: replica}", "5:12: routing.rules[0].table: write it like orders or shop.orders\n"},
      {"- {table: .b, route: replica}", "5:12: routing.rules[0].table: write it like orders or shop.orders\n"},
      {"- {user: '', route: replica}", "5:11: routing.rules[0].user: is empty\n"},
      {"- {user: [], route: replica}", "5:11: routing.rules[0].user: needs at least one value\n"},
      {"- {user: {a: b}, route: replica}", "5:11: routing.rules[0].user: must be a single value\n"},
      {"- {route: server=reprt}", "5:12: routing.rules[0].route: no server has this name, did you mean \"report\"?\n"},
      {"- {route: server=other}", "5:12: routing.rules[0].route: no server has this name\n"},
      {"- {route: report}",
       "5:12: routing.rules[0].route: must be primary, replica or server=NAME, did you mean \"server=report\"?\n"},
      {"- {route: repica}",
       "5:12: routing.rules[0].route: must be primary, replica or server=NAME, did you mean \"replica\"?\n"},
      {"- {consistency: globl}",
       "5:18: routing.rules[0].consistency: must be eventual, monotonic, session, global or primary, did you mean "
       "\"global\"?\n"},
      {"- {max_lag: 5}", "5:14: routing.rules[0].max_lag: not a duration: write it like 250ms, 10s, 5m or 8h\n"},
      {"- {timeout: 0}", "5:14: routing.rules[0].timeout: must be between 1ms and 1d\n"},
      {"- {reject: ''}", "5:13: routing.rules[0].reject: is empty: it is what the client is told\n"},
      {"- {reject: no, route: primary}",
       "5:13: routing.rules[0].reject: a rule that rejects can't set anything else\n"},
      {"- {name: 'a b', route: primary}", "5:11: routing.rules[0].name: 1 to 64 letters, digits, _, - or .\n"},
      {"- {name: a, user: x, route: primary}\n - {name: a, user: y, route: primary}",
       "6:4: routing.rules[1]: the name a is there twice\n"},
      {"- {regex: '(', route: server=x, usr: y}",
       "5:12: routing.rules[0].regex: not an RE2 expression: missing ): (\n"
       "5:24: routing.rules[0].route: no server has this name\n"
       "5:34: unknown key \"usr\" in routing.rules[0], did you mean \"user\"?\n"},
  };
  for (const auto& [rules, mistakes] : rows) {
    INFO(rules);
    const Loaded l = load(std::string{" "} + rules + "\n");
    CHECK(show(l.mistakes) == mistakes);
    CHECK_FALSE(l.config.has_value());
  }
}

TEST_CASE("a rule holds what the file says, lists and single values alike") {
  const Loaded l = load(
      " - {name: reports, user: [report, bi], schema: shop, client: [10.0.0.0/8, fd00::1], digest: 00FF00ff00ff00ff,\n"
      "    table: [orders, shop.items], regex: 'select.*x', route: server=report, consistency: eventual, max_lag: 1h,\n"
      "    tag: slow, timeout: 250ms}\n"
      " - {user: x, reject: 'not today'}\n");
  CHECK(show(l.mistakes).empty());
  CHECK(show(l.warnings).empty());
  REQUIRE(l.config);
  const Rule& r = l.config->routing.rules.at(0);
  using List = std::vector<std::string>;
  CHECK(r.name == "reports");
  CHECK(r.user == List{"report", "bi"});
  CHECK(r.schema == List{"shop"});
  CHECK(r.client == List{"10.0.0.0/8", "fd00::1/128"});
  CHECK(r.digest == List{"00ff00ff00ff00ff"});
  CHECK(r.table == List{"orders", "shop.items"});
  CHECK(r.route == "server");
  CHECK(r.server == "report");
  CHECK(r.max_lag == milliseconds{3'600'000});
  CHECK(r.timeout == milliseconds{250});
  CHECK(l.config->routing.rules.at(1).name == "rule2");
  CHECK(l.config->routing.rules.at(1).reject == "not today");
}

TEST_CASE("what is no mistake but can't be meant is a warning") {
  CHECK(show(load(" - {route: primary}\n - {user: a, route: primary}\n").warnings) ==
        "5:4: routing.rules[0]: matches every statement: the rules behind it never apply\n");
  CHECK(show(load(" - {user: a, tag: fast}\n").warnings) ==
        "5:19: routing.rules[0].tag: no server has this tag: no replica is eligible\n");
}

TEST_CASE("the examples of docs/RULES.md load") {
  std::ifstream in{std::filesystem::path{WYE_TEST_DATA} / "../../../docs/RULES.md"};
  std::ostringstream all;
  all << in.rdbuf();
  const std::string text = all.str(), begin = "```yaml\n";
  int examples = 0;
  for (std::size_t at = 0; (at = text.find(begin, at)) != std::string::npos; ++examples) {
    at += begin.size();
    const std::string yaml = text.substr(at, text.find("```", at) - at);
    INFO(yaml);
    const Loaded l =
        load_text("servers: [a:1, b:1, {address: c:1, tags: [slow]}]\nmonitor: {user: wye, password: x}\n" + yaml);
    CHECK(show(l.mistakes).empty());
    CHECK(show(l.warnings).empty());
  }
  CHECK(examples == 3);
}
