#pragma once
#include <string>
#include <string_view>

#include "proxy/base/clock.h"
#include "proxy/cli/console_connection.h"

// How answers look in a terminal or a pipe. Pure.
namespace wye::cli {

/// An aligned table as the mysql shell draws it, with the number of rows below; or what an OK packet says.
std::string as_table(const Answer& answer, base::milliseconds took);
/// One JSON object a row and line; numbers of numeric columns as numbers, NULL as null.
std::string as_json(const Answer& answer);
/// Without what could move a terminal's cursor: control characters as \n, \t, \xNN.
std::string printable(std::string_view text);
/// Columns that a terminal needs for UTF-8 text whose characters are one column wide.
std::size_t width(std::string_view text);

}  // namespace wye::cli
