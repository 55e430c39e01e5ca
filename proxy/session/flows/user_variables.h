#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/protocol/wire.h"
#include "proxy/sql/facts.h"

namespace wye::session {

/// A session's user variables, by value: read back from the connection that has them before another session gets it,
/// set again on the next one. Pure. One owner.
class UserVariables {
 public:
  static constexpr std::size_t most_names = 100, longest_value = std::size_t{64} * 1024,
                               longest_text = std::size_t{256} * 1024;

  /// A statement that is about to run names some. False: it can't be said which, in every character set.
  bool named(std::string_view text, const sql::Dialect& dialect, const sql::Facts& facts);
  bool any() const { return !variables_.empty(); }
  /// Only the connection knows some of them.
  bool unknown() const;
  /// The query for those, and its answer: the frames of `definitions` columns and of a row. False: there is a value
  /// that could not be set again just as it is, or they are too long to be carried about.
  std::string question() const;
  bool answered(protocol::ByteView frames, std::size_t definitions);
  /// SQL that gives them to a connection where none of them is set; empty: nothing to set.
  std::string restore() const;
  void reset() { variables_.clear(); }

 private:
  struct Variable {
    std::string name;         // quoted, with the @
    std::string assignments;  // "@`a`=...", maybe two: NULL keeps the earlier type. Empty: not set
    bool unknown = true;
  };
  std::vector<Variable> variables_;
};

/// An expression that has this value, with its type and collation, whatever sql_mode and character sets there are.
/// `type`: of the protocol's column definition. Empty: there is none.
std::string user_variable_literal(std::uint8_t type, bool is_unsigned, std::string_view text, std::string_view hex,
                                  std::string_view collation);

}  // namespace wye::session
