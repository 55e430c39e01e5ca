#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/protocol/response_tracker.h"
#include "proxy/routing/route.h"
#include "proxy/session/flows/connection_state.h"
#include "proxy/session/flows/next_transaction.h"
#include "proxy/session/flows/read_under.h"
#include "proxy/sql/facts.h"
#include "proxy/sql/session_text.h"

namespace wye::session {

using protocol::Bytes;
using protocol::ByteView;

/// Why a session's reads stay on the primary until it is reset. Names are metric labels.
enum class Pin : std::uint8_t {
  none,
  temporary_table,
  lock_tables,
  xa,
  handler,
  sticky_setting,
  untracked_setting,
  next_transaction,
  set_option,
  replay_failed,
  unseen_text,
  last
};
const char* name(Pin);

/// Why a session keeps its connection to the primary, although its reads may run elsewhere: what no value stands for.
enum class Keep : std::uint8_t {
  none,
  pinned,
  user_variable,
  routine,  // may have set user variables, taken locks ...
  user_lock,
  text_prepare,
  trackers,  // the client's own
  read_only,
  unknown_statement,
};
const char* name(Keep);

/// What wye remembers of one session by value, and what it can't (pins). Pure. One owner.
class SessionState {
 public:
  /// `number` is unique among the sessions of a worker: a connection's state tells whose it is.
  explicit SessionState(std::uint32_t number = 0)
      : version_((std::uint64_t{number} << 32) + 1), schema_use_((std::uint64_t{number} << 32) + 1) {}

  std::string schema;
  std::uint8_t collation = 45;
  bool ignore_space = false;  // a flag of the login, which is part of sql_mode

  /// A statement is about to run: note what its text does that no tracker reports.
  void before(const sql::Facts& facts);
  /// An OK/EOF of the client's own statement arrived from `primary` or a replica.
  void apply(const protocol::OkInfo& ok, const sql::Facts* facts, bool from_primary);
  void apply_status(std::uint16_t status, bool from_primary);
  /// The same for a statement that ran on a server without trackers, by its text. What can't be known so pins.
  void apply_text(const sql::SessionText& text, bool from_primary);
  void after_error(const sql::Facts* facts);
  /// The value that a variable was found to have, where no tracker may have said so; the session began with `begun`.
  void found(std::string_view variable, std::string_view value, std::string_view begun) {
    if (variables_.contains(variable) || value != begun) set_variable(variable, value, true);
  }
  /// Keeps the schema. COM_RESET_CONNECTION leaves the role as well (`same_user`).
  void reset(bool same_user = false);

  /// SQL that brings a connection to this state, empty if there is no difference. `connection.variables` becomes what
  /// will be true. `defaults`: what the session began with, nullptr where that is not known.
  std::string difference(ConnectionState& connection, const topology::Defaults* defaults = nullptr) const;
  /// What a text that is prepared now is read under; and SQL that brings a connection to what an older one was read
  /// under. Then it differs().
  ReadUnder reads_under() const;
  std::string difference_to(const ReadUnder& then, ConnectionState& connection, const topology::Defaults* defaults);
  /// The connection where the state was just changed has it.
  void adopt(ConnectionState& connection) const;
  /// Each connection's difference must be worked out anew.
  void look_again() { ++version_; }
  void transaction_lost() {
    status_ = static_cast<std::uint16_t>(
        status_ & ~(protocol::status::in_transaction | protocol::status::in_transaction_readonly));
    next_.lost();
  }
  /// The rights on a schema are looked up by USE and kept: a connection must see each USE of the session, also of the
  /// schema that it has, and one at least of each session. Then the caller calls use().
  bool must_use(const ConnectionState& connection, const std::string& wanted) const {
    if (wanted.empty()) return false;
    return connection.schema != wanted || (connection.schema_use != 0 && connection.schema_use != schema_use_);
  }
  void used(ConnectionState& connection, const std::string& wanted) const {
    connection.schema = wanted;
    connection.schema_use = schema_use_;
  }
  bool differs(const ConnectionState& connection) const { return connection.version != version_; }
  /// A connection that another session has left as it is: difference() can make it this one's.
  bool fits(const ConnectionState& connection) const;

  void keep(Keep why) {
    if (keep_ == Keep::none) keep_ = why;
  }
  /// UNLOCK TABLES takes away that of LOCK TABLES, and leaves what pins besides.
  void pin(Pin why) {
    if (why == Pin::lock_tables) {
      tables_locked_ = true;
    } else if (pin_ == Pin::none) {
      pin_ = why;
    }
  }
  Pin pinned() const { return pin_ == Pin::none && tables_locked_ ? Pin::lock_tables : pin_; }
  /// A statement of this session's has run there.
  bool has_used(const ConnectionState& connection) const {
    return connection.schema_use != 0 && connection.schema_use >> 32 == schema_use_ >> 32;
  }
  /// The server has gone to another schema and come back: @@collation_database is the schema's again.
  bool would_notice_other_schema() const {
    return !schema.empty() && (schema_forgotten_ || variables_.contains("collation_database"));
  }
  void came_back_to_schema() {
    set_schema(schema);
    look_again();
  }
  bool schema_forgotten() const { return schema_forgotten_ && !schema.empty(); }
  Keep kept() const { return pinned() != Pin::none || next_unknown_ ? Keep::pinned : keep_; }
  std::uint16_t status() const { return status_; }
  bool in_transaction() const { return (status_ & protocol::status::in_transaction) != 0; }
  /// A statement has failed that may have committed it first; the server's next OK says so.
  bool transaction_in_doubt() const { return maybe_ended_ && in_transaction(); }
  /// SQL that gives a connection the client's own session_track_*, for a statement that shows or sets them; SQL that
  /// asks for them after it; and the answer.
  std::string own_trackers(bool mariadb) const;
  static std::string ask_trackers(bool mariadb);
  void trackers_are(const std::vector<std::string>& values);
  const Variables& trackers() const { return trackers_; }
  void trackers_lost() { tracker_change_ = true; }
  /// Once after session_track_* were set to the client's.
  bool take_tracker_change() { return std::exchange(tracker_change_, false); }
  const Variables& variables() const { return variables_; }
  const NextTransaction& next() const { return next_; }
  /// The statement runs on a connection that says what is pending.
  void next_is_told(bool told) { next_told_ = told; }
  void next_answered(std::string_view state, const sql::Facts& facts) {
    next_.answered(state, facts, in_transaction());
  }
  /// It has said so, outside an answer to the client.
  void next_reported(std::string_view characteristics) {
    next_.reported(characteristics);
    next_unknown_ = false;
  }
  bool next_unknown() const { return next_unknown_; }

  void fill(routing::SessionView& view) const;
  void fill(sql::Dialect& dialect, const topology::Defaults* defaults = nullptr) const;

 private:
  void set_schema(std::string_view name);
  void set_variable(std::string_view variable, std::string_view value, bool from_primary);
  void note_names(const protocol::OkInfo& ok, const sql::Facts* facts);
  std::string names() const;
  bool other_names(const ConnectionState& connection, const std::string& names) const;
  void set_own(Assignments& set, const ConnectionState& connection, bool by_names, bool other_names) const;
  void put_back(Assignments& set, ConnectionState& connection, const topology::Defaults* defaults) const;
  void note_collations(const protocol::OkInfo& ok, const sql::Facts* facts, bool from_primary);
  Variables variables_;
  Variables trackers_;  // session_track_*, where the client has set them
  std::uint64_t version_;
  std::uint64_t schema_use_;
  std::uint16_t status_ = protocol::status::autocommit;
  Pin pin_ = Pin::none;  // the first but LOCK TABLES
  bool tables_locked_ = false;
  Keep keep_ = Keep::none;
  NextTransaction next_;
  bool maybe_ended_ = false;  // the transaction, by a statement that failed
  bool next_said_ = false;    // by the statement that runs
  bool next_told_ = false;
  bool next_unknown_ =
      false;             // only the primary's connection knows what SET TRANSACTION said, or whether it is used up
  bool sticky_ = false;  // there was a setting that can't be repeated elsewhere: maybe the role
  bool tracker_change_ = false;
  // The last SET NAMES, or SET CHARACTER SET: the collation of results' metadata, which no variable shows.
  bool by_charset_ = false;
  std::string names_charset_, names_collation_;
  bool schema_forgotten_ = false;  // by a reset: @@collation_database is the server's until the next USE
  bool uses_next_ = true;          // the statement that runs uses up what SET TRANSACTION said of the next one
};

}  // namespace wye::session
