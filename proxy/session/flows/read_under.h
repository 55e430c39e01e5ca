#pragma once
#include <functional>
#include <map>
#include <string>

namespace wye::session {

/// The session's settings under which a text was read: what its literals and names mean, and the types of its results.
/// A statement that is prepared on another server later must be read under the same.
struct ReadUnder {
  std::map<std::string, std::string, std::less<>> variables;  // those of SessionState::variables() that matter here
  bool by_charset = false;                                    // SET CHARACTER SET was the last, not SET NAMES
  std::string names_charset, names_collation;                 // the last SET NAMES
  bool operator==(const ReadUnder&) const = default;
};

}  // namespace wye::session
