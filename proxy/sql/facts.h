#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace wye::sql {

class Digester;
class Routines;

/// Which words the server would understand, and how it would cut the text. Everything classification depends on besides
/// the text.
struct Dialect {
  bool mariadb = false;           // /*M! */ is SQL, HANDLER/NEXTVAL/RETURNING of that family
  std::uint32_t version = 90700;  // major*10000+minor*100+patch: decides on /*!80013 ... */
  bool ansi_quotes = false;       // sql_mode of the session
  bool no_backslash_escapes = false;
  bool ignore_space = false;
  bool oracle = false;                     // MariaDB's sql_mode ORACLE: BEGIN begins a block
  bool multi_byte_with_backslash = false;  // client charset gbk, sjis, cp932, big5, gb18030: 0x5c may be a second byte
};

/// What the first verb makes the statement. `unknown` is treated as a write everywhere.
enum class Kind : std::uint8_t {
  empty,  // nothing but white space and comments
  read,   // SELECT, TABLE, VALUES, SHOW, DESCRIBE, EXPLAIN ...
  write,  // changes data or schema, or what the lexer knows and routing must not move
  begin,  // START TRANSACTION, BEGIN
  commit,
  rollback,
  savepoint,  // savepoint: SAVEPOINT, RELEASE SAVEPOINT, ROLLBACK TO
  set,        // SET of anything
  use,        // USE schema
  call,
  unknown,
};
const char* name(Kind);

/// Why a statement may not go to a replica, or may. One per statement: the strongest that was found. Names are metric
/// labels.
enum class Why : std::uint8_t {
  plain_read,  // may go to a replica
  empty_statement,
  write,
  ddl,
  call,
  unknown_statement,
  several_statements,
  locking_read,
  into_clause,
  user_variable,
  server_function,
  unknown_function,
  known_writer,  // no finding of the lexer: a replica has refused its like (session/driver)
  server_variable,
  server_state,
  system_schema,
  previous_statement_value,
  transaction_control,
  set_statement,
  use_schema,
  temporary_table,
  table_lock,
  xa,
  text_prepare,
  session_pin_statement,
  unterminated,
  show_server,
  route_explain,
};
const char* name(Why);

/// Bits: what the statement does to, or needs of, the session. Several may be set.
enum Effect : std::uint32_t {
  fx_none = 0,
  fx_user_variable = 1u << 0,    // names @x (read or written)
  fx_temporary_table = 1u << 1,  // CREATE/DROP/ALTER TEMPORARY TABLE
  fx_lock_tables =
      1u << 2,  // LOCK TABLES, FLUSH TABLES ... WITH READ LOCK / FOR EXPORT, LOCK INSTANCE, BACKUP STAGE/LOCK
  fx_unlock_tables = 1u << 3,
  fx_user_lock = 1u << 4,  // GET_LOCK and its family
  fx_xa = 1u << 5,
  fx_handler = 1u << 6,
  fx_text_prepare = 1u << 7,    // PREPARE/EXECUTE/DEALLOCATE as SQL text
  fx_sticky_setting = 1u << 8,  // SET of timestamp, insert_id, rand_seed*, pseudo_*, gtid_next, SET ROLE, SET RESOURCE
                                // GROUP, SET STATEMENT, SET PASSWORD ...: can't be replayed by value
  fx_next_transaction = 1u << 9,        // SET TRANSACTION ... for the next one
  fx_read_only_transaction = 1u << 10,  // START TRANSACTION READ ONLY (kind begin), SET [SESSION] TRANSACTION READ ONLY
  fx_consistent_snapshot = 1u << 11,
  fx_serializable = 1u << 12,
  fx_last_insert_id = 1u << 13,  // reads LAST_INSERT_ID(), @@identity, @@last_insert_id
  fx_previous_result =
      1u
      << 14,  // reads FOUND_ROWS(), ROW_COUNT(), SHOW WARNINGS/ERRORS, GET DIAGNOSTICS, @@warning_count, @@error_count
  fx_may_commit_unreported = 1u << 15,  // DDL, CALL, several statements, unknown: a commit may happen although the
                                        // answer is an error or names no GTID
  fx_autocommit = 1u << 16,             // SET autocommit (either way)
  fx_connection_id = 1u << 17,          // reads CONNECTION_ID() / @@pseudo_thread_id
  fx_stored_function = 1u << 18,        // calls a function that is no built-in
  fx_mentions_table = 1u << 19,         // has a FROM with a table, so @@variables do not decide the route
  fx_set_session =
      1u << 20,  // SET of ordinary session variables / SET NAMES / CHARACTER SET: state that trackers report by value
  fx_kill = 1u << 21,
  fx_explain_route = 1u << 22,  // EXPLAIN ROUTE <sql>: answered by wye itself
  fx_shutdown_or_unseen = 1u << 23,
  fx_read_write_transaction = 1u << 25,  // START TRANSACTION READ WRITE, which overrides a session's READ ONLY
  fx_calc_found_rows = 1u << 24,  // SELECT SQL_CALC_FOUND_ROWS: the next FOUND_ROWS() asks the connection that ran it
  fx_system_schema = 1u << 26,    // names mysql, information_schema, performance_schema or sys
  fx_unreported_setting = 1u << 27,  // MariaDB: SET @@x without a scope, which its trackers pass over in silence
  fx_sequence = 1u << 29,            // NEXTVAL, LASTVAL and their spellings: what the last says is the connection's
  fx_session_track = 1u << 28,       // shows or sets @@session_track_*: the client's values, where wye has set its own
};

/// The word for one effect ("user_variable"), for EXPLAIN and tests; takes exactly one bit.
const char* name(Effect);

/// A hint: a comment at the very start, /* wye: primary, max_lag=200ms */ (routing.md 6).
struct Hint {
  bool present = false;
  bool primary = false, replica = false;
  std::string_view server, consistency, tag, token;  // views into the text
  std::optional<std::int64_t> max_lag_ms;
  std::string_view unknown_word;  // not empty: an error, unless lenient
};

/// Facts about one packet's text; pure function of (text, dialect). For several statements: the union of effects and
/// the strongest Why.
struct Facts {
  Kind kind = Kind::unknown;
  Why why = Why::unknown_statement;
  bool replica_ok = false;  // every statement in the packet may run on a replica (outside a transaction)
  bool several = false;     // more than one statement in the packet
  std::uint32_t effects = fx_none;
  Hint hint;
  std::string_view verb;  // first word, view into the text, for EXPLAIN and logs
  /// What SET NAMES ... COLLATE names, without quotes; view into the text. No tracker reports it. Empty: no COLLATE.
  /// SET CHARACTER SET: "@@collation_database".
  std::string_view collation;
  /// MariaDB, SET STATEMENT a = 1, b = 2 FOR ...: its assignments, view into the text. The server tells these values,
  /// and not that they are over.
  std::string_view for_statement;
  bool has(Effect e) const { return (effects & e) != 0; }
  /// It runs routines of which is not known that they only read: they may do to the session what they like.
  bool runs_routines() const { return !replica_ok && (kind == Kind::call || has(fx_stored_function)); }
};

/// Classifies the text of one COM_QUERY or COM_STMT_PREPARE. Never throws, never allocates below 4 KiB of text,
/// takes any bytes. Views in the answer alias `text`. What it can't place is a write.
/// `digester`: takes in the tokens on the way, which costs less than a pass of its own. `routines`: without it no
/// stored routine may run on a replica.
Facts classify(std::string_view text, const Dialect& dialect, Digester* digester = nullptr,
               const Routines* routines = nullptr);

}  // namespace wye::sql
