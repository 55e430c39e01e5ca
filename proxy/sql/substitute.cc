#include "proxy/sql/substitute.h"

#include <algorithm>

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
  Rewriter(std::string_view text, const Dialect& dialect, std::span<const Constant> constants, bool first_only)
      : text_{text}, lexer_{text, dialect}, constants_{constants}, first_only_{first_only} {}

  std::optional<std::string> run() {
    Token token;
    do {
      token = lexer_.next();
      if (token.kind == TokenKind::unterminated || token.kind == TokenKind::uncertain) return std::nullopt;
      take(token);
    } while (token.kind != TokenKind::end && !(first_only_ && token.is(';')));
    if (copied_ == 0) return std::nullopt;
    copy_to(text_.size());
    return std::move(out_);
  }

 private:
  void take(const Token& token) {
    if (before_.kind == TokenKind::end || before_.is(';')) set_ = token.is(Word::SET);
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
    if (token.is('(')) ++depth_;
    if (token.is(')') && depth_ > 0) --depth_;
    const bool qualified = before_.is('.');
    before_ = token;
    end_ = lexer_.token_end();
    if (token.kind == TokenKind::system_variable) replace_variable();
    if (token.kind == TokenKind::word && !qualified) replace_call(token.text);
  }

  const Constant* find(std::string_view name, bool variable) const {
    const auto it = std::find_if(constants_.begin(), constants_.end(), [&](const Constant& constant) {
      return constant.variable == variable && same(name, constant.name);
    });
    return it == constants_.end() ? nullptr : &*it;
  }

  /// A function's name was read. With () behind it, both give way to the constant.
  void replace_call(std::string_view name) {
    const Constant* constant = find(name, false);
    if (constant == nullptr) return;
    Lexer ahead = lexer_;
    if (ahead.next().is('(') && ahead.next().is(')')) replace(*constant, ahead);
  }

  /// @@ was read. With [session.|local.]name behind it, all of it gives way.
  void replace_variable() {
    Lexer ahead = lexer_;
    Token name = ahead.next();
    if (name.kind == TokenKind::word && (same(name.text, "session") || same(name.text, "local"))) {
      Lexer behind = ahead;
      if (behind.next().is('.')) {
        name = behind.next();
        ahead = behind;
      }
    }
    const Constant* constant = name.is_name() ? find(name.text, true) : nullptr;
    if (constant != nullptr && !assigned(ahead)) replace(*constant, ahead);
  }

  /// SET @@identity = ...: what stands left of it is a name, not a value.
  bool assigned(Lexer ahead) const {
    const Token next = ahead.next();
    return set_ && depth_ == 0 && (next.is('=') || next.kind == TokenKind::assign);
  }

  void replace(const Constant& constant, const Lexer& behind) {
    copy_to(lexer_.token_begin());
    out_ += constant.text;
    lexer_ = behind;
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
  std::span<const Constant> constants_;
  bool first_only_;
  std::string out_;
  std::size_t copied_ = 0;  // so much of the text is in out_, changed or not
  std::size_t end_ = 0;     // of the last token
  std::size_t depth_ = 0;   // of parentheses
  bool set_ = false;        // the statement is a SET
  bool list_ = false;       // in the outermost select list
  std::size_t column_ = none;
  bool replaced_ = false, aliased_ = false;  // in this column
  Token before_;
};

}  // namespace

std::optional<std::string> with_constants(std::string_view text, const Dialect& dialect,
                                          std::span<const Constant> constants, bool first_only) {
  return Rewriter{text, dialect, constants, first_only}.run();
}

}  // namespace wye::sql
