#include "proxy/session/flows/session_state.h"

#include <algorithm>
#include <iterator>
#include <span>
#include <vector>

#include "proxy/sql/ascii.h"

namespace wye::session {

const char* name(Pin pin) {
  static constexpr const char* names[] = {"none",       "temporary_table", "lock_tables",       "xa",
                                          "handler",    "sticky_setting",  "untracked_setting", "next_transaction",
                                          "set_option", "replay_failed",   "unseen_text"};
  return names[static_cast<std::size_t>(pin)];
}

const char* name(Keep keep) {
  static constexpr const char* names[] = {"none",         "pinned",   "user_variable", "routine",          "user_lock",
                                          "text_prepare", "trackers", "read_only",     "unknown_statement"};
  return names[static_cast<std::size_t>(keep)];
}

bool moves_by_itself(std::string_view variable) {
  static constexpr std::string_view names[] = {"error_count",         "gtid_next",        "identity",
                                               "insert_id",           "in_transaction",   "last_gtid",
                                               "last_insert_id",      "proxy_user",       "pseudo_slave_mode",
                                               "pseudo_replica_mode", "pseudo_thread_id", "rand_seed1",
                                               "rand_seed2",          "skip_replication", "sql_log_bin",
                                               "statement_id",        "timestamp",        "transaction_read_only",
                                               "tx_read_only",        "warning_count"};
  return std::find(std::begin(names), std::end(names), variable) != std::end(names) ||
         variable.starts_with("session_track_");
}

std::string quoted(std::string_view text, bool no_backslash_escapes) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') out += '\'';
    if (c == '\\' && !no_backslash_escapes) out += '\\';
    out += c;
  }
  return out += '\'';
}

void SessionState::before(const sql::Facts& facts) {
  using sql::Effect;
  if (facts.has(Effect::fx_temporary_table)) pin(Pin::temporary_table);
  if (facts.has(Effect::fx_lock_tables)) pin(Pin::lock_tables);
  if (facts.has(Effect::fx_xa)) pin(Pin::xa);
  if (facts.has(Effect::fx_handler) && facts.several) pin(Pin::handler);  // else apply(): it may fail
  if (facts.has(Effect::fx_sticky_setting)) {
    pin(Pin::sticky_setting);
    sticky_ = true;
  }
  uses_next_ = facts.kind != sql::Kind::read || facts.has(Effect::fx_mentions_table);
  if (facts.has(Effect::fx_user_lock)) keep(Keep::user_lock);
  if (facts.has(Effect::fx_text_prepare)) keep(Keep::text_prepare);
  if (facts.runs_routines()) keep(Keep::routine);
  if (facts.kind == sql::Kind::unknown) keep(Keep::unknown_statement);
  // Inside a transaction it is an error, which that transaction's server tells.
  next_said_ = facts.has(Effect::fx_next_transaction) && (!in_transaction() || maybe_ended_);
}

namespace {

bool on(std::string_view value) { return value == "ON" || value == "1"; }

bool is_number(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  bool digit = false, point = false;
  for (const char c : text) {
    if (c >= '0' && c <= '9') {
      digit = true;
    } else if (c == '.' && !point) {
      point = true;
    } else {
      return false;
    }
  }
  return digit;
}

// SET CHARACTER SET: the schema's, and the schema is the same wherever the session is.
constexpr std::string_view collation_of_schema = "@@collation_database";
constexpr std::string_view collation_of_server = "@@collation_server";

// Values that are numbers in the tracker's text but strings to SET, and the reverse, are told apart by the variable's
// name where the text alone does not: the trackers report text only.
std::string assignment(std::string_view variable, std::string_view value, bool no_backslash_escapes) {
  std::string sql = "@@session." + std::string(variable) + "=";
  if (value.empty() && variable.starts_with("character_set_")) return sql + "NULL";
  if (value == collation_of_schema || value == collation_of_server) return sql + std::string(value);
  if (is_number(value) && variable != "time_zone" && variable != "sql_mode") return sql + std::string(value);
  return sql + quoted(value, no_backslash_escapes);
}

// Setting the charset sets the collation to the charset's default, and the reverse sets the charset; MySQL reports only
// the one that was named.
struct Pair {
  std::string_view charset, collation;
};
constexpr Pair pairs[] = {{"character_set_connection", "collation_connection"},
                          {"character_set_database", "collation_database"},
                          {"character_set_server", "collation_server"}};

bool same_in(const Variables& a, const Variables& b, std::string_view variable) {
  const auto x = a.find(variable);
  const auto y = b.find(variable);
  return (x == a.end()) == (y == b.end()) && (x == a.end() || x->second == y->second);
}

/// Does one of a pair differ? Then both are set, the charset first.
bool pair_differs(const Variables& wanted, const Variables& there, std::string_view variable) {
  for (const Pair& pair : pairs) {
    if (variable == pair.charset || variable == pair.collation)
      return !same_in(wanted, there, pair.charset) || !same_in(wanted, there, pair.collation);
  }
  return false;
}

bool is_collation(std::string_view variable) {
  return std::any_of(std::begin(pairs), std::end(pairs), [&](const Pair& pair) { return pair.collation == variable; });
}

}  // namespace

/// A collation that was set along with a charset, and not reported: what SET NAMES said, or "" for the default one.
void SessionState::note_collations(const protocol::OkInfo& ok, const sql::Facts* facts, bool from_primary) {
  if (facts == nullptr) return;  // a login's: the collation is what the client named in its handshake
  for (const Pair& pair : pairs) {
    bool charset = false, own_collation = false;
    protocol::for_each_tracker(ok.session_state, [&](const protocol::TrackerItem& item) {
      if (item.type != protocol::TrackerType::system_variable) return;
      charset = charset || item.name == pair.charset;
      own_collation = own_collation || item.name == pair.collation;
    });
    if (!charset || own_collation) continue;
    const bool names = pair.charset == "character_set_connection";
    const bool schemas = names && facts->collation == collation_of_schema;
    const auto own = schemas ? variables_.find("collation_database") : variables_.end();
    set_variable(pair.collation,
                 own != variables_.end()        ? std::string{own->second}
                 : schemas && schema_forgotten_ ? collation_of_server
                 : names                        ? facts->collation
                                                : std::string_view{},
                 from_primary);
    if (names && facts->kind != sql::Kind::set) pin(Pin::untracked_setting);  // inside a routine: not seen
  }
}

/// Did it name all of them: SET NAMES, SET CHARACTER SET?
void SessionState::note_names(const protocol::OkInfo& ok, const sql::Facts* facts) {
  if (facts == nullptr || facts->kind != sql::Kind::set) return;
  unsigned count = 0;
  protocol::for_each_tracker(ok.session_state, [&](const protocol::TrackerItem& item) {
    const bool one = item.name == "character_set_client" || item.name == "character_set_connection" ||
                     item.name == "character_set_results";
    if (item.type == protocol::TrackerType::system_variable && one) ++count;
  });
  if (count < 3) return;
  by_charset_ = facts->collation == collation_of_schema;
  names_charset_ = variables_["character_set_client"];
  const std::string& named = variables_["collation_connection"];
  if (names_collation_ != named) ++version_;  // also where no variable has changed
  names_collation_ = named;
}

void SessionState::set_variable(std::string_view variable, std::string_view value, bool from_primary) {
  if (variable.starts_with("session_track_")) {
    // Else they are asked behind the SET (ask_trackers).
    if (in_transaction()) trackers_.insert_or_assign(std::string(variable), std::string(value));
    tracker_change_ = true;
    keep(Keep::trackers);
    return;
  }
  // transaction_read_only is the session's only where wye has not set it itself.
  const bool read_only = variable == "transaction_read_only" || variable == "tx_read_only";
  if (moves_by_itself(variable) && !(read_only && from_primary)) return;
  if (read_only && on(value)) keep(Keep::read_only);
  // It sets the other one along with it, each time, and no tracker says so.
  if (variable == "max_join_size")
    set_variable("sql_big_selects", value == "18446744073709551615" ? "ON" : "OFF", from_primary);
  auto [it, inserted] = variables_.try_emplace(std::string(variable), value);
  if (!inserted && it->second == value) return;
  it->second = std::string(value);
  ++version_;
}

void SessionState::apply_status(std::uint16_t status, bool from_primary) {
  // What is said of one answer only must not come back in wye's own (PING, the EOF behind the columns).
  constexpr unsigned of_one_answer = protocol::status::more_results | protocol::status::cursor_exists |
                                     protocol::status::last_row_sent | protocol::status::metadata_changed |
                                     protocol::status::session_state_changed;
  status = static_cast<std::uint16_t>(status & ~of_one_answer);
  maybe_ended_ = false;
  const std::uint16_t own = protocol::status::autocommit;
  if (from_primary) {
    status_ = status;
  } else {
    // autocommit is the session's, not that of a connection to a replica.
    status_ = static_cast<std::uint16_t>((status & ~own) | (status_ & own));
  }
  if (next_unknown_ && uses_next_ && !in_transaction()) next_unknown_ = false;
}

void SessionState::apply(const protocol::OkInfo& ok, const sql::Facts* facts, bool from_primary) {
  if (std::exchange(next_said_, false) && !next_told_) next_unknown_ = true;
  const bool had_next = next_unknown_;
  apply_status(ok.status, from_primary || (facts != nullptr && facts->has(sql::Effect::fx_autocommit)));
  // SET and USE begin no transaction, so they do not use up what SET TRANSACTION said of the next one.
  if (facts != nullptr && (facts->kind == sql::Kind::set || facts->kind == sql::Kind::use)) next_unknown_ = had_next;
  if (facts != nullptr && facts->has(sql::Effect::fx_unlock_tables)) tables_locked_ = false;
  if (facts != nullptr && facts->has(sql::Effect::fx_handler)) pin(Pin::handler);
  // A routine runs in its own schema, which its results name; an error behind them does not say that it is over.
  const bool calls =
      facts != nullptr && (facts->kind == sql::Kind::call || facts->has(sql::Effect::fx_stored_function));
  const bool inside = calls && !facts->several && (ok.status & protocol::status::more_results) != 0;
  const bool keeps_schema = inside || (calls && facts->replica_ok);
  bool named = false, state_changed = false;
  protocol::for_each_tracker(ok.session_state, [&](const protocol::TrackerItem& item) {
    switch (item.type) {
      case protocol::TrackerType::system_variable:
        if (facts != nullptr && sql::has_word(facts->for_statement, item.name)) break;
        named = true;
        set_variable(item.name, item.value, from_primary);
        break;
      case protocol::TrackerType::schema:
        if (keeps_schema) break;
        named = true;
        set_schema(item.value);
        break;
      case protocol::TrackerType::state_change:
        state_changed = item.value != "0";
        break;
      case protocol::TrackerType::transaction_characteristics:
        if (next_told_) next_.reported(item.value);
        break;
      default:
        break;
    }
  });
  if (next_told_) next_unknown_ = false;
  if (named) note_collations(ok, facts, from_primary);
  if (named) note_names(ok, facts);
  // A SET that changed something and named nothing: it can't be repeated elsewhere.
  const bool set = facts != nullptr && facts->has(sql::Effect::fx_set_session);
  if (from_primary && state_changed && !named && set && !facts->has(sql::Effect::fx_autocommit)) {
    pin(Pin::untracked_setting);
  }
  // A routine may have made a temporary table, and its text is not seen.
  if (from_primary && state_changed && calls) pin(Pin::untracked_setting);
  // MariaDB reports SET autocommit, but not SET @@autocommit = 1; the flags never miss it.
  const auto autocommit = variables_.find("autocommit");
  const bool flag = (ok.status & protocol::status::autocommit) != 0;
  if (from_primary && autocommit != variables_.end() && on(autocommit->second) != flag)
    set_variable("autocommit", flag ? "ON" : "OFF", true);
}

void SessionState::apply_text(const sql::SessionText& text, bool from_primary) {
  for (const auto& [variable, value] : text.variables) set_variable(variable, value, from_primary);
  if (text.schema) set_schema(*text.schema);
  if (!text.whole) pin(Pin::untracked_setting);
}

void SessionState::set_schema(std::string_view name) {
  ++schema_use_;
  schema_forgotten_ = false;
  for (const char* variable : {"character_set_database", "collation_database"}) variables_.erase(variable);
  if (schema == name) return;
  // The collation that SET CHARACTER SET took from the one before has no name here.
  const auto of_connection = variables_.find("collation_connection");
  if (of_connection != variables_.end() && of_connection->second == collation_of_schema) pin(Pin::untracked_setting);
  schema = std::string(name);
  ++version_;
}

void SessionState::after_error(const sql::Facts* facts) {
  // An implicit commit before it failed: an error says no status.
  maybe_ended_ = maybe_ended_ || (facts != nullptr && facts->has(sql::Effect::fx_may_commit_unreported));
  if (facts != nullptr && facts->has(sql::Effect::fx_next_transaction)) next_unknown_ = next_told_ && facts->several;
  // Its rows may have begun a transaction all the same; the connection's next OK says so.
  if (next_told_ && !in_transaction() && !next_.pending().empty()) next_unknown_ = true;
}

void SessionState::reset(bool same_user) {
  variables_.clear();
  trackers_.clear();
  ++version_;
  status_ = protocol::status::autocommit;
  sticky_ = sticky_ && same_user;
  pin_ = sticky_ ? Pin::sticky_setting : Pin::none;
  next_unknown_ = tracker_change_ = by_charset_ = tables_locked_ = false;
  next_ = {};
  names_charset_.clear();
  schema_forgotten_ = same_user;
  keep_ = Keep::none;
}

void SessionState::adopt(ConnectionState& connection) const {
  used(connection, schema);
  if (!differs(connection)) return;
  for (const auto& [variable, value] : variables_) connection.variables.insert_or_assign(variable, value);
  connection.names = names();
  connection.version = version_;
}

namespace {

/// What the connection has now; nullptr: not known.
const std::string* value_there(const ConnectionState& connection, std::string_view variable) {
  if (const auto set = connection.variables.find(variable); set != connection.variables.end()) return &set->second;
  if (connection.defaults == nullptr) return nullptr;
  const auto begun = connection.defaults->find(variable);
  return begun == connection.defaults->end() ? nullptr : &begun->second;
}

constexpr std::string_view set_by_names[] = {"character_set_client", "character_set_connection",
                                             "character_set_results", "collation_connection"};

bool is_set_by_names(std::string_view variable) {
  return std::find(std::begin(set_by_names), std::end(set_by_names), variable) != std::end(set_by_names);
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

}  // namespace

namespace {

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

std::string SessionState::difference(ConnectionState& connection, const topology::Defaults* defaults) const {
  std::string sql;
  // The SET is read under the sql_mode that the connection has now, not the one that it is about to get.
  const std::string* mode = value_there(connection, "sql_mode");
  const bool raw = mode != nullptr && mode->find("NO_BACKSLASH_ESCAPES") != std::string::npos;
  std::vector<std::pair<std::string_view, std::string_view>> there_now;
  const std::string names = this->names();
  // Another session's SET NAMES leaves a collation for the results that no variable shows.
  const bool foreign = connection.version != 0 && (connection.version >> 32) != (version_ >> 32);
  const bool has_names = std::any_of(std::begin(set_by_names), std::end(set_by_names),
                                     [&](std::string_view variable) { return variables_.contains(variable); });
  const bool other_names =
      (has_names && (foreign || connection.names != names)) ||
      std::any_of(std::begin(set_by_names), std::end(set_by_names),
                  [&](std::string_view variable) { return !same_in(variables_, connection.variables, variable); });
  connection.names = names;
  if (!names.empty() && other_names) {
    sql = "SET " + names;
    for (const std::string_view variable : set_by_names) {
      const auto value = variables_.find(variable);
      there_now.emplace_back(variable,
                             value == variables_.end() ? std::string_view{} : std::string_view{value->second});
    }
  }
  for (const auto& [variable, value] : variables_) {
    if (moves_by_itself(variable) || (!names.empty() && is_set_by_names(variable))) continue;
    const auto there = connection.variables.find(variable);
    const bool equal = there != connection.variables.end() && there->second == value;
    // SET CHARACTER SET takes away the collation that SET NAMES gave the results, of the same charset as well.
    const bool again = by_charset_ && other_names && is_set_by_names(variable);
    if (equal && !again && !pair_differs(variables_, connection.variables, variable)) continue;
    if (value.empty() && is_collation(variable)) {  // the default one: the charset's SET brings it
      there_now.emplace_back(variable, value);
      continue;
    }
    sql += sql.empty() ? "SET " : ", ";
    sql += assignment(variable, value, raw);
    there_now.emplace_back(variable, value);
  }
  // What another server begins a session with.
  static const topology::Defaults none;
  for (const auto& [variable, value] : defaults != nullptr ? *defaults : none) {
    const std::string* there = value_there(connection, variable);
    if (variables_.contains(variable) || there == nullptr || *there == value) continue;
    sql += sql.empty() ? "SET " : ", ";
    sql += assignment(variable, value, raw);
    there_now.emplace_back(variable, value);
  }
  // What another session has set here.
  std::vector<std::string> gone;
  for (const auto& [variable, value] : connection.variables) {
    if (variables_.contains(variable) || moves_by_itself(variable)) continue;
    const bool known = defaults != nullptr && defaults->contains(variable);
    if (known) continue;
    gone.push_back(variable);
    if (of_schema(variable) || of_login(variable)) continue;
    sql += sql.empty() ? "SET " : ", ";
    const bool on_here = (status_ & protocol::status::autocommit) != 0;
    sql += "@@session." + variable;
    if (variable == "autocommit") {
      sql += on_here ? "=1" : "=0";
    } else if (variable == "foreign_key_checks" || variable == "unique_checks") {
      sql += "=@@global." + variable;  // = DEFAULT switches them off (tried on MySQL 9.7.4)
    } else {
      sql += "=DEFAULT";
    }
  }
  for (const auto& variable : gone) connection.variables.erase(variable);
  for (const auto& [variable, value] : there_now) connection.variables.insert_or_assign(std::string(variable), value);
  connection.version = version_;
  return sql;
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

void SessionState::fill(routing::SessionView& view) const {
  view.in_transaction = in_transaction();
  view.transaction_read_only = (status_ & protocol::status::in_transaction_readonly) != 0;
  view.autocommit = (status_ & protocol::status::autocommit) != 0;
  view.pinned = pinned() != Pin::none || next_unknown_;
  const auto find = [this](std::string_view a, std::string_view b) {
    auto it = variables_.find(a);
    if (it == variables_.end()) it = variables_.find(b);
    return it == variables_.end() ? std::string_view{} : std::string_view{it->second};
  };
  view.next_transaction = !view.in_transaction && !next_.pending().empty();
  view.serializable = next_.serializable().value_or(find("transaction_isolation", "tx_isolation") == "SERIALIZABLE");
  view.session_read_only = next_.read_only().value_or(on(find("transaction_read_only", "tx_read_only")));
}

void SessionState::fill(sql::Dialect& dialect, const topology::Defaults* defaults) const {
  dialect.no_backslash_escapes = (status_ & protocol::status::no_backslash_escapes) != 0;
  const auto read_mode = [&dialect](std::string_view mode) {
    dialect.ansi_quotes = mode.find("ANSI_QUOTES") != std::string_view::npos;
    dialect.ignore_space = mode.find("IGNORE_SPACE") != std::string_view::npos;
    dialect.oracle = mode.find("ORACLE") != std::string_view::npos;
    dialect.no_backslash_escapes = mode.find("NO_BACKSLASH_ESCAPES") != std::string_view::npos;
  };
  if (const auto mode = variables_.find("sql_mode"); mode != variables_.end()) {
    read_mode(mode->second);
  } else if (defaults != nullptr) {
    if (const auto begun = defaults->find("sql_mode"); begun != defaults->end()) read_mode(begun->second);
  }
  if (const auto cs = variables_.find("character_set_client"); cs != variables_.end()) {
    static constexpr std::string_view wide[] = {"gbk", "sjis", "cp932", "big5", "gb18030"};
    dialect.multi_byte_with_backslash = std::find(std::begin(wide), std::end(wide), cs->second) != std::end(wide);
  }
}

}  // namespace wye::session
