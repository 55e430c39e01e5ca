#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/sql/facts.h"

namespace wye::sql {

/// What a statement that has run did to the state of its session, as far as its text says: for servers that don't
/// report it (MySQL before 5.7). Values are as a newer server's trackers would name them.
struct SessionText {
  bool whole = true;  // false: it did, or may have done, more than is said here
  std::vector<std::pair<std::string, std::string>> variables;  // in order; names in lower case
  std::optional<std::string> schema;                           // USE
};

/// Pure. SET of anything but literals, CALL, EXECUTE, stored functions and what isn't understood are not `whole`.
/// `facts` are classify()'s of the same text.
SessionText session_text(std::string_view text, const Dialect& dialect, const Facts& facts);

}  // namespace wye::sql
