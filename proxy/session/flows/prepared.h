#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "proxy/protocol/execute.h"
#include "proxy/session/flows/session_state.h"

namespace wye::session {

/// A statement's digest, and how its text was cut for it: the statement itself may change the session's sql_mode.
struct ReadAs {
  std::uint64_t digest = 0;
  sql::Dialect dialect;
};

/// A binary prepared statement of one session. The id that the client holds is the session's; each backend connection
/// that needs it has its own (ConnectionState::prepared, by key).
struct PreparedStatement {
  std::uint32_t id = 0;   // the client's
  std::uint64_t key = 0;  // unique in the process: a connection that changes sessions can't mistake one for another
  std::string text;
  std::string schema;  // names in the text were resolved in this one
  ReadUnder under;
  sql::Facts facts;  // views into `text`
  ReadAs read_as;
  std::uint16_t parameters = 0, columns = 0;
  Bytes types;                              // as the client last bound them; empty: never
  std::uint16_t types_count = 0;            // of how many values
  std::uint32_t types_version = 0;          // grows when they change
  std::optional<topology::ServerId> fixed;  // SEND_LONG_DATA went there; until the EXECUTE or RESET
  std::optional<base::Error> lost;          // SEND_LONG_DATA failed: the next EXECUTE says so
  std::optional<topology::ServerId> last;   // where it was executed last
  std::optional<std::string> token_column;  // it asks for the session's position under this name
  bool cursor = false;                      // then it may have left a cursor open there
};

/// The statements of one session, by the client's ids. Pure.
class PreparedStatements {
 public:
  static constexpr std::size_t most = 16382;  // as the server's max_prepared_stmt_count by default
  PreparedStatement& add(std::string text);
  PreparedStatement* find(std::uint32_t id);  // also by 0xffffffff
  /// The same statement with another text, for one EXECUTE; until the next call.
  PreparedStatement& stand_in(const PreparedStatement& of, std::string text);
  bool is_stand_in(const PreparedStatement& statement) const { return &statement == stand_in_.get(); }
  void remove(std::uint32_t id) { statements_.erase(id); }
  void clear() {
    statements_.clear();
    last_prepared_ = 0;
  }
  /// COM_STMT_PREPARE succeeded: MariaDB's clients may speak of it as 0xffffffff, "the last one".
  void succeeded(std::uint32_t id) { last_prepared_ = id; }
  void failed() { last_prepared_ = 0; }
  /// One of them has something on this server that is the session's alone: parameters sent ahead, maybe an open cursor.
  bool ties_to(topology::ServerId server) const;
  /// One of them names user variables: their types are those of its connection when it is prepared, and a variable that
  /// is not set yet gets one there.
  bool name_user_variables() const;
  std::size_t size() const { return statements_.size(); }

 private:
  std::unordered_map<std::uint32_t, std::unique_ptr<PreparedStatement>> statements_;
  std::unique_ptr<PreparedStatement> stand_in_;
  std::uint32_t last_id_ = 0;
  std::uint32_t last_prepared_ = 0;  // 0: none, or its PREPARE failed
};

/// The payload of an EXECUTE (or BULK_EXECUTE) as the server at the other end needs it: its own id, and the parameter
/// types if it has not seen them. `prefix` is the payload as far as it is there. Absent: the prefix is malformed.
/// `attributes`: CLIENT_QUERY_ATTRIBUTES, which both ends negotiated or neither.
struct ExecuteRewrite {
  Bytes prefix;
  bool grew = false;  // the frames behind it must be cut anew
};
/// REQUIRES: note_types() of the same payload before.
std::optional<ExecuteRewrite> rewrite_execute(ByteView prefix, const PreparedStatement& statement, PreparedThere& there,
                                              bool attributes = false);
/// Remembers the types that an EXECUTE or BULK_EXECUTE binds. False: malformed.
bool note_types(ByteView prefix, PreparedStatement& statement, bool attributes = false);

}  // namespace wye::session
