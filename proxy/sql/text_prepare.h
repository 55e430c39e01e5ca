#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/sql/facts.h"

namespace wye::sql {

/// PREPARE name FROM '...', EXECUTE name, DEALLOCATE | DROP PREPARE name: the statement as SQL text.
struct TextPrepare {
  enum class What : std::uint8_t { prepare, execute, drop, unknown };
  What what = What::unknown;  // unknown: it may be about any name
  std::string name;           // in lower case
  /// Of a PREPARE: the text between the quotes, read as the server reads it. Absent: no literal, or not one that is
  /// read alike in every character set.
  std::optional<std::string> inner;
  bool values = false;  // EXECUTE ... USING
};

/// Pure. REQUIRES: the text classifies with fx_text_prepare, as one statement.
TextPrepare parse_text_prepare(std::string_view text, const Dialect& dialect);

}  // namespace wye::sql
