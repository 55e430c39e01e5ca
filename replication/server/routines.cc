#include "replication/server/routines.h"

#include <utility>

namespace wye::server {
namespace {

// The servers' own schemas are the primary's anyway. A body that the account may not see is NULL, one in another
// language than SQL is EXTERNAL.
constexpr const char* of_interest =
    " FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA NOT IN ('mysql', 'sys', 'information_schema', "
    "'performance_schema') AND (SQL_DATA_ACCESS IN ('READS SQL DATA', 'NO SQL') AND ROUTINE_BODY = 'SQL' AND "
    "ROUTINE_DEFINITION IS NOT NULL OR ROUTINE_TYPE LIKE 'PACKAGE%')";

// A user variable that a trigger sets is one of the session that writes.
constexpr const char* of_triggers =
    " FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA <> 'sys' AND ACTION_STATEMENT LIKE '%@%'";

std::string text(const Table& table, std::size_t row, const char* column) {
  const auto* value = table.find(row, {column});
  return value != nullptr && *value ? **value : std::string{};
}

}  // namespace

topology::Routines routines_of(const Table& table, bool fold_schemas) {
  topology::Routines out;
  out.fold_schemas = fold_schemas;
  for (std::size_t row = 0; row < table.rows.size(); ++row) {
    const std::string type = text(table, row, "kind");
    std::string name = text(table, row, "name");
    if (type.starts_with("PACKAGE")) {
      out.packages.push_back(std::move(name));
    } else if (type == "FUNCTION" || type == "PROCEDURE") {
      out.readers.push_back({type == "PROCEDURE", text(table, row, "owner"), std::move(name), text(table, row, "body"),
                             text(table, row, "mode")});
    }
  }
  return out;
}

base::Status read_routines(Connection& connection, RoutinesRead& read) {
  // The mark before what it stands for: a change between the two shows the next time.
  const std::string interest = of_interest;
  auto mark = connection.query(
      "SELECT CONCAT_WS(' ', @@lower_case_table_names, COUNT(*), SUM(CRC32(what)), BIT_XOR(CRC32(REVERSE(what)))) AS "
      "mark, @@lower_case_table_names AS fold FROM (SELECT CONCAT_WS('\\n', ROUTINE_SCHEMA, ROUTINE_NAME, "
      "ROUTINE_TYPE, "
      "SQL_DATA_ACCESS, SQL_MODE, ROUTINE_DEFINITION) AS what" +
      interest + " UNION ALL SELECT CONCAT_WS('\\n', TRIGGER_SCHEMA, TRIGGER_NAME, ACTION_STATEMENT)" + of_triggers +
      ") AS all_of_them");
  if (!mark) return mark.error();
  if (mark->size() != 1 || mark->front().rows.size() != 1)
    return base::Error{1105, "HY000", "the server's answer is not understood: routines"};
  std::string now = text(mark->front(), 0, "mark");
  if (read.routines != nullptr && now == read.mark) return base::Ok{};
  auto all = connection.query(
      "SELECT ROUTINE_TYPE AS kind, ROUTINE_SCHEMA AS owner, ROUTINE_NAME AS name, SQL_MODE AS mode, "
      "ROUTINE_DEFINITION "
      "AS body" +
      interest);
  if (!all) return all.error();
  if (all->size() != 1) return base::Error{1105, "HY000", "the server's answer is not understood: routines"};
  auto triggers = connection.query(std::string{"SELECT ACTION_STATEMENT AS body"} + of_triggers);
  if (!triggers) return triggers.error();
  if (triggers->size() != 1) return base::Error{1105, "HY000", "the server's answer is not understood: triggers"};
  const bool fold = text(mark->front(), 0, "fold") != "0";
  auto routines = routines_of(all->front(), fold);
  for (std::size_t row = 0; row < triggers->front().rows.size(); ++row)
    routines.triggers.push_back(text(triggers->front(), row, "body"));
  read.routines = std::make_shared<const topology::Routines>(std::move(routines));
  read.mark = std::move(now);
  return base::Ok{};
}

}  // namespace wye::server
