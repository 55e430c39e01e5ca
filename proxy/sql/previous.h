#pragma once
#include <climits>
#include <cstdint>
#include <string_view>
#include <vector>

#include "proxy/sql/facts.h"

namespace wye::sql {

/// Which values of the previous statement a text reads. Bits.
enum PreviousUse : std::uint8_t {
  previous_none = 0,
  previous_found_rows = 1u << 0,   // FOUND_ROWS()
  previous_row_count = 1u << 1,    // ROW_COUNT()
  previous_insert_id = 1u << 2,    // LAST_INSERT_ID(), @@last_insert_id, @@identity
  previous_conditions = 1u << 3,   // @@warning_count, @@error_count
  previous_diagnostics = 1u << 4,  // SHOW WARNINGS, SHOW ERRORS, GET DIAGNOSTICS: no constant can stand for them
};
std::uint8_t previous_use(std::string_view text, const Dialect& dialect);

/// The statements of a packet with several, in their order; empty ones left out.
std::vector<std::string_view> statements_of(std::string_view text, const Dialect& dialect);

/// SHOW that reads no table, also none of information_schema: it changes neither FOUND_ROWS() nor, on MariaDB, the
/// conditions (tried on MySQL 9.7.4 and MariaDB 10.11.19).
bool shows_without_table(std::string_view text, const Dialect& dialect);

/// FROM (SELECT ...): to MariaDB a table, as far as conditions go (tried on 10.11.19).
bool has_derived_table(std::string_view text, const Dialect& dialect);

/// What FOUND_ROWS() says after a statement that succeeded: its own number, or still that of the one before (tried on
/// MySQL 9.7.4 and MariaDB 10.11.19). In doubt: its own. `most`: of several statements, the first so many have run.
bool sets_found_rows(std::string_view text, const Facts& facts, const Dialect& dialect, unsigned most = UINT_MAX);

}  // namespace wye::sql
