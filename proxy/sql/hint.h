#pragma once
#include <string_view>

#include "proxy/sql/facts.h"

namespace wye::sql {

/// The hint of routing.md 6: a block comment, the first thing in the text, whose first word is "wye:". Views into the
/// text.
Hint parse_hint(std::string_view text);

}  // namespace wye::sql
