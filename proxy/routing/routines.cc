#include "proxy/routing/routines.h"

#include <algorithm>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "proxy/sql/ascii.h"
#include "proxy/sql/lexer.h"

namespace wye::routing {
namespace {

std::string folded(std::string_view text) {
  std::string out;
  for (const char c : text) out += sql::lower(c);
  return out;
}

/// The server compares by a collation; where that is more than upper and lower case, it is not known here. A backtick
/// is doubled in a statement and not in the catalog.
bool is_plain(std::string_view name) {
  return !name.empty() && std::none_of(name.begin(), name.end(), [](char c) {
    return sql::is_high(c) || sql::is_control(c) || c == '`' || c == '"';
  });
}

/// FOUND_ROWS() after a CALL without a SELECT is that of the statement before it, wherever that ran.
bool may_select(const topology::Routine& routine) {
  return !routine.procedure || folded(routine.body).find("select") != std::string::npos;
}

sql::Dialect dialect_of(const topology::Routine& routine, const topology::Version& version) {
  const auto has = [&](std::string_view mode) { return routine.sql_mode.find(mode) != std::string::npos; };
  sql::Dialect dialect;
  dialect.mariadb = version.flavour == topology::Flavour::mariadb;
  dialect.version = version.number;
  dialect.ansi_quotes = has("ANSI_QUOTES");
  dialect.no_backslash_escapes = has("NO_BACKSLASH_ESCAPES");
  dialect.ignore_space = has("IGNORE_SPACE");
  return dialect;
}

/// As they are written there.
void add_user_variables(std::string_view body, std::set<std::string>& out) {
  sql::Lexer lexer{body, {}};
  for (sql::Token token = lexer.next(); token.kind != sql::TokenKind::end; token = lexer.next()) {
    if (token.kind == sql::TokenKind::unterminated || token.kind == sql::TokenKind::uncertain) return;
    if (token.kind != sql::TokenKind::user_variable) continue;
    const char before = token.text.data()[-1];
    const std::string quote = before == '@' ? std::string{} : std::string{before};
    out.insert("@" + quote + std::string{token.text} + quote);
  }
}

}  // namespace

std::string Routines::key(bool procedure, std::string_view schema, std::string_view name) const {
  if (!is_plain(schema) || !is_plain(name)) return {};
  return (procedure ? "p`" : "f`") + (fold_schemas_ ? folded(schema) : std::string{schema}) + '`' + folded(name);
}

Routines::Routines(const topology::Routines& from, const topology::Version& version)
    : fold_schemas_{from.fold_schemas} {
  for (const auto& package : from.packages) packages_.insert(folded(package));
  std::unordered_map<std::string, std::vector<std::string>> calls;
  for (const auto& routine : from.readers) {
    const std::string name = key(routine.procedure, routine.schema, routine.name);
    std::vector<sql::CalledRoutine> called;
    const bool oracle = routine.sql_mode.find("ORACLE") != std::string::npos;  // another language
    if (name.empty() || oracle || !may_select(routine) ||
        !sql::body_only_reads(routine.body, dialect_of(routine, version), called))
      continue;
    readers_.insert(name);
    for (const auto& other : called) {
      const std::string_view schema = other.schema.empty() ? std::string_view{routine.schema} : other.schema;
      const bool package = packages_.contains(folded(schema)) || packages_.contains(folded(other.name));
      calls[name].push_back(package ? std::string{} : key(other.procedure, schema, other.name));
    }
  }
  std::set<std::string> variables;
  for (const std::string& body : from.triggers) add_user_variables(body, variables);
  for (const std::string& variable : variables)
    trigger_variables_ += (trigger_variables_.empty() ? "" : ", ") + variable;
  // Who calls one that may write is one, too.
  const auto writes = [this](const std::string& called) { return !readers_.contains(called); };
  for (bool again = true; std::exchange(again, false);) {
    for (const auto& [caller, all] : calls) {
      if (readers_.contains(caller) && std::any_of(all.begin(), all.end(), writes)) again = readers_.erase(caller) > 0;
    }
  }
}

bool Routines::only_reads(bool procedure, std::string_view schema, std::string_view name) const {
  const std::string wanted = key(procedure, schema, name);
  if (wanted.empty() || !readers_.contains(wanted)) return false;
  return packages_.empty() || (!packages_.contains(folded(schema)) && !packages_.contains(folded(name)));
}

std::shared_ptr<const Routines> RoutinesOfTopology::follow(const topology::Topology& topology) {
  if (topology.routines == nullptr || !topology.primary) return nullptr;
  const auto& version = topology.servers[*topology.primary].version;
  if (from_ == topology.routines && version_ == version.text) return routines_;
  from_ = topology.routines;
  version_ = version.text;
  routines_ = std::make_shared<const Routines>(*from_, version);
  return routines_;
}

}  // namespace wye::routing
