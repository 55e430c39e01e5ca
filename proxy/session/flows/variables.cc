#include "proxy/session/flows/variables.h"

#include <algorithm>
#include <iterator>

namespace wye::session {

namespace {

bool is_number(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  bool digit = false, point = false;
  for (const char c : text) {
    if (c >= '0' && c <= '9') {
      digit = true;
    } else if (c == '.' && !point) {
      point = true;
    } else {
      return false;
    }
  }
  return digit;
}

}  // namespace

bool moves_by_itself(std::string_view variable) {
  static constexpr std::string_view names[] = {"error_count",         "gtid_next",        "identity",
                                               "insert_id",           "in_transaction",   "last_gtid",
                                               "last_insert_id",      "proxy_user",       "pseudo_slave_mode",
                                               "pseudo_replica_mode", "pseudo_thread_id", "rand_seed1",
                                               "rand_seed2",          "skip_replication", "sql_log_bin",
                                               "statement_id",        "timestamp",        "transaction_read_only",
                                               "tx_read_only",        "warning_count"};
  return std::find(std::begin(names), std::end(names), variable) != std::end(names) ||
         variable.starts_with("session_track_");
}

std::string quoted(std::string_view text, bool no_backslash_escapes) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') out += '\'';
    if (c == '\\' && !no_backslash_escapes) out += '\\';
    out += c;
  }
  return out += '\'';
}

bool is_on(std::string_view value) { return value == "ON" || value == "1"; }

// Values that are numbers in the tracker's text but strings to SET, and the reverse, are told apart by the variable's
// name where the text alone does not.
std::string assignment(std::string_view variable, std::string_view value, bool no_backslash_escapes) {
  std::string sql = "@@session." + std::string(variable) + "=";
  if (value.empty() && variable.starts_with("character_set_")) return sql + "NULL";
  if (value == collation_of_schema || value == collation_of_server) return sql + std::string(value);
  if (is_number(value) && variable != "time_zone" && variable != "sql_mode") return sql + std::string(value);
  return sql + quoted(value, no_backslash_escapes);
}

bool same_in(const Variables& a, const Variables& b, std::string_view variable) {
  const auto x = a.find(variable);
  const auto y = b.find(variable);
  return (x == a.end()) == (y == b.end()) && (x == a.end() || x->second == y->second);
}

bool pair_differs(const Variables& wanted, const Variables& there, std::string_view variable) {
  for (const CharsetPair& pair : charset_pairs) {
    if (variable == pair.charset || variable == pair.collation)
      return !same_in(wanted, there, pair.charset) || !same_in(wanted, there, pair.collation);
  }
  return false;
}

bool is_collation(std::string_view variable) {
  return std::any_of(std::begin(charset_pairs), std::end(charset_pairs),
                     [&](const CharsetPair& pair) { return pair.collation == variable; });
}

bool is_set_by_names(std::string_view variable) {
  return std::find(std::begin(set_by_names), std::end(set_by_names), variable) != std::end(set_by_names);
}

void Assignments::names(const std::string& clause, const Variables& become) {
  next();
  sql_ += clause;
  for (const std::string_view variable : set_by_names) {
    const auto value = become.find(variable);
    follows(variable, value == become.end() ? std::string_view{} : std::string_view{value->second});
  }
}

void Assignments::set(std::string_view variable, std::string_view value) {
  next();
  sql_ += assignment(variable, value, no_backslash_escapes_);
  follows(variable, value);
}

void Assignments::reset(const std::string& variable, bool autocommit) {
  next();
  sql_ += "@@session." + variable;
  if (variable == "autocommit") {
    sql_ += autocommit ? "=1" : "=0";
  } else if (variable == "foreign_key_checks" || variable == "unique_checks") {
    sql_ += "=@@global." + variable;  // = DEFAULT switches them off (tried on MySQL 9.7.4)
  } else {
    sql_ += "=DEFAULT";
  }
}

void Assignments::note(Variables& there) const {
  for (const auto& [variable, value] : become_) there.insert_or_assign(variable, value);
}

}  // namespace wye::session
