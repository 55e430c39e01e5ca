#pragma once
#include <string_view>
#include <vector>

#include "proxy/sql/facts.h"

namespace wye::sql {

/// A table as a statement names it. Views into the text, without quotes.
struct TableName {
  std::string_view schema;  // empty: the session's
  std::string_view table;
};

/// The tables that a text names where a table stands: behind FROM, JOIN, INTO, UPDATE, TABLE and their kind, at any
/// depth. Views, names of CTEs and of tables that are made count; what views and routines read does not, nor what is
/// prepared as text. For rules, not for safety: what it misses is routed as without them.
std::vector<TableName> tables_of(std::string_view text, const Dialect& dialect);

}  // namespace wye::sql
