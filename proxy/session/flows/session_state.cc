#include "proxy/session/flows/session_state.h"

#include <algorithm>
#include <iterator>
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

/// A collation that was set along with a charset, and not reported: what SET NAMES said, or "" for the default one.
void SessionState::note_collations(const protocol::OkInfo& ok, const sql::Facts* facts, bool from_primary) {
  if (facts == nullptr) return;  // a login's: the collation is what the client named in its handshake
  for (const CharsetPair& pair : charset_pairs) {
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
  if (read_only && is_on(value)) keep(Keep::read_only);
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
  if (from_primary && autocommit != variables_.end() && is_on(autocommit->second) != flag)
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
  view.session_read_only = next_.read_only().value_or(is_on(find("transaction_read_only", "tx_read_only")));
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
