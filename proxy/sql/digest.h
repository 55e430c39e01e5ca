#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "proxy/sql/lexer.h"

namespace wye::sql {

/// What statements have in common that differ in their values only, as performance_schema's DIGEST_TEXT has it:
/// literals and placeholders are ?, lists of them (...), keywords upper case, names in backticks, comments gone. Two
/// statements with one DIGEST on the server have one hash here (tests/e2e/digest_test.py measures it, and names the
/// exceptions). The hash depends on nothing but the text and the dialect: it is the same in every process and every
/// build with the same keywords, so that a rule can name it.
struct Digest {
  std::uint64_t hash = 0;
  std::string_view text;   // in the caller's buffer; cut at its end
  bool truncated = false;  // the text, never the hash
};

/// Takes the tokens of a text as the lexer gives them and keeps nothing but a hash and, if wanted, the text so far.
/// Never allocates, takes any tokens. Owner: one call of classify().
class Digester {
 public:
  /// An empty `buffer`: the hash alone.
  explicit Digester(const Dialect& dialect, std::span<char> buffer = {}) : dialect_{dialect}, buffer_{buffer} {}
  /// `hint`: the optimizer hint in front of the token, /*+ and */ included.
  void take(const Token& token, std::string_view hint);
  /// `placed`: false for what the classifier could not read. Of that the first keyword remains: any word of it may be a
  /// secret that was meant for another window.
  Digest finish(bool placed);

 private:
  struct Item {
    std::uint16_t code = 0;
    std::uint64_t hash_before = 0;
    std::size_t size_before = 0;
  };
  static constexpr std::size_t kept = 16;  // items that a later token can still fold

  void take_word(const Token&);
  void take_name(std::string_view name);
  void take_number(const Token&);
  void take_user_variable(const Token&);
  void take_symbol(const Token&);
  void take_hint(std::string_view hint);
  void take_hint_name(std::string_view name);
  void settle_position(const Token& next);
  void value();
  void close();
  bool join_operator(char symbol, bool apart);
  bool null_is_value() const;
  bool starts_expression(std::uint16_t code) const;
  void move_by_list(std::uint16_t keyword);
  void push(std::uint16_t code, std::uint64_t hash, std::string_view text, char quote = 0);
  void push(std::uint16_t code, std::string_view text);
  void pop(std::size_t count = 1);
  void append(std::string_view text);
  std::uint16_t last(std::size_t n = 0) const { return n < items_ ? ring_[(top_ - n) % kept].code : std::uint16_t{0}; }

  const Dialect& dialect_;
  std::span<char> buffer_;
  std::array<Item, kept> ring_{};
  std::size_t top_ = 0, items_ = 0;  // the last item's place, and how many of the last ones are known
  std::uint64_t hash_ = 0;
  std::size_t size_ = 0;  // of the text, were there room for it
  std::uint16_t verb_ = 0;
  std::uint64_t by_lists_ = 0;  // a bit for each depth of parentheses: inside ORDER BY or GROUP BY
  unsigned depth_ = 0;
  bool item_begins_ = false;    // of a BY list
  bool open_position_ = false;  // ORDER BY 2: the number is a column, unless an operator follows
  std::string_view position_;
};

/// 16 digits: how users see a digest.
std::string in_hex(std::uint64_t hash);

/// The digest of a text; classify() does the same in its own pass. `parsed`: false if a server has said that it can't
/// read the text either.
Digest digest(std::string_view text, const Dialect& dialect, std::span<char> buffer = {}, bool parsed = true);

}  // namespace wye::sql
