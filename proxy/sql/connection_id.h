#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/sql/facts.h"

namespace wye::sql {

/// The text with a constant in place of each CONNECTION_ID(): `id`, as CAST(id AS UNSIGNED), whose metadata is the
/// function's (tried on MySQL 9.7 and MariaDB 10.11). A column that had the call in its name keeps that name. Absent:
/// the text calls no such function, or can't be read to its end.
std::optional<std::string> with_connection_id(std::string_view text, const Dialect& dialect, std::uint32_t id);

/// KILL [HARD | SOFT] [CONNECTION | QUERY [ID]] number.
struct Kill {
  std::uint64_t id = 0;  // of a connection, or with `of_query` of a query (MariaDB)
  bool query = false, of_query = false;
  std::size_t id_begin = 0, id_end = 0;  // where the number stands in the text
};
/// Absent: another statement, several of them, or what is to be killed is no number.
std::optional<Kill> parse_kill(std::string_view text, const Dialect& dialect);
/// The same KILL, of this connection, whatever its text computes: KILL QUERY @a. Absent: no KILL of a connection.
std::optional<std::string> kill_of(std::string_view text, const Dialect& dialect, std::uint64_t id);

}  // namespace wye::sql
