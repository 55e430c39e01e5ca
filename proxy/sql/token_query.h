#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace wye::sql {

/// `SELECT @@wye_token`, alone, maybe with an alias: the name of its column. Absent: another statement.
std::optional<std::string> token_column(std::string_view text);

}  // namespace wye::sql
