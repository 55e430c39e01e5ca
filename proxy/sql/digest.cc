#include "proxy/sql/digest.h"

#include <algorithm>
#include <cstring>

#include "proxy/sql/ascii.h"
#include "proxy/sql/keywords.h"

namespace wye::sql {
namespace {

// What an item is: a symbol's byte, one of these, or a keyword's number behind all of them.
enum Code : std::uint16_t {
  nothing = 0,
  name_code = 256,
  position_code,  // ORDER BY 2
  charset_code,
  value_code,
  value_list,      // ?, ...
  single_row,      // (?)
  single_rows,     // (?) /* , ... */
  row,             // (...)
  rows,            // (...) /* , ... */
  in_list,         // IN (...)
  variable_code,   // @, of what stands behind it
  variables_code,  // @@
  assign_code,
  hint_code,
  op_not_equal,
  op_less_equal,
  op_greater_equal,
  op_null_equal,
  op_shift_left,
  op_shift_right,
  op_and,
  op_or,
  op_arrow,
  op_long_arrow,
  first_keyword = 512,
};

struct Operator {
  std::uint16_t before;
  char symbol;
  std::uint16_t result;
  std::string_view text;
};
/// What two symbols that touch are together.
constexpr std::array operators{
    Operator{'<', '=', op_less_equal, "<="},
    Operator{'>', '=', op_greater_equal, ">="},
    Operator{'<', '>', op_not_equal, "!="},
    Operator{'!', '=', op_not_equal, "!="},
    Operator{'<', '<', op_shift_left, "<<"},
    Operator{'>', '>', op_shift_right, ">>"},
    Operator{'&', '&', op_and, "&&"},
    Operator{'|', '|', op_or, "||"},
    Operator{op_less_equal, '>', op_null_equal, "<=>"},
};
constexpr std::array arrows{Operator{'-', '>', op_arrow, "->"}, Operator{op_arrow, '>', op_long_arrow, "->>"}};

const std::uint16_t k_null = find_keyword("NULL"), k_is = find_keyword("IS"), k_not = find_keyword("NOT"),
                    k_in = find_keyword("IN"), k_order = find_keyword("ORDER"), k_group = find_keyword("GROUP"),
                    k_by = find_keyword("BY"), k_select = find_keyword("SELECT"), k_insert = find_keyword("INSERT"),
                    k_replace = find_keyword("REPLACE"), k_update = find_keyword("UPDATE"),
                    k_delete = find_keyword("DELETE");

constexpr std::uint64_t mixed(std::uint64_t h, std::uint64_t with) {
  h = (h ^ with) * 0x9e3779b97f4a7c15u;
  return h ^ (h >> 32);
}

std::uint64_t name_hash(std::string_view name) {
  std::uint64_t h = 0x2545f4914f6cdd1du + name.size();
  while (name.size() >= 8) {
    std::uint64_t part = 0;
    for (std::size_t i = 0; i < 8; ++i) part = part << 8 | static_cast<std::uint8_t>(name[i]);
    h = mixed(h, part);
    name.remove_prefix(8);
  }
  std::uint64_t part = 0;
  for (const char c : name) part = part << 8 | static_cast<std::uint8_t>(c);
  return mixed(h, part);
}

/// The bits of a hash that differ little, spread over all 64.
constexpr std::uint64_t spread(std::uint64_t h) {
  h = (h ^ (h >> 30)) * 0xbf58476d1ce4e5b9u;
  h = (h ^ (h >> 27)) * 0x94d049bb133111ebu;
  return h ^ (h >> 31);
}

bool is_keyword_here(const Token& token, const Dialect& dialect) {
  if (token.keyword == 0) return false;
  const std::uint16_t flags = keyword(token.keyword).flags;
  if ((flags & (dialect.mariadb ? kw_mariadb : kw_mysql)) != 0) return true;
  return token.before_parenthesis && (flags & (dialect.mariadb ? kw_mariadb_call : kw_mysql_call)) != 0;
}

/// x'41', b'1': numbers to the servers.
bool is_coded(const Token& string) { return lower(string.text.front()) == 'x' || lower(string.text.front()) == 'b'; }

bool is_scope(std::string_view word) {
  return same(word, "global") || same(word, "session") || same(word, "local") || same(word, "persist") ||
         same(word, "persist_only");
}

}  // namespace

void Digester::append(std::string_view text) {
  if (size_ < buffer_.size()) {
    const std::size_t n = std::min(text.size(), buffer_.size() - size_);
    std::memcpy(buffer_.data() + size_, text.data(), n);
  }
  size_ += text.size();
}

void Digester::push(std::uint16_t code, std::uint64_t hash, std::string_view text, char quote) {
  const std::uint16_t before = last();
  top_ = (top_ + 1) % kept;
  items_ = std::min(items_ + 1, kept);
  ring_[top_] = {code, hash_, size_};
  hash_ = mixed(hash_, hash);
  if (buffer_.empty()) return;
  if (size_ != 0 && before != variable_code && before != variables_code) append(" ");
  const std::string_view mark{&quote, quote == 0 ? 0U : 1U};
  append(mark);
  append(text);
  append(mark);
}

void Digester::push(std::uint16_t code, std::string_view text) { push(code, spread(code), text); }

void Digester::pop(std::size_t count) {
  for (; count > 0 && items_ > 0; --count) {
    hash_ = ring_[top_].hash_before;
    size_ = ring_[top_].size_before;
    top_ = (top_ + kept - 1) % kept;
    --items_;
  }
}

void Digester::take(const Token& token, std::string_view hint) {
  if (open_position_) settle_position(token);
  if (!hint.empty() && !dialect_.mariadb) {
    const std::uint16_t verb = last() < first_keyword ? nothing : last() - first_keyword;
    if (verb != nothing &&
        (verb == k_select || verb == k_insert || verb == k_replace || verb == k_update || verb == k_delete))
      take_hint(hint);
  }
  const bool begins = item_begins_;
  item_begins_ = false;
  switch (token.kind) {
    case TokenKind::word:
      return take_word(token);
    case TokenKind::quoted_name:
      return take_name(token.text);
    case TokenKind::string:
      return is_coded(token) ? take_number(token) : value();
    case TokenKind::number:
      item_begins_ = begins;
      return take_number(token);
    case TokenKind::user_variable:
      return take_user_variable(token);
    case TokenKind::system_variable:
      return push(variables_code, "@@");
    case TokenKind::assign:
      return push(assign_code, ":=");
    case TokenKind::symbol:
      return take_symbol(token);
    case TokenKind::end:
    case TokenKind::unterminated:
    case TokenKind::uncertain:
      return;
  }
}

void Digester::take_name(std::string_view name) { push(name_code, name_hash(name), name, '`'); }

void Digester::take_word(const Token& token) {
  std::uint16_t found = token.keyword;
  if (last() == variables_code && is_scope(token.text)) {
    found = find_keyword(token.text);
  } else if (!is_keyword_here(token, dialect_)) {
    return take_name(token.text);
  }
  found = same_keyword(found, dialect_.mariadb);
  const Keyword& known = keyword(found);
  if (verb_ == 0) verb_ = found;
  if ((known.flags & kw_charset) != 0) return push(charset_code, "(_charset)");
  if (found == k_null && null_is_value()) return value();
  move_by_list(found);
  push(static_cast<std::uint16_t>(first_keyword + found), known.hash, known.name);
}

/// IS NULL, NOT NULL and the NULL of a column's definition are words.
bool Digester::null_is_value() const {
  const std::uint16_t before = last();
  if (before < first_keyword) {
    return before != name_code && before != value_code && before != value_list && before != ')' &&
           !(before >= single_row && before <= in_list);
  }
  return (keyword(static_cast<std::uint16_t>(before - first_keyword)).flags & kw_null_is_value) != 0;
}

/// A column's number in ORDER BY and GROUP BY is none of the values that may differ.
void Digester::move_by_list(std::uint16_t found) {
  const std::uint64_t here = std::uint64_t{1} << std::min(depth_, 63u);
  const std::uint16_t before = last();
  if (found == k_by && (before == first_keyword + k_order || before == first_keyword + k_group)) {
    by_lists_ |= here;
    item_begins_ = true;
  } else if ((keyword(found).flags & kw_ends_by_list) != 0) {
    by_lists_ &= ~here;
  }
}

void Digester::take_number(const Token& token) {
  const bool position = item_begins_ && !dialect_.mariadb && dialect_.version >= 90000 &&
                        std::all_of(token.text.begin(), token.text.end(), is_digit);
  item_begins_ = false;
  if (position) {
    open_position_ = true;
    position_ = token.text;
    return push(position_code, name_hash(token.text), token.text);
  }
  while ((last() == '-' || last() == '+') && starts_expression(last(1))) pop();
  value();
}

void Digester::settle_position(const Token& next) {
  open_position_ = false;
  bool expression = next.kind == TokenKind::symbol && !next.is(',') && !next.is(')') && !next.is(';');
  if (is_keyword_here(next, dialect_)) expression = (keyword(next.keyword).flags & kw_operator) != 0;
  if (!expression) return;
  pop();
  value();
}

bool Digester::starts_expression(std::uint16_t code) const {
  if (code >= first_keyword) {
    const std::uint16_t flags = keyword(static_cast<std::uint16_t>(code - first_keyword)).flags;
    return (flags & kw_starts_expression) != 0 || (!dialect_.mariadb && (flags & kw_starts_expression_mysql) != 0);
  }
  switch (code) {
    case '(':
    case ',':
    case '|':
    case '&':
    case '+':
    case '-':
    case '*':
    case '/':
    case '%':
    case '^':
    case op_shift_left:
    case op_shift_right:
    case op_and:
    case op_or:
      return true;
    case '=':
    case '<':
    case '>':
    case op_not_equal:
    case op_less_equal:
    case op_greater_equal:
    case op_null_equal:
      return !dialect_.mariadb;
    default:
      return false;
  }
}

void Digester::value() {
  if (last() == ',' && (last(1) == value_code || last(1) == value_list)) {
    pop(2);
    return push(value_list, "?, ...");
  }
  push(value_code, "?");
}

/// At ")": what it closes may be a row of values, and that one of several.
void Digester::close() {
  if (depth_ > 0) {
    by_lists_ &= ~(std::uint64_t{1} << std::min(depth_, 63u));
    --depth_;
  }
  const bool single = last() == value_code;
  if (!(single || last() == value_list) || last(1) != '(') return push(')', ")");
  pop(2);
  if (!dialect_.mariadb && last() == first_keyword + k_in) {
    pop();
    return push(in_list, "IN (...)");
  }
  const std::uint16_t one = single ? single_row : row, many = single ? single_rows : rows;
  if (last() == ',' && (last(1) == one || last(1) == many)) {
    pop(2);
    return push(many, single ? "(?) /* , ... */" : "(...) /* , ... */");
  }
  push(one, single ? "(?)" : "(...)");
}

/// @a and @'a' are values to the servers, @`a` is a name.
void Digester::take_user_variable(const Token& token) {
  push(variable_code, "@");
  const bool quoted = !token.text.empty() && token.text.data()[-1] == '`';
  if (quoted) return take_name(token.text);
  value();
}

bool Digester::join_operator(char symbol, bool apart) {
  if (apart) return false;
  const auto joins = [&](const Operator& o) { return o.before == last() && o.symbol == symbol; };
  const auto* found = std::find_if(operators.begin(), operators.end(), joins);
  if (found == operators.end()) {
    if (dialect_.mariadb) return false;
    found = std::find_if(arrows.begin(), arrows.end(), joins);
    if (found == arrows.end()) return false;
  }
  pop();
  push(found->result, found->text);
  return true;
}

void Digester::take_symbol(const Token& token) {
  const char c = token.symbol;
  if (c == '?') return value();
  if (c == ')') return close();
  if (c == '\\') return;  // the servers skip it
  if ((c == '=' || c == '>' || c == '<' || c == '&' || c == '|') && join_operator(c, token.space_before)) return;
  const std::uint64_t here = std::uint64_t{1} << std::min(depth_, 63u);
  if (c == '(') {
    ++depth_;
  } else if (c == ',') {
    item_begins_ = (by_lists_ & here) != 0;
  } else if (c == ';') {
    by_lists_ = 0;
  }
  push(static_cast<std::uint8_t>(c), token.text);
}

/// A hint's name is a keyword of its own kind; its arguments are names and values as elsewhere.
void Digester::take_hint(std::string_view hint) {
  push(hint_code, "/*+");
  Lexer lexer{hint.substr(3, hint.size() - 5), dialect_};
  for (Token token = lexer.next(); token.kind != TokenKind::end; token = lexer.next()) {
    const std::size_t behind = lexer.token_end() + 3;
    switch (token.kind) {
      case TokenKind::word:
        if (is_digit(token.text.front())) {  // 16M
          value();
        } else if (hint[behind] == '(') {
          take_hint_name(token.text);
        } else {
          take_name(token.text);
        }
        break;
      case TokenKind::quoted_name:
        take_name(token.text);
        break;
      case TokenKind::string:
      case TokenKind::number:
        value();
        break;
      case TokenKind::user_variable:
        push(variable_code, "@");
        take_name(token.text);
        break;
      case TokenKind::symbol:
        take_symbol(token);
        break;
      default:
        return push(hint_code, "*/");
    }
  }
  push(hint_code, "*/");
}

void Digester::take_hint_name(std::string_view name) {
  std::array<char, 64> upper{};
  name = name.substr(0, upper.size());
  std::transform(name.begin(), name.end(), upper.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  name = {upper.data(), name.size()};
  push(name_code, text_hash(name), name);
}

Digest Digester::finish(bool placed) {
  while (last() == ';') pop();
  if (!placed) {
    const std::uint16_t verb = verb_;
    top_ = items_ = size_ = 0;
    hash_ = spread(verb == 0 ? 1 : keyword(verb).hash);
    if (!buffer_.empty()) append(verb == 0 ? std::string_view{"..."} : keyword(verb).name);
    if (!buffer_.empty() && verb != 0) append(" ...");
  }
  Digest digest;
  digest.hash = spread(hash_);
  digest.truncated = size_ > buffer_.size() && !buffer_.empty();
  digest.text = {buffer_.data(), std::min(size_, buffer_.size())};
  return digest;
}

std::string in_hex(std::uint64_t hash) {
  std::string text(16, '0');
  for (std::size_t i = 0; i < 16; ++i) text[15 - i] = "0123456789abcdef"[hash >> (4 * i) & 15U];
  return text;
}

}  // namespace wye::sql
