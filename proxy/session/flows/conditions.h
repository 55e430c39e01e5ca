#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/result.h"
#include "proxy/protocol/wire.h"
#include "proxy/sql/lexer.h"

// Warnings and errors that were read back, told again by wye or made again on another connection (routing.md 1). Pure.
namespace wye::session {

/// An answer of SHOW WARNINGS: payloads, as the server sent them as text.
struct Conditions {
  protocol::Bytes head;  // how many columns there are, as this client's answers begin
  std::vector<protocol::Bytes> definitions, rows;
  std::vector<bool> is_error;  // of each row
};

/// SHOW WARNINGS or SHOW ERRORS [LIMIT [offset,] most], SHOW COUNT(*) WARNINGS or ERRORS.
struct ShowConditions {
  bool errors_only = false, count = false;
  std::uint64_t offset = 0, most = UINT64_MAX;
};
/// Absent: another statement.
std::optional<ShowConditions> parse_show_conditions(std::string_view text, const sql::Dialect& dialect);

/// The rows that it shows. `binary`: as the answer to an EXECUTE has them. Absent: they can't be read.
std::optional<std::vector<protocol::Bytes>> rows_shown(const Conditions& conditions, const ShowConditions& show,
                                                       bool binary);

/// SIGNAL that makes this condition. Empty: it can't.
std::string signal(const base::Error& error, bool no_backslash_escapes);
/// The same for what was read back, if it is one; its SQLSTATE is lost: SHOW WARNINGS does not tell it.
std::string signal(const Conditions& conditions, bool no_backslash_escapes);

/// A warning that stands where several, a note or a long text should be: a routine may take them away, and only its
/// server knows whether it does. Never shown to a client.
inline constexpr std::string_view make_stand_in =
    "SIGNAL SQLSTATE '01000' SET MESSAGE_TEXT='wye: the conditions of the statement before'";
bool is_stand_in(const Conditions& conditions);

}  // namespace wye::session
