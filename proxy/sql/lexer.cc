#include "proxy/sql/lexer.h"

#include "proxy/sql/ascii.h"
#include "proxy/sql/keywords.h"

namespace wye::sql {
namespace {

// Bytes that are white space in some single-byte character sets (latin1 and most: 0xA0) and part of a name in utf8.
constexpr bool may_be_space(char c) {
  const auto b = static_cast<unsigned char>(c);
  return b == 0xa0 || b == 0x9a || b == 0xca || b == 0xff;
}

constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";

}  // namespace

Lexer::Lexer(std::string_view text, const Dialect& dialect) : text_{text}, dialect_{dialect} {
  if (text_.substr(0, byte_order_mark.size()) == byte_order_mark) at_ = byte_order_mark.size();
}

Token Lexer::fail(TokenKind kind) {
  failed_ = kind;
  Token token;
  token.kind = kind;
  return token;
}

Token Lexer::finish(TokenKind kind, std::size_t from) {
  Token token;
  token.kind = kind;
  token.text = text_.substr(from, at_ - from);
  return token;
}

Token Lexer::next() {
  if (failed_ != TokenKind::end) return fail(failed_);
  hint_ = {};
  const bool skipped = skip_space_and_comments();
  token_at_ = at_;
  if (failed_ != TokenKind::end) return fail(failed_);
  if (ended()) return in_executable_comment_ ? fail(TokenKind::unterminated) : Token{};

  const char c = text_[at_];
  const bool name_only = after_dot_ && !skipped;
  const bool touches_word = after_word_ && !skipped;
  after_dot_ = after_word_ = false;
  Token token;
  if (c == '\0') return fail(TokenKind::uncertain);  // ends a name or comment on some servers, not on others
  if (is_name_byte(c)) {
    if (name_only) {
      token = lex_word();
      token.word = Word::none;
      token.keyword = 0;
    } else {
      token = is_digit(c) ? lex_number() : lex_prefixed_literal();
    }
  } else if (c == '\'' || (c == '"' && !dialect_.ansi_quotes)) {
    token = lex_string(c);
  } else if (c == '`' || c == '"') {
    token = lex_quoted_name(c);
  } else if (c == '@') {
    token = lex_at();
  } else if (c == '.' && !touches_word && is_digit(at(at_ + 1))) {
    token = lex_fraction(at_);
  } else if (c == ':' && at(at_ + 1) == '=') {
    at_ += 2;
    token = finish(TokenKind::assign, at_ - 2);
  } else {
    ++at_;
    token = finish(TokenKind::symbol, at_ - 1);
    token.symbol = c;
    after_dot_ = c == '.';
  }
  token.space_before = skipped;
  after_word_ = token.kind == TokenKind::word;
  return token;
}

bool Lexer::skip_space_and_comments() {
  const std::size_t from = at_;
  while (!ended() && failed_ == TokenKind::end) {
    const char c = text_[at_];
    if (is_space(c)) {
      ++at_;
    } else if (c == '#') {
      skip_line_comment();
    } else if (c == '-' && at(at_ + 1) == '-' && (is_space(at(at_ + 2)) || is_control(at(at_ + 2)))) {
      skip_line_comment();  // the end of the text counts as a control character: at() gives NUL there
    } else if (c == '/' && at(at_ + 1) == '*') {
      skip_block_comment();
    } else if (in_executable_comment_ && c == '*' && at(at_ + 1) == '/') {
      in_executable_comment_ = false;
      at_ += 2;
    } else {
      break;
    }
  }
  return at_ != from;
}

void Lexer::skip_line_comment() {
  while (!ended() && text_[at_] != '\n') {
    if (text_[at_] == '\0') {  // the servers end the comment there and go on with what follows
      failed_ = TokenKind::uncertain;
      return;
    }
    ++at_;
  }
}

void Lexer::skip_block_comment() {
  const char third = at(at_ + 2);
  if (third == '!') return open_executable_comment(at_ + 3, false);
  if (dialect_.mariadb && third == 'M' && at(at_ + 3) == '!') return open_executable_comment(at_ + 4, true);
  if (third == '+') return skip_hint_comment();
  at_ += 2;
  skip_to_comment_end(false);
}

void Lexer::open_executable_comment(std::size_t digits_at, bool mariadb_only) {
  std::size_t digits = 0;
  std::uint32_t version = 0;
  // A sixth digit is a part of the number on MariaDB, and on MySQL since 8.1 if white space follows; else it is SQL.
  const bool six = dialect_.mariadb || (dialect_.version >= 80100 && is_space(at(digits_at + 6)));
  const std::size_t most = six ? 6 : 5;
  while (digits < most && is_digit(at(digits_at + digits))) {
    version = version * 10 + static_cast<std::uint32_t>(at(digits_at + digits) - '0');
    ++digits;
  }
  if (digits < 5) {  // no version: executed everywhere, and what digits there are belong to the SQL
    at_ = digits_at;
    in_executable_comment_ = true;
    return;
  }
  at_ = digits_at + digits;
  bool executed = version <= dialect_.version;
  // MariaDB skips what is meant for MySQL 5.7 and later (KB "Comment Syntax"), unless it says /*M! .
  if (dialect_.mariadb && !mariadb_only && version >= 50700 && version <= 99999) executed = false;
  if (executed) {
    in_executable_comment_ = true;
  } else {
    skip_to_comment_end(true);
  }
}

void Lexer::skip_to_comment_end(bool nested) {
  while (!ended()) {
    if (text_[at_] == '*' && at(at_ + 1) == '/') {
      at_ += 2;
      return;
    }
    if (nested && text_[at_] == '/' && at(at_ + 1) == '*') {  // one level, as both servers do
      at_ += 2;
      skip_to_comment_end(false);
      if (failed_ != TokenKind::end) return;
      continue;
    }
    ++at_;
  }
  failed_ = TokenKind::unterminated;
}

void Lexer::skip_hint_comment() {
  const std::size_t from = at_;
  at_ += 3;
  skip_to_comment_end(false);
  if (failed_ != TokenKind::end) return;
  hint_ = text_.substr(from, at_ - from);
  // MySQL's hint scanner knows quotes: a "*/" inside one would not end the comment there.
  char quote = 0;
  for (const char c : hint_) {
    if (quote != 0) {
      if (c == quote) quote = 0;
    } else if (c == '\'' || c == '"' || c == '`') {
      quote = c;
    }
  }
  if (quote != 0) failed_ = TokenKind::uncertain;
}

Token Lexer::lex_word() {
  const std::size_t from = at_;
  bool high = false;
  while (!ended() && is_name_byte(text_[at_])) {
    if (is_high(text_[at_])) high = true;
    ++at_;
  }
  Token token = finish(TokenKind::word, from);
  if (high) {
    if (name_is_doubtful(token.text)) return fail(TokenKind::uncertain);
    return token;  // no keyword has such bytes
  }
  // A word that touches a dot and a name is a qualifier, whatever it says (lex state MY_LEX_IDENT_SEP).
  if (!(at(at_) == '.' && is_name_byte(at(at_ + 1)))) look_up(token);
  return token;
}

void Lexer::look_up(Token& word) const {
  word.keyword = find_keyword(word.text);
  if (word.keyword == 0) return;
  word.word = keyword(word.keyword).word;
  std::size_t next = at_;
  while (dialect_.ignore_space && is_space(at(next))) ++next;
  word.before_parenthesis = at(next) == '(';
}

bool Lexer::name_is_doubtful(std::string_view name) const {
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (!may_be_space(name[i])) continue;
    const bool after_ascii = i == 0 || !is_high(name[i - 1]);
    const bool before_ascii = i + 1 < name.size() && !is_high(name[i + 1]);
    if (after_ascii || before_ascii) return true;  // cut there, an ASCII piece could be a keyword
  }
  // In gbk, sjis, big5 the byte behind the name may be the second half of its last character.
  const char next = at(at_);
  return dialect_.multi_byte_with_backslash && is_high(name.back()) && (next == '`' || next == '\\' || next == '@');
}

Token Lexer::lex_number() {
  const std::size_t from = at_;
  if (text_[at_] == '0' && (at(at_ + 1) == 'x' || at(at_ + 1) == 'b')) {
    const bool hex = at(at_ + 1) == 'x';
    std::size_t i = at_ + 2;
    while (hex ? is_hex_digit(at(i)) : (at(i) == '0' || at(i) == '1')) ++i;
    if (i > at_ + 2 && !is_name_byte(at(i))) {
      at_ = i;
      return finish(TokenKind::number, from);
    }
    return lex_word();
  }
  std::size_t i = at_;
  while (is_digit(at(i))) ++i;
  if (!is_name_byte(at(i))) {
    at_ = i;
    if (at(i) == '.') return lex_fraction(from);
    return finish(TokenKind::number, from);
  }
  if (lower(at(i)) == 'e') {  // 1e5 and 1e+5 end at the last digit: "1e5FOR" is a number and FOR
    std::size_t exponent = i + 1;
    if (at(exponent) == '+' || at(exponent) == '-') ++exponent;
    if (is_digit(at(exponent))) {
      while (is_digit(at(exponent))) ++exponent;
      at_ = exponent;
      return finish(TokenKind::number, from);
    }
  }
  return lex_word();  // "1a" is a name
}

/// At the dot of 1.5, 1. or .5. What follows the last digit, even a letter, is the next token.
Token Lexer::lex_fraction(std::size_t from) {
  ++at_;
  while (is_digit(at(at_))) ++at_;
  if (lower(at(at_)) == 'e') {
    std::size_t exponent = at_ + 1;
    if (at(exponent) == '+' || at(exponent) == '-') ++exponent;
    if (!is_digit(at(exponent))) return fail(TokenKind::uncertain);  // an error on the servers
    while (is_digit(at(exponent))) ++exponent;
    at_ = exponent;
  }
  return finish(TokenKind::number, from);
}

Token Lexer::lex_prefixed_literal() {
  const char prefix = lower(text_[at_]);
  if (at(at_ + 1) != '\'') return lex_word();
  if (prefix == 'n') {
    ++at_;
    return lex_string('\'');
  }
  if (prefix != 'x' && prefix != 'b') return lex_word();
  const std::size_t from = at_;
  at_ += 2;
  while (!ended() && (prefix == 'x' ? is_hex_digit(text_[at_]) : text_[at_] == '0' || text_[at_] == '1')) ++at_;
  if (ended()) return fail(TokenKind::unterminated);
  if (text_[at_] != '\'') return fail(TokenKind::uncertain);  // an error on the servers
  ++at_;
  return finish(TokenKind::string, from);
}

bool Lexer::backslash_is_doubtful(std::size_t i) const {
  // A lead byte of every one of these character sets, on its own before the backslash: then it is one character.
  // Everything else (a run of high bytes, a lead byte of some of them only) can be read in two ways.
  const auto lead = static_cast<unsigned char>(text_[i - 1]);
  const bool alone = i < 2 || !is_high(text_[i - 2]);
  return !(alone && lead >= 0xe0 && lead <= 0xf9);
}

bool Lexer::skip_quoted(char quote, bool backslash) {
  for (; !ended(); ++at_) {
    const char c = text_[at_];
    const bool second_half = dialect_.multi_byte_with_backslash && is_high(at(at_ - 1));
    if (second_half && (c == '\\' || c == '`')) {
      if (backslash_is_doubtful(at_)) {
        failed_ = TokenKind::uncertain;
        return false;
      }
      continue;
    }
    if (c == '\\' && backslash) {
      ++at_;
      continue;
    }
    if (c != quote) continue;
    if (at(at_ + 1) == quote && at_ + 1 < text_.size()) {
      ++at_;
      continue;
    }
    ++at_;
    return true;
  }
  failed_ = TokenKind::unterminated;
  return false;
}

Token Lexer::lex_string(char quote) {
  const std::size_t from = at_;
  ++at_;
  if (!skip_quoted(quote, !dialect_.no_backslash_escapes)) return fail(failed_);
  return finish(TokenKind::string, from);
}

Token Lexer::lex_quoted_name(char quote) {
  const std::size_t from = at_ + 1;
  ++at_;
  if (!skip_quoted(quote, false)) return fail(failed_);
  Token token = finish(TokenKind::quoted_name, from);
  token.text.remove_suffix(1);
  if (token.text.find('\0') != std::string_view::npos) return fail(TokenKind::uncertain);  // ends the name on MySQL
  return token;
}

Token Lexer::lex_at() {
  const std::size_t from = at_;
  ++at_;
  const char c = at(at_);
  if (c == '@') {
    ++at_;
    return finish(TokenKind::system_variable, from);
  }
  Token token;
  if (c == '\'' || c == '"') {
    token = c == '"' && dialect_.ansi_quotes ? lex_quoted_name(c) : lex_string(c);
    if (token.kind == TokenKind::string) token.text = token.text.substr(1, token.text.size() - 2);
  } else if (c == '`') {
    token = lex_quoted_name(c);
  } else {
    while (!ended() && (is_name_byte(text_[at_]) || text_[at_] == '.')) ++at_;
    token = finish(TokenKind::user_variable, from + 1);
  }
  if (failed_ != TokenKind::end) return fail(failed_);
  token.kind = TokenKind::user_variable;
  token.word = Word::none;
  return token;
}

}  // namespace wye::sql
