#include "proxy/routing/rules.h"

#include <algorithm>
#include <charconv>

#include "proxy/config/regex.h"
#include "proxy/config/scalar.h"
#include "proxy/sql/tables.h"

namespace wye::routing {
namespace {

bool same(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](char x, char y) { return lower(x) == lower(y); });
}

bool holds(const std::vector<std::string>& values, std::string_view value) {
  return std::find(values.begin(), values.end(), value) != values.end();
}

std::uint64_t from_hex(const std::string& digits) {
  std::uint64_t value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  return value;
}

struct Table {
  std::string schema, name;  // schema empty: any
};

Table table_of(const std::string& text) {
  const auto dot = text.find('.');
  return dot == std::string::npos ? Table{{}, text} : Table{text.substr(0, dot), text.substr(dot + 1)};
}

void say(std::string& words, const std::string& more) { words += (words.empty() ? "" : ", ") + more; }

void say(std::string& words, const char* what, const std::vector<std::string>& values) {
  if (values.empty()) return;
  std::string list;
  for (const auto& value : values) list += (list.empty() ? "" : " or ") + value;
  say(words, std::string{what} + " " + list);
}

std::string matches_in_words(const config::Rule& r) {
  std::string words;
  say(words, "user", r.user);
  say(words, "schema", r.schema);
  say(words, "client", r.client);
  say(words, "digest", r.digest);
  say(words, "table", r.table);
  if (!r.regex.empty()) say(words, "text like /" + r.regex + "/");
  return words.empty() ? "every statement" : words;
}

std::string sets_in_words(const config::Rule& r) {
  std::string words;
  if (!r.route.empty()) say(words, "route " + r.route + (r.server.empty() ? "" : "=" + r.server));
  if (!r.consistency.empty()) say(words, "consistency " + r.consistency);
  if (r.max_lag) say(words, "max_lag " + config::to_text(*r.max_lag));
  if (!r.tag.empty()) say(words, "tag " + r.tag);
  if (r.timeout) say(words, "timeout " + config::to_text(*r.timeout));
  if (!r.reject.empty()) say(words, "reject \"" + r.reject + "\"");
  return words;
}

Rule effects_of(const config::Rule& r) {
  Rule rule;
  rule.name = r.name;
  rule.to = r.route == "primary"   ? Rule::To::primary
            : r.route == "replica" ? Rule::To::replica
            : r.route == "server"  ? Rule::To::server
                                   : Rule::To::unset;
  rule.server = r.server;
  rule.tag = r.tag;
  rule.reject = r.reject;
  if (!r.consistency.empty()) rule.consistency = parse_consistency(r.consistency);
  rule.max_lag = r.max_lag;
  rule.timeout = r.timeout;
  rule.matches = matches_in_words(r);
  rule.sets = sets_in_words(r);
  return rule;
}

const char* word(Rule::To to) {
  return to == Rule::To::primary ? "primary" : to == Rule::To::replica ? "replica" : "server";
}

}  // namespace

/// The cheap ones first: most statements fail at the first field.
struct Rules::Match {
  std::vector<std::string> users, schemas;
  protocol::Networks clients;
  std::vector<std::uint64_t> digests;
  std::vector<Table> tables;
  std::unique_ptr<RE2> regex;

  bool cheap(const Subject& subject) const {
    if (!users.empty() && !holds(users, subject.user)) return false;
    if (!digests.empty() && std::find(digests.begin(), digests.end(), subject.digest) == digests.end()) return false;
    if (!clients.empty() && (subject.client == nullptr || !clients.contains(*subject.client))) return false;
    return schemas.empty() || std::any_of(schemas.begin(), schemas.end(),
                                          [&](const auto& schema) { return same(schema, subject.schema); });
  }
  bool names(const std::vector<sql::TableName>& named, std::string_view schema) const {
    return std::any_of(named.begin(), named.end(), [&](const sql::TableName& name) {
      return std::any_of(tables.begin(), tables.end(), [&](const Table& table) {
        const bool there = table.schema.empty() || same(table.schema, name.schema.empty() ? schema : name.schema);
        return there && same(table.name, name.table);
      });
    });
  }
};

std::uint64_t Hits::value() const {
  std::uint64_t sum = 0;
  for (const Count& count : counts_) sum += count.n.load(std::memory_order_relaxed);
  return sum;
}

Rules::Rules() = default;
Rules::~Rules() = default;

base::Result<std::shared_ptr<const Rules>> Rules::make(const std::vector<config::Rule>& rules, std::size_t workers,
                                                       const Rules* before) {
  if (rules.empty()) return std::shared_ptr<const Rules>{};
  const std::shared_ptr<Rules> made{new Rules};
  for (const config::Rule& r : rules) {
    auto match = std::make_unique<Match>();
    match->users = r.user;
    match->schemas = r.schema;
    for (const auto& network : r.client) match->clients.add(network);
    for (const auto& digest : r.digest) match->digests.push_back(from_hex(digest));
    for (const auto& table : r.table) match->tables.push_back(table_of(table));
    if (!r.regex.empty()) {
      match->regex = std::make_unique<RE2>(r.regex, config::regex_options());
      if (!match->regex->ok()) return base::Error{1105, "HY000", "rule " + r.name + ": " + match->regex->error()};
    }
    Rule rule = effects_of(r);
    if (before != nullptr) {
      const auto& old = before->rules_;
      const auto it = std::find_if(old.begin(), old.end(), [&](const Rule& o) { return o.name == r.name; });
      if (it != old.end()) rule.hits = it->hits;
    }
    if (rule.hits == nullptr) rule.hits = std::make_shared<const Hits>(workers);
    made->matches_.push_back(std::move(match));
    made->rules_.push_back(std::move(rule));
  }
  return std::shared_ptr<const Rules>{made};
}

const Rule* Rules::match(const Subject& subject) const {
  std::optional<std::vector<sql::TableName>> named;  // looked for once, when a rule first asks
  for (std::size_t i = 0; i < rules_.size(); ++i) {
    const Match& match = *matches_[i];
    if (!match.cheap(subject)) continue;
    if (!match.tables.empty()) {
      if (!named) named = sql::tables_of(subject.text, subject.dialect);
      if (!match.names(*named, subject.schema)) continue;
    }
    if (match.regex != nullptr &&
        !RE2::PartialMatch(re2::StringPiece{subject.text.data(), subject.text.size()}, *match.regex))
      continue;
    return &rules_[i];
  }
  return nullptr;
}

bool rule_may_move(const sql::Facts& facts) {
  if (facts.kind == sql::Kind::call) return facts.replica_ok;
  if (facts.kind != sql::Kind::read || facts.has(sql::fx_may_commit_unreported)) return false;
  if (facts.replica_ok) return true;
  return facts.why == sql::Why::system_schema || facts.why == sql::Why::show_server ||
         facts.why == sql::Why::server_variable;
}

bool rejects(const Rule& rule, const sql::Facts& facts) {
  return !rule.reject.empty() && facts.kind != sql::Kind::commit && facts.kind != sql::Kind::rollback;
}

std::string rule_in_words(const Rule* rule, const sql::Facts& facts, Reason reason) {
  if (rule == nullptr) return {};
  const bool taken = reason == Reason::rule_primary || reason == Reason::rule_replica || reason == Reason::rule_server;
  if (rule->to == Rule::To::unset || taken || !rule->reject.empty()) return rule->name;
  std::string why = name(reason);
  if (rule->to != Rule::To::primary && facts.kind != sql::Kind::read && facts.kind != sql::Kind::begin)
    why += ", rules move reads only";
  const std::string route = rule->to == Rule::To::server ? "server=" + rule->server : word(rule->to);
  return rule->name + " (not " + route + ": " + why + ")";
}

}  // namespace wye::routing
