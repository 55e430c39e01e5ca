#include "proxy/session/flows/read_under.h"

#include "proxy/session/flows/session_state.h"

namespace wye::session {

namespace {

constexpr const char* charsets[] = {"character_set_client", "character_set_connection", "character_set_results",
                                    "collation_connection"};
// What PREPARE looks at, on one of the servers at least; the others count when it is executed.
constexpr const char* others[] = {"character_set_collations",
                                  "default_collation_for_utf8mb4",
                                  "div_precision_increment",
                                  "group_concat_max_len",
                                  "lc_time_names",
                                  "old_mode",
                                  "sql_auto_is_null",
                                  "sql_mode"};

}  // namespace

ReadUnder SessionState::reads_under() const {
  ReadUnder now{{}, by_charset_, names_charset_, names_collation_};
  const auto take = [&](const char* name) {
    if (const auto it = variables_.find(name); it != variables_.end()) now.variables.insert(*it);
  };
  for (const char* name : charsets) take(name);
  for (const char* name : others) take(name);
  return now;
}

std::string SessionState::difference_to(const ReadUnder& then, ConnectionState& connection,
                                        const topology::Defaults* defaults) {
  look_again();
  SessionState past = *this;
  const auto set = [&](const char* name) {
    const auto it = then.variables.find(name);
    if (it == then.variables.end()) return past.variables_.erase(name) > 0;
    past.variables_.insert_or_assign(name, it->second);
    return false;
  };
  for (const char* name : others) set(name);
  past.by_charset_ = then.by_charset;
  past.names_charset_ = then.names_charset;
  past.names_collation_ = then.names_collation;
  std::string globals;
  for (const char* name : charsets) {
    if (!set(name)) continue;
    if (collation == 0) {  // MySQL's COM_RESET_CONNECTION leaves what the server has for all
      globals += (globals.empty() ? "@@session." : ", @@session.") + std::string{name} + "=DEFAULT";
      connection.variables.erase(name);
      continue;
    }
    // It was the login's. Both servers take a collation's number for each of them.
    past.variables_.insert_or_assign(name, std::to_string(collation));
    past.by_charset_ = true;
  }
  std::string sql = past.difference(connection, defaults);
  if (!globals.empty()) sql += (sql.empty() ? "SET " : ", ") + globals;
  look_again();  // the connection must be told what there is now
  return sql;
}

}  // namespace wye::session
