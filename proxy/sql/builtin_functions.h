#pragma once
#include <cstdint>
#include <string_view>

#include "proxy/sql/facts.h"

namespace wye::sql {

/// What calling a function means for the route.
enum class FunctionClass : std::uint8_t {
  unknown,          // no built-in of this server: a stored or loadable function, which may write
  harmless,         // the same on every server
  user_lock,        // GET_LOCK, RELEASE_LOCK, RELEASE_ALL_LOCKS
  server,           // changes or reads the state of one server
  last_insert_id,   // without an argument; with one it changes the session
  previous_result,  // FOUND_ROWS, ROW_COUNT
  connection_id,
  describes_server,  // VERSION: like a variable that describes one server
};

/// The class of an unqualified, unquoted name in front of "(". `space` tells of white space or a comment between the
/// two.
FunctionClass find_function(std::string_view name, bool space, const Dialect& dialect);

}  // namespace wye::sql
