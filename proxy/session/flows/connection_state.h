#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "proxy/session/flows/variables.h"
#include "replication/topology/topology.h"

namespace wye::session {

/// A prepared statement as one backend connection knows it.
struct PreparedThere {
  std::uint32_t id = 0;             // the server's
  std::uint32_t types_version = 0;  // which of PreparedStatement::types an EXECUTE has bound here; 0: none
};

/// What a backend connection has been told. Kept beside it; compared with what the session wants before each statement.
struct ConnectionState {
  /// What LAST_INSERT_ID() says here; absent: whatever the statements of the session that has it have made it.
  std::optional<std::string> insert_id{"0"};
  bool conditions = false;       // a statement left warnings or an error here
  std::string next_transaction;  // NextTransaction::pending() of this connection
  bool tells_next = false;       // wye has switched its tracker on
  bool user_variables = false;   // the session's are set here, and must be reset for another one
  bool routine = false;          // one has run here: likewise
  std::string schema;
  std::uint64_t schema_use = 0;                               // which USE of the session; 0: the login's
  Variables variables;                                        // what was set here
  std::string names;                                          // the SET NAMES among that, which no variable shows
  std::shared_ptr<const topology::Defaults> defaults;         // what the others are; nullptr: not known
  std::uint64_t version = 0;                                  // of the SessionState that was last applied; 0: fresh
  std::unordered_map<std::uint64_t, PreparedThere> prepared;  // by PreparedStatement::key
  void forget_session() {
    insert_id.emplace(1, '0');
    conditions = tells_next = user_variables = routine = false;
    next_transaction.clear();
    schema_use = UINT64_MAX;
    variables.clear();
    names.clear();
    version = 0;
    prepared.clear();
  }
};

}  // namespace wye::session
