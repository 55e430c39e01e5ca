#pragma once
#include <string>
#include <vector>

namespace wye::topology {

/// A stored function or procedure that says of itself that it writes nothing: READS SQL DATA or NO SQL.
struct Routine {
  bool procedure = false;
  std::string schema, name, body, sql_mode;
  bool operator==(const Routine&) const = default;
};

/// Those of one server; all others may write. Immutable once published.
struct Routines {
  std::vector<Routine> readers;
  std::vector<std::string> packages;  // MariaDB's: pkg.f() is no function f of a schema pkg
  std::vector<std::string> triggers;  // the bodies of those that name user variables
  bool fold_schemas = false;          // lower_case_table_names: upper and lower case are the same in schemas' names
};

}  // namespace wye::topology
