#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace wye::verify {

/// As information_schema says it; `type` is DATA_TYPE.
struct Column {
  std::string name, type, charset;
  bool operator==(const Column&) const = default;
};

/// A table whose rows are compared.
struct Table {
  std::string schema, name;
  std::vector<Column> columns;            // all, also generated and invisible ones
  std::vector<std::size_t> key;           // into `columns`: what names a row; empty: nothing does
  std::string index;                      // of the key
  std::uint64_t rows = 0, row_bytes = 0;  // the server's estimates
  bool keyed() const { return !key.empty(); }
  std::string full_name() const { return schema + "." + name; }
};

/// One value for each column of the key, as key_values_sql() selects them.
using Key = std::vector<std::string>;

/// Some of a table's rows: those with a key in (above, upto]; without a key those whose hash begins with one
/// of `prefixes`, of two digits each, or all.
struct Range {
  std::optional<Key> above, upto;
  std::vector<std::string> prefixes;
};

/// What is told of a set of rows: how many, two 64-bit XORs and a sum of their hashes (a XOR alone does not see pairs
/// of equal rows). As text, as the server gives it.
struct Digest {
  std::uint64_t rows = 0;
  std::string sums;
  bool operator==(const Digest&) const = default;
};

/// What differs, and where. Values of columns are never in it, only what names a row.
struct Difference {
  std::string server, kind, object, key, what;
};

}  // namespace wye::verify
