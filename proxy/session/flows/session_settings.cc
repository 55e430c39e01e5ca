#include <algorithm>
#include <iterator>
#include <span>

#include "proxy/session/flows/session_state.h"

// The SQL that brings a connection to a session's state.
namespace wye::session {

namespace {

/// What the connection has now; nullptr: not known.
const std::string* value_there(const ConnectionState& connection, std::string_view variable) {
  if (const auto set = connection.variables.find(variable); set != connection.variables.end()) return &set->second;
  if (connection.defaults == nullptr) return nullptr;
  const auto begun = connection.defaults->find(variable);
  return begun == connection.defaults->end() ? nullptr : &begun->second;
}

/// SET NAMES, where that is what the four variables are like: only it gives the results' metadata the collation, which
/// the variables don't show. Empty: they were set one by one.
std::string names_clause(const Variables& variables) {
  const auto charset = variables.find("character_set_client");
  const auto collation = variables.find("collation_connection");
  if (charset == variables.end() || charset->second.empty()) return {};
  const std::string& name = charset->second;
  for (const char* other : {"character_set_connection", "character_set_results"}) {
    const auto it = variables.find(other);
    if (it == variables.end() || it->second != name) return {};
  }
  if (collation == variables.end() || collation->second.empty()) return "NAMES " + quoted(name, false);
  if (!collation->second.starts_with(name + "_")) return {};
  return "NAMES " + quoted(name, false) + " COLLATE " + quoted(collation->second, false);
}

/// What a session begins with comes from its login, not from the server's global values.
bool of_login(std::string_view variable) { return is_set_by_names(variable); }
/// They follow the schema: USE sets them.
bool of_schema(std::string_view variable) {
  return variable == "character_set_database" || variable == "collation_database";
}

}  // namespace

bool SessionState::fits(const ConnectionState& connection) const {
  return std::none_of(connection.variables.begin(), connection.variables.end(), [&](const auto& there) {
    const bool nothing = there.second.empty() && is_collation(there.first);
    const bool login = of_login(there.first) || (ignore_space && there.first == "sql_mode");
    return login && !nothing && !variables_.contains(there.first);
  });
}

/// What the last SET NAMES was, and what was set behind it. Empty: there was none, or its charset is gone.
std::string SessionState::names() const {
  if (by_charset_) return {};
  if (names_charset_.empty()) return names_clause(variables_);
  std::string sql = "NAMES " + quoted(names_charset_, false);
  if (names_collation_.starts_with(names_charset_ + "_")) sql += " COLLATE " + quoted(names_collation_, false);
  for (const char* variable : {"character_set_client", "character_set_results"}) {  // set by itself later
    const std::string& value = variables_.find(variable)->second;
    if (value != names_charset_) sql += ", " + assignment(variable, value, false);
  }
  const std::string& charset = variables_.find("character_set_connection")->second;
  const std::string& own_collation = variables_.find("collation_connection")->second;
  if (charset == names_charset_ && own_collation == names_collation_) return sql;
  sql += ", " + assignment("character_set_connection", charset, false);
  return own_collation.empty() ? sql : sql + ", " + assignment("collation_connection", own_collation, false);
}

/// Are the charsets, or what the results' metadata have by them, others than this session's?
bool SessionState::other_names(const ConnectionState& connection, const std::string& names) const {
  // Another session's SET NAMES leaves a collation for the results that no variable shows.
  const bool foreign = connection.version != 0 && (connection.version >> 32) != (version_ >> 32);
  const bool has_names = std::any_of(std::begin(set_by_names), std::end(set_by_names),
                                     [&](std::string_view variable) { return variables_.contains(variable); });
  if (has_names && (foreign || connection.names != names)) return true;
  return std::any_of(std::begin(set_by_names), std::end(set_by_names),
                     [&](std::string_view variable) { return !same_in(variables_, connection.variables, variable); });
}

/// What this session has set. `by_names`: its charsets are a SET NAMES.
void SessionState::set_own(Assignments& set, const ConnectionState& connection, bool by_names, bool other_names) const {
  for (const auto& [variable, value] : variables_) {
    if (moves_by_itself(variable) || (by_names && is_set_by_names(variable))) continue;
    const auto there = connection.variables.find(variable);
    const bool equal = there != connection.variables.end() && there->second == value;
    // SET CHARACTER SET takes away the collation that SET NAMES gave the results, of the same charset as well.
    const bool again = by_charset_ && other_names && is_set_by_names(variable);
    if (equal && !again && !pair_differs(variables_, connection.variables, variable)) continue;
    if (value.empty() && is_collation(variable)) {  // the default one: the charset's SET brings it
      set.follows(variable, value);
    } else {
      set.set(variable, value);
    }
  }
}

/// What another session has set there, and what another server begins a session with.
void SessionState::put_back(Assignments& set, ConnectionState& connection, const topology::Defaults* defaults) const {
  static const topology::Defaults none;
  for (const auto& [variable, value] : defaults != nullptr ? *defaults : none) {
    const std::string* there = value_there(connection, variable);
    if (variables_.contains(variable) || there == nullptr || *there == value) continue;
    set.set(variable, value);
  }
  std::erase_if(connection.variables, [&](const auto& there) {
    const std::string& variable = there.first;
    if (variables_.contains(variable) || moves_by_itself(variable)) return false;
    if (defaults != nullptr && defaults->contains(variable)) return false;
    if (of_schema(variable) || of_login(variable)) return true;
    set.reset(variable, (status_ & protocol::status::autocommit) != 0);
    return true;
  });
}

std::string SessionState::difference(ConnectionState& connection, const topology::Defaults* defaults) const {
  // The SET is read under the sql_mode that the connection has now, not the one that it is about to get.
  const std::string* mode = value_there(connection, "sql_mode");
  Assignments set{mode != nullptr && mode->find("NO_BACKSLASH_ESCAPES") != std::string::npos};
  const std::string names = this->names();
  const bool others = other_names(connection, names);
  connection.names = names;
  if (!names.empty() && others) set.names(names, variables_);
  set_own(set, connection, !names.empty(), others);
  put_back(set, connection, defaults);
  set.note(connection.variables);
  connection.version = version_;
  return set.sql();
}

namespace {

constexpr std::string_view tracker_names[] = {"session_track_system_variables", "session_track_schema",
                                              "session_track_state_change", "session_track_transaction_info",
                                              "session_track_gtids"};

/// MariaDB has no GTID tracker.
std::span<const std::string_view> trackers_of(bool mariadb) {
  return std::span{tracker_names}.first(std::size(tracker_names) - (mariadb ? 1 : 0));
}

}  // namespace

std::string SessionState::own_trackers(bool mariadb) const {
  std::string sql = "SET ";
  for (const auto name : trackers_of(mariadb)) {
    if (sql.size() > 4) sql += ", ";
    const auto own = trackers_.find(name);
    sql +=
        own != trackers_.end() ? assignment(name, own->second, false) : "@@session." + std::string(name) + "=DEFAULT";
  }
  return sql;
}

std::string SessionState::ask_trackers(bool mariadb) {
  std::string sql = "SELECT ";
  for (const auto name : trackers_of(mariadb))
    sql += (sql.size() > 7 ? ", @@session." : "@@session.") + std::string(name);
  return sql;
}

void SessionState::trackers_are(const std::vector<std::string>& values) {
  for (std::size_t i = 0; i < values.size() && i < std::size(tracker_names); ++i)
    trackers_.insert_or_assign(std::string(tracker_names[i]), values[i]);
}

}  // namespace wye::session
