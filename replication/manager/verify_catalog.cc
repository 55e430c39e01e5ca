#include "replication/manager/verify_catalog.h"

#include <algorithm>
#include <charconv>
#include <map>

#include "replication/verify/sql.h"

namespace wye::manager {
namespace {

constexpr const char* user_schemas = " NOT IN ('mysql', 'information_schema', 'performance_schema', 'sys', 'ndbinfo')";
/// Engines without rows of their own.
constexpr const char* elsewhere[] = {"FEDERATED", "MRG_MyISAM", "BLACKHOLE", "SPIDER", "CONNECT", "ndbcluster"};

std::string table_filter(const VerifyRequest& request) {
  if (request.table.empty()) return std::string{"TABLE_SCHEMA"} + user_schemas;
  return "TABLE_SCHEMA = " + verify::quoted_text(request.schema) +
         " AND TABLE_NAME = " + verify::quoted_text(request.table);
}

std::string lower(std::string text) {
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
  return text;
}

std::uint64_t number(const std::string& text) {
  std::uint64_t out = 0;
  std::from_chars(text.data(), text.data() + text.size(), out);
  return out;
}

std::size_t index_of(const verify::Table& table, const std::string& column) {
  std::size_t i = 0;
  while (i < table.columns.size() && table.columns[i].name != column) ++i;
  return i;
}

/// A unique index whose columns are whole, never NULL, and can be ordered.
struct Index {
  bool fits = true;
  std::vector<std::size_t> columns;
};

void choose_key(const server::Table& indexes, verify::Table& table) {
  std::map<std::string, Index> all;
  for (std::size_t row = 0; row < indexes.rows.size(); ++row) {
    Index& index = all[text_at(indexes, row, {"Key_name"})];
    const std::size_t column = index_of(table, text_at(indexes, row, {"Column_name"}));
    index.columns.push_back(column);
    index.fits = index.fits && column < table.columns.size() && text_at(indexes, row, {"Non_unique"}) == "0" &&
                 text_at(indexes, row, {"Sub_part"}).empty() && text_at(indexes, row, {"Null"}) != "YES" &&
                 text_at(indexes, row, {"Visible"}) != "NO" && text_at(indexes, row, {"Ignored"}) != "YES" &&
                 verify::can_order(table.columns[column].type);
  }
  const auto take = [&](const std::string& name, const Index& index) {
    table.index = name;
    table.key = index.columns;
  };
  for (const auto& [name, index] : all)
    if (index.fits && (table.key.empty() || index.columns.size() < table.key.size())) take(name, index);
  if (const auto primary = all.find("PRIMARY"); primary != all.end() && primary->second.fits)
    take(primary->first, primary->second);
}

}  // namespace

base::Result<std::vector<verify::Table>> list_tables(VerifySide& side, const VerifyRequest& request) {
  auto answer = side.table(
      "SELECT TABLE_SCHEMA AS s, TABLE_NAME AS t, ENGINE AS e, TABLE_ROWS AS n, AVG_ROW_LENGTH AS b FROM "
      "information_schema.TABLES WHERE "
      "TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED') AND " +
      table_filter(request) + " ORDER BY 1, 2");
  if (!answer) return answer.error();
  std::vector<verify::Table> out;
  for (std::size_t row = 0; row < answer->rows.size(); ++row) {
    const std::string engine = text_at(*answer, row, {"e"});
    if (std::find(std::begin(elsewhere), std::end(elsewhere), engine) != std::end(elsewhere)) continue;
    verify::Table& table = out.emplace_back();
    table.schema = text_at(*answer, row, {"s"});
    table.name = text_at(*answer, row, {"t"});
    table.rows = number(text_at(*answer, row, {"n"}));
    table.row_bytes = number(text_at(*answer, row, {"b"}));
  }
  return out;
}

base::Status describe_table(VerifySide& side, verify::Table& table) {
  table.columns.clear();
  table.key.clear();
  auto columns = side.table(
      "SELECT COLUMN_NAME AS c, DATA_TYPE AS d, CHARACTER_SET_NAME AS s FROM information_schema.COLUMNS WHERE "
      "TABLE_SCHEMA = " +
      verify::quoted_text(table.schema) + " AND TABLE_NAME = " + verify::quoted_text(table.name) +
      " ORDER BY ORDINAL_POSITION");
  if (!columns) return columns.error();
  for (std::size_t row = 0; row < columns->rows.size(); ++row)
    table.columns.push_back(
        {text_at(*columns, row, {"c"}), lower(text_at(*columns, row, {"d"})), text_at(*columns, row, {"s"})});
  if (table.columns.empty()) return base::Ok{};
  auto indexes =
      side.table("SHOW INDEX FROM " + verify::quoted_name(table.schema) + "." + verify::quoted_name(table.name));
  if (!indexes) return indexes.error();
  choose_key(*indexes, table);
  return base::Ok{};
}

}  // namespace wye::manager
