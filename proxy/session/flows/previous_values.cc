#include "proxy/session/flows/previous_values.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <climits>
#include <iterator>
#include <span>
#include <utility>

#include "proxy/session/flows/session_state.h"
#include "proxy/sql/ascii.h"
#include "proxy/sql/lexer.h"
#include "proxy/sql/previous.h"
#include "proxy/sql/substitute.h"

namespace wye::session {

namespace {

/// Did it perhaps change what LAST_INSERT_ID() says? The number in the OK is not always that (routing.md 1).
bool may_set_insert_id(const PreviousValues::Ran& ran, const sql::Facts& facts) {
  if (!ran.primary) return false;
  if (ran.insert_id != 0 || facts.has(sql::fx_last_insert_id) || facts.has(sql::fx_stored_function)) return true;
  switch (facts.kind) {
    case sql::Kind::read:
    case sql::Kind::begin:
    case sql::Kind::commit:
    case sql::Kind::rollback:
    case sql::Kind::savepoint:
    case sql::Kind::use:
    case sql::Kind::empty:
      return facts.several;
    case sql::Kind::write:
      return ran.failed || facts.several || facts.why != sql::Why::ddl;
    default:
      return true;
  }
}

/// MariaDB clears the conditions only for statements with tables (tried on 10.11.19).
bool leaves_conditions(const PreviousValues::Ran& ran, const sql::Facts& facts, std::string_view text,
                       const sql::Dialect& dialect) {
  if (ran.failed || ran.warnings > 0) return false;
  if (facts.has(sql::fx_previous_result) && (sql::same(facts.verb, "show") || sql::same(facts.verb, "get")))
    return true;
  switch (facts.kind) {
    case sql::Kind::read:
      if (sql::same(facts.verb, "show")) return sql::shows_without_table(text, dialect);
      return (facts.effects & (sql::fx_mentions_table | sql::fx_sequence)) == 0 &&
             !sql::has_derived_table(text, dialect);
    case sql::Kind::begin:
    case sql::Kind::commit:
    case sql::Kind::rollback:
    case sql::Kind::savepoint:
    case sql::Kind::use:
    case sql::Kind::empty:
      return true;
    case sql::Kind::set:
      return !facts.has(sql::fx_mentions_table);
    default:
      if (sql::same(facts.verb, "do")) return !facts.has(sql::fx_mentions_table);
      return sql::same(facts.verb, "unlock") || sql::same(facts.verb, "kill") || sql::same(facts.verb, "xa") ||
             (facts.why == sql::Why::text_prepare && !sql::same(facts.verb, "execute"));  // PREPARE, DROP PREPARE
  }
}

/// Of several, each so.
bool all_leave_conditions(const PreviousValues::Ran& ran, const std::vector<std::string_view>& all,
                          const sql::Dialect& dialect) {
  return std::all_of(all.begin(), all.end(), [&](std::string_view one) {
    return leaves_conditions(ran, sql::classify(one, dialect), one, dialect);
  });
}

/// What it did with those of the statement before, on its connection, only MariaDB knows: a routine leaves them if
/// nothing in it has used a table or warned.
bool may_leave_conditions(const PreviousValues::Ran& ran, const sql::Facts& facts, std::string_view text,
                          const sql::Dialect& dialect) {
  const bool shows = sql::same(facts.verb, "show") && !sql::shows_without_table(text, dialect);
  const bool with_table = shows || (facts.has(sql::fx_mentions_table) && facts.kind != sql::Kind::call);
  return dialect.mariadb && !with_table && !ran.failed && ran.warnings == 0 && !facts.several;
}

/// MariaDB counts the rows of a SELECT also when it fails on its way, not before (tried on 10.11.19).
bool failed_while_it_ran(const PreviousValues::Ran& ran, const sql::Dialect& dialect) {
  static constexpr std::uint16_t codes[] = {1205, 1213, 1242, 1317, 1690, 1969};
  return dialect.mariadb && std::find(std::begin(codes), std::end(codes), ran.error) != std::end(codes);
}

/// What it names is not there, or not allowed.
bool failed_before_it_ran(const PreviousValues::Ran& ran, const sql::Facts& facts) {
  if (ran.error == 1318 && facts.kind != sql::Kind::call) return false;  // of a function: its SELECT has begun
  static constexpr std::uint16_t codes[] = {1044, 1046, 1049, 1054, 1064, 1109, 1142,
                                            1146, 1305, 1318, 1370, 1414, 1630};
  return std::find(std::begin(codes), std::end(codes), ran.error) != std::end(codes);
}

/// A number in whatever character set the session's results have: UTF-16 and UTF-32 put NULs between the digits.
std::string digits_of(std::string_view text) {
  std::string digits;
  std::copy_if(text.begin(), text.end(), std::back_inserter(digits), [](char c) { return c != '\0'; });
  const bool number = !digits.empty() && std::all_of(digits.begin(), digits.end(), sql::is_digit);
  return number ? digits : std::string{};
}

/// As many characters as the functions' metadata promise; MariaDB takes a column's length from its constant.
std::string padded(const std::string& number) {
  constexpr std::size_t digits = 21;
  const bool minus = number.starts_with('-');
  std::string text = minus ? "'-" : "'";
  if (number.size() < digits) text.append(digits - number.size(), '0');
  text.append(number, minus ? 1 : 0);
  return text += '\'';
}

constexpr std::string_view ten_rows =
    "(SELECT 0 AS d UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL SELECT 5"
    " UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9) ";

}  // namespace

bool PreviousValues::ran(const Ran& ran, const sql::Facts& facts, std::string_view text, const sql::Dialect& dialect) {
  last_failed_ = ran.failed;
  last_warnings_ = ran.failed ? std::max(1U, ran.warnings) : ran.warnings;
  const bool reads_previous = !facts.several && facts.has(sql::fx_previous_result);
  if (reads_previous && sql::same(facts.verb, "get") && !ran.failed) {  // changes no count; adds to the conditions
    if (ran.warnings > 0) conditions_at_ = ran.server;
    conditions_count_ += ran.warnings;
    errors_count_ += ran.warnings;
    if (ran.warnings > 0) {
      row_count_ = "-1";
      row_count_at_ = ran.server;
    }
    return false;
  }
  last_ = ran.server;
  // One of several may have set it, or a procedure's statement, before it failed; MariaDB's SELECT as well.
  const bool routine = facts.kind == sql::Kind::call || (dialect.mariadb && facts.has(sql::fx_stored_function));
  const bool may_set = !ran.failed || facts.several ||
                       (routine && (ran.results > 0 || !failed_before_it_ran(ran, facts))) ||
                       failed_while_it_ran(ran, dialect);
  if (found_rows_at_ != ran.server && may_set &&
      sql::sets_found_rows(text, facts, dialect, ran.failed ? ran.results : UINT_MAX))
    found_rows_at_ = ran.server;
  row_count_ = ran.failed || ran.result_set ? "-1" : std::to_string(ran.affected_rows);
  row_count_at_ = ran.server;
  if (may_set_insert_id(ran, facts)) insert_id_.reset();
  if (reads_previous && sql::same(facts.verb, "show")) return false;
  if (dialect.mariadb && facts.several) return ran_several(ran, text, dialect);
  if (has_conditions(ran.server) && may_leave_conditions(ran, facts, text, dialect)) {
    last_warnings_ = 0;
    return false;
  }
  if (dialect.mariadb && leaves_conditions(ran, facts, text, dialect)) return false;
  conditions_are_at(ran.server, last_warnings_);
  // The error has others beside it. (MySQL's EXECUTE may have a warning that wye's own PREPARE has left there.)
  uncounted_ = ran.failed && (facts.kind == sql::Kind::call || facts.has(sql::fx_stored_function));
  return true;
}

/// MariaDB: those of one in the middle stay, if all behind it leave them. How many there are nobody has said.
bool PreviousValues::ran_several(const Ran& ran, std::string_view text, const sql::Dialect& dialect) {
  const auto all = sql::statements_of(text, dialect);
  if (!ran.warned_before && all_leave_conditions(ran, all, dialect)) return false;
  const bool last_leaves = !all.empty() && all_leave_conditions(ran, {all.back()}, dialect);
  conditions_are_at(ran.server, last_leaves ? 1 : last_warnings_);
  uncounted_ = last_leaves;
  return true;
}

void PreviousValues::conditions_are_at(ServerId server, unsigned count) {
  conditions_at_ = server;
  conditions_count_ = count;
  errors_count_ = 0;
  uncounted_ = stands_in_ = false;
  stored_.reset();
  own_error_.reset();
}

void PreviousValues::prepared(ServerId server, unsigned warnings) {
  last_warnings_ = warnings;
  conditions_are_at(server, warnings);
}

void PreviousValues::ran_command(const Ran& ran, bool field_list, bool mariadb) {
  last_ = row_count_at_ = ran.server;
  row_count_ = ran.result_set || ran.failed ? "-1" : "0";
  const bool deprecated = field_list && !mariadb;  // told after its answer, which does not count it
  const bool says = ran.failed || deprecated || (ran.result_set && ran.warnings > 0);
  if (!says) return;
  if (conditions_at_ != ran.server || mariadb) conditions_count_ = 0;
  conditions_at_ = ran.server;
  const unsigned said = std::max(ran.failed && deprecated ? 2U : 1U, ran.warnings);
  conditions_count_ += said;
  if (mariadb) {
    last_warnings_ = ran.failed || ran.warnings > 0 ? conditions_count_ : 0;
  } else if (!ran.failed) {
    last_warnings_ = ran.warnings;
  } else {  // MySQL forgets what it has counted when it opens the table (tried on 9.7.4)
    constexpr std::uint16_t no_database = 1046;
    last_warnings_ = field_list && ran.error != no_database ? 1 : last_warnings_ + said;
  }
  errors_count_ = ran.failed ? 1 : 0;
  stored_.reset();
  own_error_.reset();
}

void PreviousValues::failed_here(const base::Error& error) {
  row_count_ = "-1";
  row_count_at_.reset();
  conditions_at_.reset();
  stored_.reset();
  conditions_count_ = errors_count_ = last_warnings_ = 1;
  own_error_ = error;
}

std::string PreviousValues::conditions_sql(bool no_backslash_escapes) const {
  if (own_error_) return signal(*own_error_, no_backslash_escapes);
  return stored_ ? signal(*stored_, no_backslash_escapes) : std::string{};
}

std::string PreviousValues::found_rows_sql(ServerId server) const {
  constexpr unsigned most = 1000;
  unsigned rows = 0;
  const char* const end = found_rows_.data() + found_rows_.size();
  if (!found_rows_.empty() && std::from_chars(found_rows_.data(), end, rows).ptr != end) return {};
  // A CALL that counts none says the count of the statement before it, which this would take away.
  const bool counted = row_count_at_ == server && row_count_ != "0" && row_count_ != "-1";
  if (found_rows_at_ || counted || rows > most) return {};
  std::string tables, number = "0", unit = "1";
  for (unsigned left = rows; left > 0; left /= 10, unit += '0') {
    const std::string digit = "d" + unit;
    tables += (tables.empty() ? " FROM " : ",") + std::string{ten_rows} + digit;
    number += "+" + unit + "*" + digit + ".d";
  }
  if (tables.empty()) tables = " FROM DUAL";  // old servers know no WHERE without FROM
  return "SELECT SQL_CALC_FOUND_ROWS 1" + tables + " WHERE " + number + "<" + std::to_string(rows) + " LIMIT 0";
}

bool PreviousValues::lives_on(ServerId server, bool primary) const {
  return found_rows_at_ == server || has_conditions(server) || (primary && !insert_id_);
}

std::optional<PreviousValues::ServerId> PreviousValues::elsewhere(std::uint8_t use, ServerId server) const {
  if ((use & sql::previous_found_rows) != 0 && found_rows_at_ && *found_rows_at_ != server) return found_rows_at_;
  if ((use & sql::previous_conditions) != 0 && conditions_at_ && *conditions_at_ != server && conditions_count_ > 0)
    return conditions_at_;
  return std::nullopt;
}

std::optional<PreviousValues::ServerId> PreviousValues::common_place(std::uint8_t use) const {
  if ((use & (sql::previous_conditions | sql::previous_diagnostics)) != 0) return conditions_at_;
  if ((use & sql::previous_found_rows) != 0) return found_rows_at_;
  return last_;
}

bool PreviousValues::numbers_answered(ServerId server, bool primary, const Rows& rows) {
  if (rows.size() != 1 || rows[0].size() != 2) return false;
  const std::string found = digits_of(rows[0][0]), id = digits_of(rows[0][1]);
  if (found.empty() || id.empty()) return false;
  count_lost(server);
  if (found_rows_at_ == server) {
    found_rows_at_.reset();
    found_rows_ = found;
  }
  if (primary && !insert_id_) insert_id_ = id;
  return true;
}

void PreviousValues::conditions_answered(ServerId server, Conditions told) {
  count_lost(server);
  if (conditions_at_ != server) return;
  const bool stood_in = stands_in();
  stands_in_ = false;
  if (stood_in && is_stand_in(told)) {
    conditions_at_.reset();  // they are stored_, as before
    return;
  }
  errors_count_ = static_cast<unsigned>(std::count(told.is_error.begin(), told.is_error.end(), true));
  const auto shown = static_cast<unsigned>(told.rows.size());  // max_error_count of them at most
  if (shown == 0 || (uncounted_ && shown > conditions_count_)) conditions_count_ = shown;  // none: a routine, after all
  uncounted_ = false;
  stored_ = std::move(told);
  conditions_at_.reset();
}

void PreviousValues::lost(ServerId server, bool primary) {
  if (found_rows_at_ == server) found_rows_at_.reset();
  if (row_count_at_ == server) row_count_at_.reset();
  if (conditions_at_ == server) {
    if (!stands_in()) conditions_count_ = 0;
    stands_in_ = false;
    conditions_at_.reset();
  }
  if (primary && !insert_id_) insert_id_ = "0";
}

std::optional<std::string> PreviousValues::substituted(std::string_view text, const sql::Dialect& dialect,
                                                       std::uint8_t use, ServerId server) const {
  std::array<std::string, 4> texts;
  std::array<sql::Constant, 4> constants;
  std::size_t count = 0;
  const auto add = [&](std::string_view name, bool variable, const std::string& number) {
    // Each with the metadata of what it stands for (tried on MySQL 9.7.4 and MariaDB 10.11.19).
    texts.at(count) = "CAST(" + padded(number) + " AS SIGNED)";
    if (variable)
      texts.at(count) =
          dialect.mariadb ? "NULLIF(" + number + "|0,-1)" : "NULLIF(CAST(" + padded(number) + " AS UNSIGNED),-1)";
    // Its warning is part of the answer.
    if (name == "found_rows" && !dialect.mariadb && dialect.version >= 80'017)
      texts.at(count) = "COALESCE(" + texts.at(count) + ",FOUND_ROWS())";
    constants.at(count) = {name, variable, texts.at(count)};
    ++count;
  };
  // A new session begins with none, unless a thread of MariaDB has kept what its last client had.
  const std::string fresh = "0";
  if ((use & sql::previous_found_rows) != 0 && !found_rows_at_)
    add("found_rows", false, found_rows_.empty() ? fresh : found_rows_);
  if ((use & sql::previous_row_count) != 0 && row_count_at_ != server) add("row_count", false, row_count_);
  if ((use & sql::previous_conditions) != 0 && !conditions_at_) {
    add("warning_count", true, std::to_string(conditions_count_));
    add("error_count", true, std::to_string(errors_count_));
  }
  if (count == 0) return std::nullopt;
  return sql::with_constants(text, dialect, std::span{constants}.first(count), true);
}

}  // namespace wye::session
