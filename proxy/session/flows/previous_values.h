#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/result.h"
#include "proxy/session/flows/conditions.h"
#include "proxy/sql/facts.h"
#include "replication/topology/topology.h"

namespace wye::session {

/// What a session's previous statements left behind, and where it is: on the connection that ran them, or here, once it
/// was read back because that connection serves another session, or because another server's statement asks for it
/// (routing.md 1, "Values of the previous statement"). Pure. One owner.
class PreviousValues {
 public:
  using ServerId = topology::ServerId;
  using Rows = std::vector<std::vector<std::string>>;
  /// A statement of the client's is over.
  struct Ran {
    ServerId server = 0;
    bool primary = false;
    bool failed = false;
    bool result_set = false;
    std::uint64_t affected_rows = 0, insert_id = 0;  // of its OK
    unsigned warnings = 0;
    std::uint16_t error = 0;     // the code of the error
    unsigned results = 0;        // before it
    bool warned_before = false;  // an earlier one of several results had warnings
    void warned(unsigned count) {
      warned_before = warned_before || warnings > 0;
      warnings = count;
    }
  };
  /// True: the conditions are this statement's now; false: it has left those of an earlier one, or may have.
  bool ran(const Ran& ran, const sql::Facts& facts, std::string_view text, const sql::Dialect& dialect);

  /// Must the session's connection to `server` be asked before it serves another session?
  bool lives_on(ServerId server, bool primary) const;
  /// The connection to ask before a statement that uses these values (sql::PreviousUse) can run on `server`.
  std::optional<ServerId> elsewhere(std::uint8_t use, ServerId server) const;
  /// The server where all of these are, for a statement that does nothing but read them.
  std::optional<ServerId> common_place(std::uint8_t use) const;

  /// LIMIT: sql_select_limit may be 0. What to ask there, in this order; each is a COM_QUERY. `conditions_first`:
  /// MySQL's SELECT takes the conditions away, MariaDB's SHOW changes FOUND_ROWS().
  std::string_view numbers(ServerId server) const {
    return found_rows_at_ == server ? "SELECT FOUND_ROWS(),LAST_INSERT_ID() LIMIT 1"
                                    : "SELECT 0,LAST_INSERT_ID() LIMIT 1";
  }
  /// The question leaves a warning behind: MySQL's FOUND_ROWS() is deprecated.
  bool numbers_warn(ServerId server) const { return found_rows_at(server); }
  bool found_rows_at(ServerId server) const { return found_rows_at_ == server; }
  static constexpr std::string_view conditions = "SHOW WARNINGS";
  /// Takes the conditions away, also on MariaDB, where statements without a table leave them.
  static constexpr std::string_view clear = "SELECT 1 FROM (SELECT 1) d";
  /// The same, ahead of a statement that may ask for the count: after DO it is 0, after SELECT -1.
  std::string_view clear_sql(ServerId server) const {
    return row_count_at_ == server && row_count_ == "0" ? "DO (SELECT 1 FROM (SELECT 1) d)" : clear;
  }
  bool has_conditions() const { return conditions_count_ > 0; }
  bool has_conditions(ServerId server) const { return conditions_at_ == server && conditions_count_ > 0; }
  /// False: not what was asked for; nothing is known better than before.
  bool numbers_answered(ServerId server, bool primary, const Rows& rows);
  void conditions_answered(ServerId server, Conditions told);
  /// The statement ended with an error of wye's own; no server knows of it.
  void failed_here(const base::Error& error);
  /// COM_STMT_PREPARE; on MariaDB of a statement with tables.
  void prepared(ServerId server, unsigned warnings);
  /// COM_INIT_DB or COM_FIELD_LIST: what they say goes, on MySQL, with the conditions that are there.
  void ran_command(const Ran& ran, bool field_list, bool mariadb);
  /// wye has answered with an OK of its own.
  void done_here() {
    row_count_.assign(1, '0');
    row_count_at_.reset();
    conditions_at_.reset();
    stored_.reset();
    own_error_.reset();
    conditions_count_ = errors_count_ = last_warnings_ = 0;
  }
  /// COM_PING, COM_STMT_RESET, MariaDB's KILL: an OK that leaves all but the count.
  void counted_nothing() {
    row_count_.assign(1, '0');
    row_count_at_.reset();
  }
  /// wye has answered with rows that it had kept.
  void showed_here() {
    row_count_ = "-1";
    row_count_at_.reset();
  }
  /// SQL that makes a connection's conditions those of this session, if it is one that was read back or an error of
  /// wye's own: signal(). Empty: none, or it can't.
  std::string conditions_sql(bool no_backslash_escapes) const;
  bool has_own_error() const { return own_error_.has_value(); }
  bool conditions_at(ServerId server) const { return conditions_at_ == server; }
  /// wye has set something on this connection meanwhile: it does not know the count any more.
  void count_lost(ServerId server) {
    if (row_count_at_ == server) row_count_at_.reset();
  }
  /// It is known to be 1, on no connection.
  bool found_one_row() const { return !found_rows_at_ && found_rows_ == "1"; }
  /// SQL that makes FOUND_ROWS() of a connection what it is for this session. Empty: it is there already, or can't be.
  std::string found_rows_sql(ServerId server) const;
  void found_rows_made(ServerId server) {
    found_rows_at_ = server;
    count_lost(server);
  }
  /// The statement that left them has run again on another server, or conditions_sql() has.
  void conditions_made(ServerId server) {
    stands_in_ = false;
    conditions_at_ = server;
    stored_.reset();
    own_error_.reset();
  }
  /// make_stand_in has run there, in place of stored_conditions(): ask there before anyone is told of them.
  void stand_in_made(ServerId server) {
    conditions_at_ = server;
    stands_in_ = true;
  }
  bool stands_in_at(ServerId server) const { return stands_in() && conditions_at_ == server; }
  /// The previous statement's ROW_COUNT is -1, that of the connection to `server` may be another one.
  bool counted_elsewhere(ServerId server) const { return row_count_ == "-1" && row_count_at_ != server; }
  /// Those of the previous statement itself. An error does not tell how many there are beside it: `server` may know.
  unsigned last_warnings() const { return last_warnings_; }
  bool knows_warnings(ServerId server) const { return conditions_at_ == server && last_failed_; }
  /// The connection is gone, and what only it knew.
  void lost(ServerId server, bool primary);
  /// Another session gets it.
  void given_away(ServerId server) {
    if (row_count_at_ == server) row_count_at_.reset();
    if (conditions_at_ == server) conditions_at_.reset();  // there were none
  }
  void reset() { *this = {}; }

  /// The text with the values that `server` does not know in place of the functions; absent: it needs none of these.
  std::optional<std::string> substituted(std::string_view text, const sql::Dialect& dialect, std::uint8_t use,
                                         ServerId server) const;
  /// LAST_INSERT_ID() where it is known; a connection to the primary with another one is told.
  const std::optional<std::string>& insert_id() const { return insert_id_; }
  /// SHOW WARNINGS and its kind were answered by a connection that is gone: what it said.
  const std::optional<Conditions>& stored_conditions() const {
    static const std::optional<Conditions> none;
    return stands_in() ? none : stored_;
  }
  const std::optional<ServerId>& last_server() const { return last_; }

 private:
  bool ran_several(const Ran& ran, std::string_view text, const sql::Dialect& dialect);
  void conditions_are_at(ServerId server, unsigned count);
  bool stands_in() const { return stands_in_ && stored_ && conditions_at_; }

  std::optional<ServerId> last_;               // where the previous statement ran
  std::optional<ServerId> found_rows_at_;      // absent: found_rows_
  std::string found_rows_;                     // empty: nothing has set it
  std::string row_count_{"0"};                 // a new session's; then the answer said it
  std::optional<ServerId> row_count_at_;       // who says it, too
  std::optional<std::string> insert_id_{"0"};  // absent: on the connection to the primary
  std::optional<ServerId> conditions_at_;      // absent: stored_
  unsigned conditions_count_ = 0, errors_count_ = 0, last_warnings_ = 0;
  bool uncounted_ = false;  // there may be more than conditions_count_
  bool last_failed_ = false;
  bool stands_in_ = false;  // stored_ is kept while a warning stands for it at conditions_at_
  std::optional<Conditions> stored_;
  std::optional<base::Error> own_error_;
};

}  // namespace wye::session
