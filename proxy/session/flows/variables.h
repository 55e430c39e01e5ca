#pragma once
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace wye::session {

/// Session variables by name, as trackers tell them: text, whatever the type.
using Variables = std::map<std::string, std::string, std::less<>>;

/// Session variables that change by themselves, or that only make sense on the connection where they were set: never
/// replayed.
bool moves_by_itself(std::string_view variable);
bool is_on(std::string_view value);

/// 'it''s' with every byte that a server could misread escaped by doubling or backslash, per NO_BACKSLASH_ESCAPES.
std::string quoted(std::string_view text, bool no_backslash_escapes);
/// `@@session.variable=value`, with quotes where the variable is a string.
std::string assignment(std::string_view variable, std::string_view value, bool no_backslash_escapes);

// Values of a collation for SET CHARACTER SET: the schema's, and the schema is the same wherever the session is.
inline constexpr std::string_view collation_of_schema = "@@collation_database";
inline constexpr std::string_view collation_of_server = "@@collation_server";

/// Setting the charset sets the collation to the charset's default, and the reverse sets the charset; MySQL reports
/// only the one that was named.
struct CharsetPair {
  std::string_view charset, collation;
};
inline constexpr CharsetPair charset_pairs[] = {{"character_set_connection", "collation_connection"},
                                                {"character_set_database", "collation_database"},
                                                {"character_set_server", "collation_server"}};
/// Does one of a pair differ? Then both are set, the charset first. False for what is in no pair.
bool pair_differs(const Variables& wanted, const Variables& there, std::string_view variable);
bool same_in(const Variables& a, const Variables& b, std::string_view variable);
/// One of charset_pairs' collations.
bool is_collation(std::string_view variable);

inline constexpr std::string_view set_by_names[] = {"character_set_client", "character_set_connection",
                                                    "character_set_results", "collation_connection"};
bool is_set_by_names(std::string_view variable);

/// A SET of several variables, made piece by piece, and what they are behind it.
class Assignments {
 public:
  /// `no_backslash_escapes`: as the connection has it when it reads the SET.
  explicit Assignments(bool no_backslash_escapes) : no_backslash_escapes_(no_backslash_escapes) {}
  /// SET NAMES, and what it makes of its variables.
  void names(const std::string& clause, const Variables& become);
  void set(std::string_view variable, std::string_view value);
  /// To what a new session has.
  void reset(const std::string& variable, bool autocommit);
  /// It becomes so by itself.
  void follows(std::string_view variable, std::string_view value) { become_.emplace_back(variable, value); }
  /// Empty: nothing to set.
  const std::string& sql() const { return sql_; }
  void note(Variables& there) const;

 private:
  void next() { sql_ += sql_.empty() ? "SET " : ", "; }

  const bool no_backslash_escapes_;
  std::string sql_;
  std::vector<std::pair<std::string, std::string>> become_;
};

}  // namespace wye::session
