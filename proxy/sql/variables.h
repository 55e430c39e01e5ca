#pragma once
#include <cstdint>
#include <string_view>

namespace wye::sql {

/// What reading @@name means for the route.
enum class ReadVariable : std::uint8_t {
  session,          // this session's value, the same on every server
  server,           // names or describes one server, or isn't known
  proxied,          // backend connections have another value than the client believes (routing.md 1, "Self-correction")
  last_insert_id,   // @@last_insert_id, @@identity
  previous_result,  // @@warning_count, @@error_count
  connection_id,    // @@pseudo_thread_id
};
ReadVariable read_variable(std::string_view name);

/// What setting a session variable means.
enum class SetVariable : std::uint8_t {
  ordinary,  // remembered by value
  autocommit,
  isolation,  // transaction_isolation, tx_isolation
  read_only,  // transaction_read_only, tx_read_only
  sticky,     // can't be replayed by value: pins
};
SetVariable set_variable(std::string_view name);
/// A variable that a session can set.
bool is_session_variable(std::string_view name);

}  // namespace wye::sql
