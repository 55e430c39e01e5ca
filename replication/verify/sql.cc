#include "replication/verify/sql.h"

#include <algorithm>
#include <array>

namespace wye::verify {
namespace {

enum class Kind : std::uint8_t { number, real, code, moment, text, bytes, large, json, opaque, other };

struct Type {
  std::string_view name;
  Kind kind;
};
constexpr std::array types{
    Type{"tinyint", Kind::number},
    Type{"smallint", Kind::number},
    Type{"mediumint", Kind::number},
    Type{"int", Kind::number},
    Type{"bigint", Kind::number},
    Type{"decimal", Kind::number},
    Type{"year", Kind::number},
    Type{"float", Kind::real},
    Type{"double", Kind::real},
    Type{"bit", Kind::code},
    Type{"enum", Kind::code},
    Type{"set", Kind::code},
    Type{"date", Kind::moment},
    Type{"time", Kind::moment},
    Type{"datetime", Kind::moment},
    Type{"timestamp", Kind::moment},
    Type{"uuid", Kind::moment},
    Type{"inet4", Kind::moment},
    Type{"inet6", Kind::moment},
    Type{"char", Kind::text},
    Type{"varchar", Kind::text},
    Type{"binary", Kind::bytes},
    Type{"varbinary", Kind::bytes},
    Type{"tinytext", Kind::large},
    Type{"text", Kind::large},
    Type{"mediumtext", Kind::large},
    Type{"longtext", Kind::large},
    Type{"tinyblob", Kind::large},
    Type{"blob", Kind::large},
    Type{"mediumblob", Kind::large},
    Type{"longblob", Kind::large},
    Type{"json", Kind::json},
    Type{"geometry", Kind::opaque},
    Type{"point", Kind::opaque},
    Type{"linestring", Kind::opaque},
    Type{"polygon", Kind::opaque},
    Type{"multipoint", Kind::opaque},
    Type{"vector", Kind::opaque},
    Type{"multilinestring", Kind::opaque},
    Type{"multipolygon", Kind::opaque},
    Type{"geometrycollection", Kind::opaque},
    Type{"geomcollection", Kind::opaque},
};

Kind kind_of(std::string_view type) {
  for (const Type& one : types)
    if (one.name == type) return one.kind;
  return Kind::other;
}

const Column& key_column(const Table& table, std::size_t k) { return table.columns[table.key[k]]; }

/// How a key's column is selected.
std::string key_value_sql(const Column& column) {
  const std::string name = quoted_name(column.name);
  switch (kind_of(column.type)) {
    case Kind::text:
    case Kind::bytes:
      return "HEX(CAST(" + name + " AS BINARY))";
    case Kind::code:
      return "(" + name + " + 0)";
    default:
      return name;
  }
}

/// What a key's column is compared as: an ENUM is ordered by its number.
std::string operand_sql(const Column& column) {
  const std::string name = quoted_name(column.name);
  return kind_of(column.type) == Kind::code ? "(" + name + " + 0)" : name;
}

/// The value again, in the column's own character set: nothing is converted, so an index serves.
std::string literal(const Column& column, const std::string& value) {
  switch (kind_of(column.type)) {
    case Kind::text:
      return "_" + column.charset + " x'" + value + "'";
    case Kind::bytes:
      return "x'" + value + "'";
    case Kind::number:
    case Kind::code:
      return value;
    default:
      return quoted_text(value);
  }
}

std::string key_list(const Table& table, bool values) {
  std::string out;
  for (std::size_t k = 0; k < table.key.size(); ++k) {
    const Column& column = key_column(table, k);
    out += (k == 0 ? "" : ", ") + (values ? key_value_sql(column) : quoted_name(column.name));
  }
  return out;
}

/// (a, b) > (x, y) in words that servers find in an index: a > x OR (a = x AND b > y). `last` is the comparison of the
/// last column, which may be with "or equal".
std::string beyond(const Table& table, const Key& key, const char* strict, const char* last) {
  std::string out, equal;
  for (std::size_t k = 0; k < table.key.size(); ++k) {
    const Column& column = key_column(table, k);
    const std::string operand = operand_sql(column), value = literal(column, key[k]);
    const bool end = k + 1 == table.key.size();
    out += (k == 0 ? "(" : " OR (") + equal + operand + (end ? last : strict) + value + ")";
    equal += operand + " = " + value + " AND ";
  }
  return "(" + out + ")";
}

std::string where(const Table& table, const Range& range) {
  std::string out;
  if (range.above) out = " WHERE " + beyond(table, *range.above, " > ", " > ");
  if (range.upto) out += (out.empty() ? " WHERE " : " AND ") + beyond(table, *range.upto, " < ", " <= ");
  return out;
}

std::string from(const Table& table) {
  std::string out = " FROM " + quoted_name(table.schema) + "." + quoted_name(table.name);
  if (table.keyed()) out += " FORCE INDEX (" + quoted_name(table.index) + ")";
  return out;
}

std::string listed(const std::vector<std::string>& texts) {
  std::string out;
  for (const std::string& text : texts) out += (out.empty() ? "" : ", ") + quoted_text(text);
  return out;
}

/// Each row's hash as h. A derived table: so it is computed once, though used several times (the session has
/// derived_merge off).
std::string hashes(const Table& table, const Range& range) {
  return "(SELECT " + row_hash_sql(table) + " AS h" + from(table) + where(table, range) + ") AS hashed" +
         (range.prefixes.empty() ? "" : " WHERE LEFT(h, 2) IN (" + listed(range.prefixes) + ")");
}

constexpr const char* totals =
    "COUNT(*) AS n, CONCAT_WS(',', BIT_XOR(CAST(CONV(SUBSTR(h, 1, 16), 16, 10) AS UNSIGNED)), "
    "BIT_XOR(CAST(CONV(SUBSTR(h, 17, 16), 16, 10) AS UNSIGNED)), "
    "COALESCE(SUM(CAST(CONV(SUBSTR(h, 33, 15), 16, 10) AS UNSIGNED)), 0)) AS s";

std::string unhex(const std::string& hex) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10; };
  std::string out;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) out += static_cast<char>(digit(hex[i]) * 16 + digit(hex[i + 1]));
  return out;
}

bool is_plain(const std::string& text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f; });
}

}  // namespace

std::string quoted_name(std::string_view name) {
  std::string out = "`";
  for (const char c : name) out.append(c == '`' ? 2 : 1, c);
  return out + "`";
}

std::string quoted_text(std::string_view text) {
  std::string out = "'";
  for (const char c : text) out.append(c == '\'' || c == '\\' ? 2 : 1, c);
  return out + "'";
}

bool can_order(std::string_view type) {
  const Kind kind = kind_of(type);
  return kind == Kind::number || kind == Kind::moment || kind == Kind::text || kind == Kind::bytes || type == "enum";
}

std::string field_sql(const Column& column) {
  const std::string name = quoted_name(column.name);
  const auto ended = [](const std::string& value) { return "COALESCE(" + value + ", 'N'), ','"; };  // no comma in it
  const auto hashed = [](const std::string& value) { return "COALESCE(SHA2(" + value + ", 256), 'N')"; };
  switch (kind_of(column.type)) {
    case Kind::number:
    case Kind::moment:
      return ended(name);
    case Kind::real:  // a FLOAT prints six digits, as a DOUBLE all it has
      return ended("CAST(" + name + " * 1e0 AS CHAR)");
    case Kind::code:
      return ended(name + " + 0");
    case Kind::text:
    case Kind::bytes: {
      const std::string bytes = "CAST(" + name + " AS BINARY)";
      return "COALESCE(CONCAT(LENGTH(" + bytes + "), ':', " + bytes + "), 'N')";
    }
    case Kind::large:
      return hashed("CAST(" + name + " AS BINARY)");
    case Kind::opaque:
      return hashed("HEX(" + name + ")");
    case Kind::json:
    case Kind::other:
      break;
  }
  return hashed("CAST(" + name + " AS CHAR)");
}

std::string row_hash_sql(const Table& table) {
  std::string out = "SHA2(CONCAT(";
  for (std::size_t i = 0; i < table.columns.size(); ++i) out += (i == 0 ? "" : ", ") + field_sql(table.columns[i]);
  return out + "), 256)";
}

std::string digest_sql(const Table& table, const Range& range) {
  return std::string{"SELECT "} + totals + " FROM " + hashes(table, range);
}

std::string digests_by_prefix_sql(const Table& table) {
  return std::string{"SELECT LEFT(h, 2) AS p, "} + totals + " FROM " + hashes(table, {}) + " GROUP BY LEFT(h, 2)";
}

std::string boundary_sql(const Table& table, const Range& range, std::uint64_t offset) {
  return "SELECT " + key_list(table, true) + from(table) + where(table, range) + " ORDER BY " + key_list(table, false) +
         " LIMIT " + std::to_string(offset) + ", 1";
}

std::string entries_sql(const Table& table, const Range& range, std::uint64_t most) {
  const std::string limit = " LIMIT " + std::to_string(most);
  if (!table.keyed()) return "SELECT h, COUNT(*) AS n FROM " + hashes(table, range) + " GROUP BY h" + limit;
  return "SELECT " + key_list(table, true) + ", " + row_hash_sql(table) + " AS h" + from(table) + where(table, range) +
         limit;
}

std::string rows_sql(const Table& table, const std::vector<Key>& keys) {
  std::string out = "SELECT " + key_list(table, true);
  for (const Column& column : table.columns) out += ", LEFT(SHA2(CONCAT(" + field_sql(column) + "), 256), 32)";
  out += from(table) + " WHERE ";
  const bool one = table.key.size() == 1;
  if (one) out += operand_sql(key_column(table, 0)) + " IN (";
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (i > 0) out += one ? ", " : " OR ";
    for (std::size_t k = 0; k < table.key.size(); ++k) {
      const Column& column = key_column(table, k);
      const std::string value = literal(column, keys[i][k]);
      out += one ? value : (k == 0 ? "(" : " AND ") + operand_sql(column) + " = " + value;
    }
    if (!one) out += ")";
  }
  return one ? out + ")" : out;
}

std::string contents_sql(const Table& table, const std::vector<std::string>& hashes) {
  std::string out = "SELECT " + row_hash_sql(table) + " AS h, MIN(LEFT(CONCAT_WS(', '";
  for (const Column& column : table.columns) {
    const std::string name = quoted_name(column.name);
    const Kind kind = kind_of(column.type);
    const bool hex = kind == Kind::bytes || kind == Kind::opaque || column.charset.empty();
    const bool plain = kind == Kind::number || kind == Kind::real || kind == Kind::code || kind == Kind::moment;
    const std::string value = plain ? name + (kind == Kind::code ? " + 0" : "")
                              : hex ? "CONCAT('0x', LEFT(HEX(" + name + "), 64))"
                                    : "CONCAT('''', LEFT(" + name + ", 64), '''')";
    out += ", CONCAT(" + quoted_text(column.name + "=") + ", COALESCE(" + value + ", 'NULL'))";
  }
  return out + "), 400)) AS content" + from(table) + " WHERE " + row_hash_sql(table) + " IN (" + listed(hashes) +
         ") GROUP BY h";
}

std::string shown(const Table& table, const Key& key) {
  std::string out;
  for (std::size_t k = 0; k < key.size() && k < table.key.size(); ++k) {
    const Column& column = key_column(table, k);
    const Kind kind = kind_of(column.type);
    out += (k == 0 ? "" : ", ") + column.name + "=";
    if (kind == Kind::text && is_plain(unhex(key[k]))) {
      out += quoted_text(unhex(key[k]));
    } else if (kind == Kind::text || kind == Kind::bytes) {
      out += "0x" + key[k];
    } else {
      out += key[k];
    }
  }
  return out;
}

}  // namespace wye::verify
