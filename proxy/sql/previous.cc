#include "proxy/sql/previous.h"

#include <algorithm>
#include <span>

#include "proxy/sql/ascii.h"
#include "proxy/sql/lexer.h"

namespace wye::sql {
namespace {

std::uint8_t of_word(std::string_view word) {
  if (same(word, "found_rows")) return previous_found_rows;
  if (same(word, "row_count")) return previous_row_count;
  if (same(word, "last_insert_id") || same(word, "identity")) return previous_insert_id;
  if (same(word, "warning_count") || same(word, "error_count")) return previous_conditions;
  if (same(word, "warnings") || same(word, "errors") || same(word, "diagnostics")) return previous_diagnostics;
  return previous_none;
}

bool ends(const Token& token) {
  return token.kind == TokenKind::end || token.kind == TokenKind::unterminated || token.kind == TokenKind::uncertain;
}

/// INSERT ... SELECT and CREATE TABLE ... SELECT count what they select, INSERT ... VALUES does not.
bool selects(std::string_view text, const Dialect& dialect) {
  Lexer lexer{text, dialect};
  for (Token token = lexer.next(); !ends(token); token = lexer.next()) {
    if (token.kind == TokenKind::word && same(token.text, "select")) return true;
  }
  return false;
}

bool shows_created(std::string_view text, const Dialect& dialect) {
  Lexer lexer{text, dialect};
  lexer.next();
  return same(lexer.next().text, "create");
}

/// UPDATE a, b SET ..., UPDATE a JOIN b ON ... SET ...
bool updates_several(std::string_view text, const Dialect& dialect) {
  Lexer lexer{text, dialect};
  for (Token token = lexer.next(); !ends(token); token = lexer.next()) {
    if (token.is(',') || (token.kind == TokenKind::word && same(token.text, "join"))) return true;
    if (token.kind == TokenKind::word && same(token.text, "set")) return false;
  }
  return false;
}

/// A sub-query with a table, which MariaDB counts.
bool selects_from(std::string_view text, const Dialect& dialect) {
  bool select = false;
  Lexer lexer{text, dialect};
  for (Token token = lexer.next(); !ends(token); token = lexer.next()) {
    if (token.kind != TokenKind::word) continue;
    if (select && same(token.text, "from")) return true;
    select = select || same(token.text, "select");
  }
  return false;
}

bool counts(std::string_view text, const Dialect& dialect) {
  Lexer lexer{text, dialect};
  lexer.next();
  return same(lexer.next().text, "count");
}

/// One of them, at least.
bool one_sets_found_rows(std::string_view text, const Dialect& dialect, unsigned most) {
  auto all = statements_of(text, dialect);
  all.resize(std::min<std::size_t>(all.size(), most));
  return std::any_of(all.begin(), all.end(),
                     [&](std::string_view one) { return sets_found_rows(one, classify(one, dialect), dialect); });
}

}  // namespace

std::uint8_t previous_use(std::string_view text, const Dialect& dialect) {
  std::uint8_t use = previous_none;
  Lexer lexer{text, dialect};
  for (Token token = lexer.next(); !ends(token); token = lexer.next()) {
    if (token.is_name()) use = static_cast<std::uint8_t>(use | of_word(token.text));
  }
  return use;
}

std::vector<std::string_view> statements_of(std::string_view text, const Dialect& dialect) {
  std::vector<std::string_view> all;
  Lexer lexer{text, dialect};
  const char* begin = text.data();
  bool empty = true;
  for (Token token = lexer.next(); !ends(token); token = lexer.next()) {
    const bool over = token.is(';');
    if (over && !empty) all.emplace_back(begin, static_cast<std::size_t>(token.text.data() - begin));
    if (over) begin = token.text.data() + 1;
    empty = over;
  }
  if (!empty) all.emplace_back(begin, static_cast<std::size_t>(text.data() + text.size() - begin));
  return all;
}

bool shows_without_table(std::string_view text, const Dialect& dialect) {
  static constexpr std::string_view subjects[] = {
      "all",    "analyze", "authors", "binary",     "binlog",      "contributors", "engine",  "explain", "grants",
      "master", "slave",   "profile", "privileges", "processlist", "profiles",     "replica", "relaylog"};
  static constexpr std::string_view created[] = {"database", "function", "procedure", "schema", "trigger", "user"};
  const auto among = [](std::string_view word, std::span<const std::string_view> words) {
    return std::any_of(words.begin(), words.end(), [&](std::string_view one) { return same(word, one); });
  };
  Lexer lexer{text, dialect};
  lexer.next();
  auto subject = lexer.next();
  if (same(subject.text, "full")) subject = lexer.next();
  return same(subject.text, "create") ? among(lexer.next().text, created) : among(subject.text, subjects);
}

bool has_derived_table(std::string_view text, const Dialect& dialect) {
  bool from = false;
  Lexer lexer{text, dialect};
  for (Token token = lexer.next(); !ends(token); token = lexer.next()) {
    if (from && token.is('(')) return true;
    from = token.kind == TokenKind::word && same(token.text, "from");
  }
  return false;
}

bool sets_found_rows(std::string_view text, const Facts& facts, const Dialect& dialect, unsigned most) {
  if (facts.several) return one_sets_found_rows(text, dialect, most);
  switch (facts.kind) {
    case Kind::begin:
    case Kind::commit:
    case Kind::rollback:
    case Kind::savepoint:
    case Kind::set:
    case Kind::use:
    case Kind::empty:
      return dialect.mariadb && selects_from(text, dialect);
    case Kind::read:
      // SHOW WARNINGS does not, SHOW COUNT(*) WARNINGS does (tried on MySQL 9.7.4 and MariaDB 10.11.19).
      if (facts.has(fx_previous_result) && same(facts.verb, "show")) return counts(text, dialect);
      if (same(facts.verb, "get")) return false;  // DIAGNOSTICS
      if (same(facts.verb, "show")) return !shows_without_table(text, dialect) && !shows_created(text, dialect);
      if (same(facts.verb, "values") && dialect.mariadb) return false;
      if (same(facts.verb, "explain") || same(facts.verb, "help") || same(facts.verb, "checksum"))
        return dialect.mariadb && same(facts.verb, "explain") && !facts.has(fx_mentions_table);
      return true;
    default:
      break;
  }
  if (same(facts.verb, "create") && !dialect.mariadb) return false;
  if (same(facts.verb, "insert") || same(facts.verb, "replace") || same(facts.verb, "create"))
    return selects(text, dialect);
  if (same(facts.verb, "update") && dialect.mariadb && updates_several(text, dialect)) return true;
  const bool update = same(facts.verb, "update") || same(facts.verb, "do");
  if (update || same(facts.verb, "delete")) return (update && !dialect.mariadb) || selects_from(text, dialect);
  const bool runs_others = same(facts.verb, "call") || same(facts.verb, "execute") || same(facts.verb, "with");
  return runs_others || facts.kind == Kind::unknown;
}

}  // namespace wye::sql
