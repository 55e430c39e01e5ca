#include "proxy/sql/connection_id.h"

#include <algorithm>
#include <charconv>
#include <span>

#include "proxy/sql/ascii.h"
#include "proxy/sql/lexer.h"

namespace wye::sql {
namespace {

bool is_one_of(const Token& token, std::span<const std::string_view> words) {
  return token.kind == TokenKind::word &&
         std::any_of(words.begin(), words.end(), [&](std::string_view word) { return same(token.text, word); });
}

/// Words behind which the select list is over.
bool ends_list(const Token& token) {
  static constexpr std::string_view words[] = {"from",  "into", "where",     "group",  "having",    "order",  "limit",
                                               "union", "for",  "intersect", "except", "procedure", "window", "lock"};
  return token.kind == TokenKind::end || token.is(';') || is_one_of(token, words);
}

/// Words between SELECT and its first column.
bool is_select_option(const Token& token) {
  static constexpr std::string_view words[] = {
      "all",          "distinct",  "distinctrow",         "high_priority",  "straight_join",    "sql_buffer_result",
      "sql_no_cache", "sql_cache", "sql_calc_found_rows", "sql_big_result", "sql_small_result",
  };
  return is_one_of(token, words);
}

/// Words of expressions: a name behind one is no alias, nor is the word itself.
bool is_operator(const Token& token) {
  static constexpr std::string_view words[] = {"and",  "or",      "xor",    "not",     "div",  "mod",    "like",
                                               "is",   "in",      "rlike",  "regexp",  "null", "escape", "collate",
                                               "case", "when",    "then",   "else",    "end",  "binary", "interval",
                                               "true", "between", "member", "unknown", "of",   "false",  "sounds"};
  return is_one_of(token, words);
}

/// Copies the text token by token, and knows where in the outermost select list it is.
class Rewriter {
 public:
  Rewriter(std::string_view text, const Dialect& dialect, std::uint32_t id)
      : text_{text},
        lexer_{text, dialect},
        number_{std::to_string(id)},
        constant_{"CAST(" + number_ + " AS UNSIGNED)"} {}

  std::optional<std::string> run() {
    Token token;
    do {
      token = lexer_.next();
      if (token.kind == TokenKind::unterminated || token.kind == TokenKind::uncertain) return std::nullopt;
      take(token);
    } while (token.kind != TokenKind::end);
    if (copied_ == 0) return std::nullopt;
    copy_to(text_.size());
    return std::move(out_);
  }

 private:
  void take(const Token& token) {
    if (depth_ == 0 && list_ && (token.is(',') || ends_list(token))) {
      end_column();
      list_ = token.is(',');
    } else if (depth_ == 0 && token.kind == TokenKind::word && same(token.text, "select")) {
      list_ = true;
      column_ = none;
      before_ = Token{};
      return;
    } else if (list_ && !(column_ == none && is_select_option(token))) {
      if (column_ == none) column_ = lexer_.token_begin();
      if (depth_ == 0) note_alias(token);
    }
    if (column_ == none && is_select_option(token)) return;
    if (before_.kind == TokenKind::end && token.is(Word::KILL)) constant_ = number_;  // takes no expression everywhere
    if (token.is('(')) ++depth_;
    if (token.is(')') && depth_ > 0) --depth_;
    const bool call = token.kind == TokenKind::word && same(token.text, "connection_id") && !before_.is('.');
    before_ = token;
    end_ = lexer_.token_end();
    if (call) replace_call();
  }

  /// CONNECTION_ID was read. With () behind it, both give way to the constant.
  void replace_call() {
    const std::size_t begin = lexer_.token_begin();
    Lexer ahead = lexer_;
    if (!ahead.next().is('(') || !ahead.next().is(')')) return;
    copy_to(begin);
    out_ += constant_;
    lexer_ = ahead;
    copied_ = end_ = lexer_.token_end();
    replaced_ = list_;
    before_ = Token{};
    before_.kind = TokenKind::number;
  }

  void note_alias(const Token& token) {
    const bool operand = before_.kind == TokenKind::number || before_.kind == TokenKind::string || before_.is(')') ||
                         (before_.is_name() && !is_operator(before_));
    const bool name = token.kind == TokenKind::string || (token.is_name() && !is_operator(token));
    aliased_ = aliased_ || (operand && name);  // AS is such a name
  }

  /// Without an alias, the text is the column's name: it gets the old one.
  void end_column() {
    if (replaced_ && !aliased_) {
      copy_to(end_);
      out_ += " AS `";
      for (const char c : text_.substr(column_, end_ - column_)) out_.append(c == '`' ? 2 : 1, c);
      out_ += '`';
    }
    column_ = none;
    replaced_ = aliased_ = false;
  }

  void copy_to(std::size_t end) {
    if (end > copied_) out_.append(text_.substr(copied_, end - copied_));
    copied_ = std::max(copied_, end);
  }

  static constexpr std::size_t none = std::string_view::npos;
  std::string_view text_;
  Lexer lexer_;
  std::string number_, constant_, out_;
  std::size_t copied_ = 0;  // so much of the text is in out_, changed or not
  std::size_t end_ = 0;     // of the last token
  std::size_t depth_ = 0;   // of parentheses
  bool list_ = false;       // in the outermost select list
  std::size_t column_ = none;
  bool replaced_ = false, aliased_ = false;  // in this column
  Token before_;
};

}  // namespace

std::optional<std::string> with_connection_id(std::string_view text, const Dialect& dialect, std::uint32_t id) {
  return Rewriter{text, dialect, id}.run();
}

namespace {

/// What stands in front of the number; `token` is then what follows it.
struct KillWords {
  std::string_view strength;  // MariaDB: HARD or SOFT
  bool query = false, of_query = false;
};

std::optional<KillWords> kill_words(Lexer& lexer, Token& token) {
  const auto is = [&token](std::string_view word) { return token.kind == TokenKind::word && same(token.text, word); };
  token = lexer.next();
  if (!token.is(Word::KILL)) return std::nullopt;
  KillWords words;
  token = lexer.next();
  if (is("hard") || is("soft")) {
    words.strength = token.text;
    token = lexer.next();
  }
  if (is("connection")) {
    token = lexer.next();
  } else if (is("query")) {
    words.query = true;
    token = lexer.next();
    if (is("id")) {
      words.of_query = true;
      token = lexer.next();
    }
  }
  return words;
}

}  // namespace

std::optional<std::string> kill_of(std::string_view text, const Dialect& dialect, std::uint64_t id) {
  Lexer lexer{text, dialect};
  Token token;
  const auto words = kill_words(lexer, token);
  if (!words || words->of_query) return std::nullopt;
  std::string kill = "KILL ";
  if (!words->strength.empty()) kill += std::string{words->strength} + " ";
  return kill + (words->query ? "QUERY " : "CONNECTION ") + std::to_string(id);
}

std::optional<Kill> parse_kill(std::string_view text, const Dialect& dialect) {
  Lexer lexer{text, dialect};
  Token token;
  const auto words = kill_words(lexer, token);
  if (!words) return std::nullopt;
  Kill kill;
  kill.query = words->query;
  kill.of_query = words->of_query;
  kill.id_begin = lexer.token_begin();
  const bool negative = token.is('-');
  if (negative) token = lexer.next();
  if (token.kind != TokenKind::number) return std::nullopt;
  kill.id_end = lexer.token_end();
  const auto* const end = token.text.data() + token.text.size();
  const auto parsed = std::from_chars(token.text.data(), end, kill.id);
  if (parsed.ec != std::errc{} || parsed.ptr != end) return std::nullopt;
  // Clients that keep the number in 32 bits with a sign write -2147483646, or that in 64 bits (MariaDB Connector/J).
  if (negative) kill.id = -kill.id;
  if (kill.id >= 0xffffffff80000000U) {
    kill.id &= 0xffffffffU;
  } else if (negative) {
    return std::nullopt;
  }
  do {
    token = lexer.next();
  } while (token.is(';'));
  if (token.kind != TokenKind::end) return std::nullopt;
  return kill;
}

}  // namespace wye::sql
