#pragma once
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "proxy/sql/facts.h"

namespace wye::sql {

/// What stands in place of a function without arguments, FOUND_ROWS(), or of a variable of the session, @@identity.
struct Constant {
  std::string_view name;
  bool variable = false;
  std::string_view text;  // SQL of a constant with the same metadata
};

/// The text with each of these as a constant. A column that had one in its name keeps that name. Absent: it has none of
/// them, or can't be read to its end.
/// `first_only`: what follows a ';' stays as it is.
std::optional<std::string> with_constants(std::string_view text, const Dialect& dialect,
                                          std::span<const Constant> constants, bool first_only = false);

}  // namespace wye::sql
