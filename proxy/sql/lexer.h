#pragma once
#include <cstdint>
#include <string_view>

#include "proxy/sql/facts.h"
#include "proxy/sql/words.h"

namespace wye::sql {

enum class TokenKind : std::uint8_t {
  end,
  word,         // unquoted identifier or keyword; `word` says which keyword, `none` after a dot
  quoted_name,  // `a` or, under ANSI_QUOTES, "a"; text without the quotes, doubled quotes still doubled
  string,       // '..', "..", n'..', x'..', b'..'
  number,
  user_variable,    // @a, @'a', @"a", @`a`: text is the name without quotes
  system_variable,  // @@ alone; the scope and the name are the next tokens
  assign,           // :=
  symbol,           // any other byte, in `symbol`
  unterminated,     // a quote or comment that never ends; every later token is the same
  uncertain,  // bytes that servers or character sets read in different ways (NUL, 0x5c in gbk ...); likewise final
};

struct Token {
  TokenKind kind = TokenKind::end;
  char symbol = 0;
  bool space_before : 1 = false;        // white space or a comment before it
  bool before_parenthesis : 1 = false;  // a word of keywords.def: the "(" of a call follows
  Word word = Word::none;
  std::uint16_t keyword = 0;  // find_keyword(), where `word` would be set
  std::string_view text;      // view into the statement
  bool is(Word w) const { return word == w && kind == TokenKind::word; }
  bool is(char c) const { return kind == TokenKind::symbol && symbol == c; }
  bool is_name() const { return kind == TokenKind::word || kind == TokenKind::quoted_name; }
};

/// Cuts text into tokens as the server's lexer does (MySQL sql/sql_lex.cc lex_one_token, MariaDB Lex_input_stream), for
/// both families. Pure, never allocates; where the server's reading depends on what is not known here it says
/// `uncertain` rather than guess. Owner: one thread; the text must outlive it.
class Lexer {
 public:
  Lexer(std::string_view text, const Dialect& dialect);
  Token next();
  /// The optimizer hint in front of the last token, with /*+ and */; empty: none.
  std::string_view hint() const { return hint_; }
  /// Where the last token stands in the text, quotes and sigils included; both are the text's size at its end.
  std::size_t token_begin() const { return token_at_; }
  std::size_t token_end() const { return at_; }

 private:
  bool skip_space_and_comments();  // true if something was skipped
  void skip_line_comment();
  void skip_block_comment();
  void open_executable_comment(std::size_t digits_at, bool mariadb_only);
  void skip_to_comment_end(bool nested);
  void skip_hint_comment();
  Token lex_word();
  void look_up(Token& word) const;
  Token lex_number();
  Token lex_fraction(std::size_t from);
  Token lex_prefixed_literal();
  Token lex_string(char quote);
  Token lex_quoted_name(char quote);
  Token lex_at();
  bool skip_quoted(char quote, bool backslash);  // from behind the opening quote to behind the closing one
  bool backslash_is_doubtful(std::size_t at) const;
  bool name_is_doubtful(std::string_view name) const;
  Token fail(TokenKind kind);
  Token finish(TokenKind kind, std::size_t from);
  char at(std::size_t i) const { return i < text_.size() ? text_[i] : '\0'; }
  bool ended() const { return at_ >= text_.size(); }

  std::string_view text_;
  Dialect dialect_;
  std::size_t at_ = 0, token_at_ = 0;
  bool in_executable_comment_ = false;
  bool after_dot_ = false;   // the next name byte begins a name, never a keyword or number
  bool after_word_ = false;  // a dot that touches it and a name byte is a separator, even before a digit
  std::string_view hint_;
  TokenKind failed_ = TokenKind::end;
};

}  // namespace wye::sql
