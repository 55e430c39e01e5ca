// routing.rules (routing.md 6): what a rule matches on, and what it sets.
#include <algorithm>
#include <set>

#include "proxy/config/regex.h"
#include "proxy/config/sections.h"
#include "proxy/config/suggest.h"

namespace wye::config {
namespace {

using Checked = Result<std::string>;

base::Error wrong(std::string text) { return {0, "HY000", std::move(text)}; }

Checked some_text(const std::string& text) {
  if (text.empty()) return wrong("is empty");
  return text;
}

Checked network(const std::string& text) { return parse_network(text); }

/// As SHOW DIGESTS prints it.
Checked digest(const std::string& text) {
  constexpr std::size_t digits = 16;
  std::string lower = text;
  for (char& c : lower) c = c >= 'A' && c <= 'F' ? static_cast<char>(c | 0x20) : c;
  if (lower.size() != digits || lower.find_first_not_of("0123456789abcdef") != std::string::npos)
    return wrong("must be 16 hexadecimal digits, as SHOW DIGESTS prints them");
  return lower;
}

Checked table(const std::string& text) {
  const auto dot = text.find('.');
  const bool bad = text.empty() || dot == 0 || (dot != std::string::npos && dot + 1 == text.size());
  if (bad || std::count(text.begin(), text.end(), '.') > 1) return wrong("write it like orders or shop.orders");
  return text;
}

void read_regex(Map& m, Rule& r) {
  if (!m.text("regex", r.regex) || r.regex.empty()) return;
  const RE2 compiled{r.regex, regex_options()};
  if (!compiled.ok()) m.mistake("regex", "not an RE2 expression: " + compiled.error());
}

std::vector<std::string> names_of(const std::vector<ServerEntry>& servers) {
  std::vector<std::string> names;
  for (const auto& server : servers) names.push_back(server.name);
  return names;
}

bool read_route(Map& m, Rule& r, const Config& c) {
  constexpr std::string_view by_name = "server=";
  if (!m.text("route", r.route)) return false;
  if (r.route == "primary" || r.route == "replica") return true;
  if (r.route.starts_with(by_name)) {
    r.server = r.route.substr(by_name.size());
    r.route = "server";
    const auto names = names_of(c.servers);
    if (std::find(names.begin(), names.end(), r.server) == names.end())
      m.mistake("route", "no server has this name" + did_you_mean(r.server, names));
    return true;
  }
  const bool name_alone = [&] {
    const auto names = names_of(c.servers);
    return std::find(names.begin(), names.end(), r.route) != names.end();
  }();
  m.mistake("route",
            "must be primary, replica or server=NAME" + (name_alone ? ", did you mean \"server=" + r.route + "\"?"
                                                                    : did_you_mean(r.route, {"primary", "replica"})));
  return true;
}

bool read_effects(Map& m, Rule& r, const Config& c) {
  bool does = read_route(m, r, c);
  does |= m.choice("consistency", r.consistency, {"eventual", "monotonic", "session", "global", "primary"});
  does |= m.duration("max_lag", r.max_lag, {milliseconds{0}, milliseconds{86'400'000}});
  if (m.text("tag", r.tag)) {
    does = true;
    const bool known = std::any_of(c.servers.begin(), c.servers.end(), [&](const auto& server) {
      return std::find(server.tags.begin(), server.tags.end(), r.tag) != server.tags.end();
    });
    if (!known && !r.tag.empty())
      m.report().warning(m.mark_of("tag"), m.path_of("tag") + ": no server has this tag: no replica is eligible");
  }
  does |= m.duration("timeout", r.timeout, {milliseconds{1}, milliseconds{86'400'000}});
  if (!m.text("reject", r.reject)) return does;
  if (r.reject.empty()) m.mistake("reject", "is empty: it is what the client is told");
  if (does) m.mistake("reject", "a rule that rejects can't set anything else");
  return true;
}

Rule one_rule(Map& m, const Config& c) {
  Rule r;
  if (m.text("name", r.name) && !valid_name(r.name)) m.mistake("name", "1 to 64 letters, digits, _, - or .");
  m.one_or_more("user", r.user, some_text);
  m.one_or_more("schema", r.schema, some_text);
  m.one_or_more("client", r.client, network);
  m.one_or_more("digest", r.digest, digest);
  m.one_or_more("table", r.table, table);
  read_regex(m, r);
  if (!read_effects(m, r, c))
    m.report().mistake(m.mark(), m.path() + " does nothing: set route, consistency, max_lag, tag, timeout or reject");
  return r;
}

bool matches_all(const Rule& r) {
  return r.user.empty() && r.schema.empty() && r.client.empty() && r.digest.empty() && r.table.empty() &&
         r.regex.empty();
}

}  // namespace

void read_rules(Map& routing, Config& c) {
  auto& rules = c.routing.rules;
  std::vector<YAML::Mark> marks;
  routing.each("rules", [&](const YAML::Node& n, const std::string& path) {
    Map m{routing.report(), n, path};
    if (!n.IsMap()) return;
    rules.push_back(one_rule(m, c));
    if (rules.back().name.empty()) rules.back().name = "rule" + std::to_string(marks.size() + 1);
    marks.push_back(n.Mark());
    m.finish();
  });
  std::set<std::string> names;
  for (std::size_t i = 0; i < rules.size(); ++i) {
    const std::string path = routing.path_of("rules") + "[" + std::to_string(i) + "]";
    if (!names.insert(rules[i].name).second)
      routing.report().mistake(marks[i], path + ": the name " + rules[i].name + " is there twice");
    if (matches_all(rules[i]) && i + 1 < rules.size())
      routing.report().warning(marks[i], path + ": matches every statement: the rules behind it never apply");
  }
  if (rules.size() > 1000) routing.mistake("rules", "has at most 1000 rules");
}

}  // namespace wye::config
