#include "proxy/session/flows/user_variables.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "proxy/protocol/framing.h"
#include "proxy/sql/ascii.h"
#include "proxy/sql/lexer.h"

namespace wye::session {

namespace {

// Column types of the protocol that user variables have.
constexpr std::uint8_t type_double = 5, type_longlong = 8, type_newdecimal = 0xf6, type_var_string = 0xfd;
constexpr std::uint32_t mariadb_not_set = 0x1000000;  // the column's length of one that nobody has set
constexpr std::size_t tail_size = 13;                 // of a column definition: the fixed part
constexpr unsigned flag_unsigned = 0x20;

/// "@`a`", or empty: its bytes could mean another name under another character set.
std::string quoted_name(std::string_view name, char quote) {
  const bool plain = std::all_of(name.begin(), name.end(), [](char c) { return c >= ' ' && c <= '~' && c != '\\'; });
  if (!plain || name.empty()) return {};
  const bool in_quotes = quote == '`' || quote == '\'' || quote == '"';
  std::string out = "@`";
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (in_quotes && name[i] == quote && i + 1 < name.size() && name[i + 1] == quote) ++i;  // doubled
    out += name[i];
    if (name[i] == '`') out += '`';
  }
  return out += '`';
}

/// In UTF-16 and UTF-32 results NULs stand between the characters.
std::string without_nuls(std::string_view text) {
  std::string out;
  std::copy_if(text.begin(), text.end(), std::back_inserter(out), [](char c) { return c != '\0'; });
  return out;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char low = sql::lower(c);
  return low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
}

bool is_utf8(std::string_view hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes += static_cast<char>(hex_digit(hex[i]) * 16 + hex_digit(hex[i + 1]));
  for (std::size_t i = 0; i < bytes.size();) {
    const auto lead = static_cast<unsigned char>(bytes[i]);
    const std::size_t size = lead < 0x80   ? 1
                             : lead < 0xc2 ? 0
                             : lead < 0xe0 ? 2
                             : lead < 0xf0 ? 3
                             : lead < 0xf5 ? 4
                                           : 0;
    if (size == 0 || i + size > bytes.size()) return false;
    for (std::size_t k = 1; k < size; ++k) {
      if ((static_cast<unsigned char>(bytes[i + k]) & 0xc0U) != 0x80U) return false;
    }
    i += size;
  }
  return true;
}

bool is_ascii(std::string_view hex) {
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    if (hex[i] > '7') return false;
  }
  return true;
}

enum class Charset : std::uint8_t { unknown, single_byte, utf8, multi_byte };

Charset kind_of(std::string_view charset) {
  static constexpr std::string_view single[] = {
      "armscii8", "ascii",   "cp1250", "cp1251", "cp1256",   "cp1257",  "cp850", "cp852", "cp866",
      "dec8",     "geostd8", "greek",  "hebrew", "hp8",      "keybcs2", "koi8r", "koi8u", "latin1",
      "latin2",   "latin5",  "latin7", "macce",  "macroman", "swe7",    "tis620"};
  static constexpr std::string_view multi[] = {"big5",   "cp932", "eucjpms", "euckr", "gb18030",
                                               "gb2312", "gbk",   "sjis",    "ujis"};
  const auto in = [charset](const auto& names) { return std::find(std::begin(names), std::end(names), charset); };
  if (in(single) != std::end(single)) return Charset::single_byte;
  if (charset == "utf8mb4" || charset == "utf8mb3" || charset == "utf8") return Charset::utf8;
  return in(multi) != std::end(multi) ? Charset::multi_byte : Charset::unknown;
}

std::string string_literal(std::string_view hex, std::string_view collation) {
  if (hex.size() % 2 != 0 || std::any_of(hex.begin(), hex.end(), [](char c) { return hex_digit(c) < 0; })) return {};
  std::string bytes = "x'";
  bytes.append(hex).append("'");
  if (collation == "binary") return bytes;
  const auto charset = collation.substr(0, collation.find('_'));
  const auto kind = kind_of(charset);
  if (kind == Charset::unknown || (kind == Charset::utf8 && !is_utf8(hex))) return {};
  // Of others nobody here can tell which bytes the introducer would refuse.
  if (kind == Charset::multi_byte && !is_ascii(hex)) return {};
  const auto plain = [](char c) { return sql::is_digit(c) || c == '_' || (c >= 'a' && c <= 'z'); };
  if (!std::all_of(collation.begin(), collation.end(), plain)) return {};
  return "_" + std::string(charset) + " " + bytes + " COLLATE " + std::string(collation);
}

bool is_number(std::string_view text) {
  return !text.empty() && text.size() <= 100 && std::all_of(text.begin(), text.end(), [](char c) {
    return sql::is_digit(c) || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
  });
}

/// What definitions and cells say; in the order that question() asks.
struct Cell {
  bool null = false;
  std::string text;
};
struct Column {
  std::uint8_t type = 0;
  bool is_unsigned = false;
  std::uint32_t length = 0;
};

std::optional<Column> parse_column(protocol::ByteView payload) {
  if (payload.size() < tail_size) return std::nullopt;
  const auto tail = payload.last(tail_size);
  Column column;
  for (unsigned i = 0; i < 4; ++i) column.length |= std::uint32_t{tail[3 + i]} << (8 * i);
  column.type = tail[7];
  column.is_unsigned = (tail[8] & flag_unsigned) != 0;
  return column;
}

std::vector<Cell> parse_cells(protocol::ByteView payload, std::size_t count) {
  std::vector<Cell> cells;
  protocol::Reader in{payload};
  for (std::size_t i = 0; i < count && in.ok(); ++i) {
    Cell cell;
    if (in.left() > 0 && payload[in.offset()] == 0xfb) {
      in.skip(1);
      cell.null = true;
    } else {
      cell.text = in.lenenc_string();
    }
    cells.push_back(std::move(cell));
  }
  return cells;
}

/// A value of the type, to be followed by NULL: that keeps it.
std::string typed_null(const Column& column, std::string_view collation) {
  return user_variable_literal(column.type, column.is_unsigned, "0", "", collation);
}

}  // namespace

std::string user_variable_literal(std::uint8_t type, bool is_unsigned, std::string_view text, std::string_view hex,
                                  std::string_view collation) {
  const std::string number = without_nuls(text);
  switch (type) {
    case type_longlong:
      if (!is_number(number)) return {};
      return "CAST('" + number + (is_unsigned ? "' AS UNSIGNED)" : "' AS SIGNED)");
    case type_newdecimal: {
      if (!is_number(number)) return {};
      const auto point = number.find('.');
      const auto scale = point == std::string::npos ? 0 : number.size() - point - 1;
      return "CAST('" + number + "' AS DECIMAL(65," + std::to_string(scale) + "))";
    }
    case type_double:
      if (!is_number(number)) return {};
      return number.find_first_of("eE") == std::string::npos ? number + "e0" : number;
    default:
      return string_literal(without_nuls(hex), without_nuls(collation));
  }
}

bool UserVariables::named(std::string_view text, const sql::Dialect& dialect, const sql::Facts& facts) {
  sql::Lexer lexer{text, dialect};
  // GET DIAGNOSTICS reads no table, and sets them.
  const bool sets = facts.several || facts.has(sql::fx_stored_function) || sql::same(facts.verb, "get");
  bool reads = facts.kind == sql::Kind::read && !sets;
  std::vector<std::string> names;
  while (true) {
    const sql::Token token = lexer.next();
    if (token.kind == sql::TokenKind::unterminated || token.kind == sql::TokenKind::uncertain) return false;
    if (token.kind == sql::TokenKind::end) break;
    if (token.kind == sql::TokenKind::assign || token.is(sql::Word::INTO)) reads = false;
    if (token.kind != sql::TokenKind::user_variable) continue;
    const auto quote = static_cast<std::size_t>(token.text.data() - text.data()) - 1;
    std::string name = quoted_name(token.text, text[quote]);
    if (name.empty()) return false;
    names.push_back(std::move(name));
  }
  for (std::string& name : names) {
    const auto known =
        std::find_if(variables_.begin(), variables_.end(), [&](const Variable& v) { return v.name == name; });
    if (known != variables_.end()) {
      known->unknown = known->unknown || !reads;
    } else {
      variables_.push_back({std::move(name), {}, true});
    }
  }
  // Names are compared without regard to case, and to more in some versions: another spelling may be the same one.
  if (!reads) {
    for (Variable& variable : variables_) variable.unknown = true;
  }
  return variables_.size() <= most_names;
}

bool UserVariables::unknown() const {
  return std::any_of(variables_.begin(), variables_.end(), [](const Variable& v) { return v.unknown; });
}

std::string UserVariables::question() const {
  std::string sql;
  for (const Variable& variable : variables_) {
    if (!variable.unknown) continue;
    sql += sql.empty() ? "SELECT " : ",";
    sql += variable.name + ",HEX(" + variable.name + "),COLLATION(" + variable.name + ")";
  }
  return sql;
}

bool UserVariables::answered(protocol::ByteView frames, std::size_t definitions) {
  std::vector<Column> columns;
  std::vector<Cell> cells;
  while (cells.empty()) {
    const auto framed = protocol::next_packet(frames, frames.size());
    const auto* packet = std::get_if<protocol::Packet>(&framed);
    if (packet == nullptr) return false;
    if (columns.size() < definitions) {
      const auto column = parse_column(packet->payload);
      if (!column) return false;
      columns.push_back(*column);
    } else {
      cells = parse_cells(packet->payload, definitions);
    }
    frames = frames.subspan(packet->consumed);
  }
  std::size_t at = 0, size = 0;
  for (Variable& variable : variables_) {
    if (!variable.unknown) {
      size += variable.assignments.size();
      continue;
    }
    if (at + 2 >= columns.size() || at + 2 >= cells.size()) return false;
    const Column& column = columns[at];
    const Cell& text = cells[at];
    const std::string collation = without_nuls(cells[at + 2].text);
    const std::string& hex = cells[at + 1].text;
    at += 3;
    variable.assignments.clear();
    variable.unknown = false;
    // One that was never set must not be set to NULL: its metadata would be another's.
    const bool not_set = column.type == type_var_string || column.length == mariadb_not_set;
    if (text.null && not_set) continue;
    const std::string value = text.null
                                  ? typed_null(column, collation)
                                  : user_variable_literal(column.type, column.is_unsigned, text.text, hex, collation);
    if (value.empty() || hex.size() > 2 * longest_value) return false;
    variable.assignments = variable.name + "=" + value;
    if (text.null) variable.assignments += "," + variable.name + "=NULL";
    size += variable.assignments.size();
  }
  return size <= longest_text;
}

std::string UserVariables::restore() const {
  std::string sql;
  for (const Variable& variable : variables_) {
    if (variable.assignments.empty()) continue;
    sql += sql.empty() ? "SET " : ",";
    sql += variable.assignments;
  }
  return sql;
}

}  // namespace wye::session
