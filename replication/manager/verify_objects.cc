// Everything but rows, as texts. Passwords' hashes stay on the servers: only hashes of them are read.
#include <algorithm>

#include "replication/manager/verify_catalog.h"
#include "replication/server/survey.h"
#include "replication/verify/definition.h"
#include "replication/verify/sql.h"

namespace wye::manager {
namespace {

using verify::entry_name;

/// The first column is the object's name, the others are its properties.
struct Listing {
  const char* kind;
  const char* schema;  // the column to filter by
  const char* sql;     // up to WHERE
};
constexpr Listing listings[] = {
    {"schema", "SCHEMA_NAME",
     "SELECT SCHEMA_NAME, DEFAULT_CHARACTER_SET_NAME AS `character set`, DEFAULT_COLLATION_NAME AS `collation` FROM "
     "information_schema.SCHEMATA WHERE "},
    {"view", "TABLE_SCHEMA",
     "SELECT CONCAT(TABLE_SCHEMA, '.', TABLE_NAME), VIEW_DEFINITION AS `definition`, CHECK_OPTION AS `check option`, "
     "DEFINER AS `definer`, SECURITY_TYPE AS `security` FROM information_schema.VIEWS WHERE "},
    {"trigger", "TRIGGER_SCHEMA",
     "SELECT CONCAT(TRIGGER_SCHEMA, '.', TRIGGER_NAME), ACTION_TIMING AS `timing`, EVENT_MANIPULATION AS `event`, "
     "CONCAT(EVENT_OBJECT_SCHEMA, '.', EVENT_OBJECT_TABLE) AS `table`, ACTION_STATEMENT AS `body`, ACTION_ORDER AS "
     "`order`, SQL_MODE AS `sql_mode`, DEFINER AS `definer` FROM information_schema.TRIGGERS WHERE "},
    {"function", "ROUTINE_TYPE = 'FUNCTION' AND ROUTINE_SCHEMA",
     "SELECT CONCAT(ROUTINE_SCHEMA, '.', ROUTINE_NAME), ROUTINE_DEFINITION AS `body`, DTD_IDENTIFIER AS `returns`, "
     "IS_DETERMINISTIC AS `deterministic`, SQL_DATA_ACCESS AS `access`, SECURITY_TYPE AS `security`, SQL_MODE AS "
     "`sql_mode`, "
     "DEFINER AS `definer`, ROUTINE_COMMENT AS `comment` FROM information_schema.ROUTINES WHERE "},
    {"procedure", "ROUTINE_TYPE = 'PROCEDURE' AND ROUTINE_SCHEMA",
     "SELECT CONCAT(ROUTINE_SCHEMA, '.', ROUTINE_NAME), ROUTINE_DEFINITION AS `body`, IS_DETERMINISTIC AS "
     "`deterministic`, SQL_DATA_ACCESS AS `access`, SECURITY_TYPE AS `security`, SQL_MODE AS `sql_mode`, DEFINER AS "
     "`definer`, "
     "ROUTINE_COMMENT AS `comment` FROM information_schema.ROUTINES WHERE "},
    {"event", "EVENT_SCHEMA",
     "SELECT CONCAT(EVENT_SCHEMA, '.', EVENT_NAME), EVENT_DEFINITION AS `body`, EXECUTE_AT AS `at`, CONCAT_WS(' ', "
     "INTERVAL_VALUE, INTERVAL_FIELD) AS `every`, STARTS AS `starts`, ENDS AS `ends`, ON_COMPLETION AS `on "
     "completion`, "
     "SQL_MODE AS `sql_mode`, DEFINER AS `definer`, TIME_ZONE AS `time zone`, STATUS AS `status` FROM "
     "information_schema.EVENTS WHERE "},
};

/// A table of the schema mysql with privileges: whose, which (`what`, names of columns), and the rest is what is given.
struct GrantTable {
  const char* name;
  const char* user;
  const char* host;
  std::initializer_list<std::string_view> what;
};
const GrantTable grant_tables[] = {
    {"user", "User", "Host", {}},
    {"db", "User", "Host", {"Db"}},
    {"tables_priv", "User", "Host", {"Db", "Table_name"}},
    {"columns_priv", "User", "Host", {"Db", "Table_name", "Column_name"}},
    {"procs_priv", "User", "Host", {"Db", "Routine_name", "Routine_type"}},
    {"proxies_priv", "User", "Host", {"Proxied_host", "Proxied_user"}},
    {"global_grants", "USER", "HOST", {"PRIV"}},
    {"role_edges", "TO_USER", "TO_HOST", {"FROM_HOST", "FROM_USER"}},
    {"default_roles", "USER", "HOST", {"DEFAULT_ROLE_HOST", "DEFAULT_ROLE_USER"}},
    {"roles_mapping", "User", "Host", {"Role"}},
};
constexpr std::string_view secrets[] = {"authentication_string", "Password", "User_attributes"};
constexpr std::string_view passing[] = {"Timestamp", "Grantor", "password_last_changed"};  // say nothing of what is so
constexpr std::size_t most_rows = 10'000;                                                  // of one answer (Connection)

template <class List>
bool in(std::string_view word, const List& list) {
  return std::find(std::begin(list), std::end(list), word) != std::end(list);
}

class Reading {
 public:
  Reading(VerifySide& side, const ObjectsAsked& asked, std::vector<std::string>& unreadable)
      : side_{side}, asked_{asked}, unreadable_{unreadable} {}

  base::Status all();
  verify::Entries take() { return std::move(out_); }

 private:
  base::Result<server::Table> ask(const std::string& sql, const std::string& what);
  void put(const std::string& kind, const std::string& object, const std::string& property, std::string text);
  base::Status list(const Listing& listing);
  base::Status parameters();
  base::Status definitions();
  base::Status grants(const GrantTable& table);
  void grant_row(const GrantTable& table, const server::Table& answer, std::size_t row);
  base::Status mariadb_accounts();
  base::Status rights();

  VerifySide& side_;
  const ObjectsAsked& asked_;
  std::vector<std::string>& unreadable_;
  verify::Entries out_;
};

/// An error only if the connection is lost; what the account may not see is told and taken for empty.
base::Result<server::Table> Reading::ask(const std::string& sql, const std::string& what) {
  auto answer = side_.table(sql);
  if (answer) {
    if (answer->rows.size() >= most_rows) unreadable_.push_back(what + ": only the first 10000 were compared");
    return answer;
  }
  if (server::is_unreachable(answer.error())) return answer.error();
  constexpr std::uint16_t no_such_table = 1146;
  if (answer.error().code != no_such_table) unreadable_.push_back(what + ": " + answer.error().message);
  return server::Table{};
}

/// Servers of two versions say the same in other words: then only what there is counts.
void Reading::put(const std::string& kind, const std::string& object, const std::string& property, std::string text) {
  if (asked_.alike || property.empty()) out_[entry_name(kind, object, property)] = std::move(text);
}

base::Status Reading::list(const Listing& listing) {
  const bool one = !asked_.request.table.empty();
  const std::string_view kind = listing.kind;
  if (one && kind != "trigger") return base::Ok{};
  std::string filter =
      std::string{listing.schema} + " NOT IN ('mysql', 'information_schema', 'performance_schema', 'sys', 'ndbinfo')";
  if (one)
    filter = "EVENT_OBJECT_SCHEMA = " + verify::quoted_text(asked_.request.schema) +
             " AND EVENT_OBJECT_TABLE = " + verify::quoted_text(asked_.request.table);
  auto answer = ask(listing.sql + filter, std::string{kind} + "s");
  if (!answer) return answer.error();
  for (std::size_t row = 0; row < answer->rows.size(); ++row) {
    const std::string object = text_at(*answer, row, 0);
    put(listing.kind, object, {}, {});
    for (std::size_t i = 1; i < answer->columns.size(); ++i) {
      std::string text = text_at(*answer, row, i);
      // Events rest on replicas, and on a primary that was one; what counts is that none runs twice.
      if (answer->columns[i] == "status") text = text == "ENABLED" && !side_.is_primary() ? "runs here, too" : "";
      put(listing.kind, object, answer->columns[i], std::move(text));
    }
  }
  return base::Ok{};
}

base::Status Reading::parameters() {
  if (!asked_.request.table.empty()) return base::Ok{};
  auto answer = ask(
      "SELECT LOWER(ROUTINE_TYPE), CONCAT(SPECIFIC_SCHEMA, '.', SPECIFIC_NAME), ORDINAL_POSITION, CONCAT_WS(' ', "
      "PARAMETER_MODE, PARAMETER_NAME, DTD_IDENTIFIER, CHARACTER_SET_NAME) FROM information_schema.PARAMETERS WHERE "
      "SPECIFIC_SCHEMA NOT IN ('mysql', 'sys')",
      "parameters");
  if (!answer) return answer.error();
  for (std::size_t row = 0; row < answer->rows.size(); ++row)
    put(text_at(*answer, row, 0), text_at(*answer, row, 1), "parameter " + text_at(*answer, row, 2),
        text_at(*answer, row, 3));
  return base::Ok{};
}

base::Status Reading::definitions() {
  auto tables = list_tables(side_, asked_.request);
  if (!tables) return tables.error();
  for (const verify::Table& table : *tables) {
    const std::string object = table.full_name();
    put("table", object, {}, {});
    if (!asked_.alike) continue;
    auto answer = ask("SHOW CREATE TABLE " + verify::quoted_name(table.schema) + "." + verify::quoted_name(table.name),
                      "table " + object);
    if (!answer) return answer.error();
    for (auto& [property, text] : verify::properties_of(text_at(*answer, 0, 1)))
      put("table", object, property, std::move(text));
  }
  return base::Ok{};
}

base::Status Reading::grants(const GrantTable& table) {
  const std::string name = std::string{"mysql."} + table.name;
  auto columns = ask("SHOW COLUMNS FROM " + name, name);
  if (!columns) return columns.error();
  std::string list;
  for (std::size_t row = 0; row < columns->rows.size(); ++row) {
    const std::string column = text_at(*columns, row, 0);
    if (in(column, passing)) continue;
    const std::string quoted = verify::quoted_name(column);
    list += (list.empty() ? "" : ", ") + (in(column, secrets) ? "SHA2(" + quoted + ", 256) AS " + quoted : quoted);
  }
  if (list.empty()) return base::Ok{};
  auto answer = ask("SELECT " + list + " FROM " + name, name);
  if (!answer) return answer.error();
  for (std::size_t row = 0; row < answer->rows.size(); ++row) grant_row(table, *answer, row);
  return base::Ok{};
}

void Reading::grant_row(const GrantTable& table, const server::Table& answer, std::size_t row) {
  const std::string user = text_at(answer, row, {table.user});
  if (server::is_system_account(user)) return;
  const std::string account = "'" + user + "'@'" + text_at(answer, row, {table.host}) + "'";
  const bool is_account = table.what.size() == 0;
  if (is_account) put("account", account, {}, {});
  std::string what = table.name, given;
  for (const std::string_view part : table.what) what += " " + text_at(answer, row, {part});
  for (std::size_t i = 0; i < answer.columns.size(); ++i) {
    const std::string& column = answer.columns[i];
    if (column == table.user || column == table.host || in(column, table.what)) continue;
    if (!is_account) {
      given += column + "=" + text_at(answer, row, i) + "\n";
    } else if (!(in(column, secrets) && user == asked_.own_user)) {
      put(column.ends_with("_priv") ? "grant" : "account", account, column, text_at(answer, row, i));
    }
  }
  if (!is_account) put("grant", account, what, given);
}

/// What mysql.user, there a view, does not show: locks, several ways to log in.
base::Status Reading::mariadb_accounts() {
  if (!side_.mariadb() || !asked_.request.table.empty()) return base::Ok{};
  auto answer =
      ask("SELECT User, Host, SHA2(JSON_REMOVE(Priv, '$.password_last_changed', '$.version_id', '$.access'), 256) FROM "
          "mysql.global_priv",
          "mysql.global_priv");
  if (!answer) return answer.error();
  for (std::size_t row = 0; row < answer->rows.size(); ++row) {
    const std::string user = text_at(*answer, row, 0);
    if (server::is_system_account(user) || user == asked_.own_user) continue;
    put("account", "'" + user + "'@'" + text_at(*answer, row, 1) + "'", "global_priv", text_at(*answer, row, 2));
  }
  return base::Ok{};
}

/// What can't be seen would look like what is not there.
base::Status Reading::rights() {
  auto answer = ask("SHOW GRANTS", "own grants");
  if (!answer) return answer.error();
  std::string all;
  for (std::size_t row = 0; row < answer->rows.size(); ++row)
    if (const std::string line = text_at(*answer, row, 0); line.find(" ON *.* TO ") != std::string::npos)
      all += line.substr(0, line.find(" ON *.* TO ")) + ",";
  if (all.find("ALL PRIVILEGES") != std::string::npos) return base::Ok{};
  for (const char* right : {"SELECT", "SHOW VIEW", "TRIGGER", "EVENT"})
    if (all.find(std::string{" "} + right + ",") == std::string::npos)
      unreadable_.push_back(std::string{"not everything can be seen without GRANT "} + right + " ON *.*");
  return base::Ok{};
}

base::Status Reading::all() {
  if (auto done = rights(); !done) return done;
  for (const Listing& listing : listings)
    if (auto done = list(listing); !done) return done;
  if (auto done = parameters(); !done) return done;
  if (auto done = definitions(); !done) return done;
  if (!asked_.request.table.empty()) return base::Ok{};
  for (const GrantTable& table : grant_tables)
    if (auto done = grants(table); !done) return done;
  return mariadb_accounts();
}

}  // namespace

base::Result<verify::Entries> read_objects(VerifySide& side, const ObjectsAsked& asked,
                                           std::vector<std::string>& unreadable) {
  Reading reading{side, asked, unreadable};
  if (auto done = reading.all(); !done) return done.error();
  return reading.take();
}

}  // namespace wye::manager
