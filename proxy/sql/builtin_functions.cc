#include "proxy/sql/builtin_functions.h"

#include <array>

#include "proxy/sql/ascii.h"

namespace wye::sql {
namespace {

struct Entry {
  std::string_view name;
  FunctionClass klass;
  std::uint32_t mysql_since, mariadb_since;
  bool must_touch;  // part of the grammar only if "(" touches it, unless IGNORE_SPACE; else a stored function's name
};

constexpr auto entries = std::to_array<Entry>({
#define FUNCTION(name, klass, mysql, mariadb, touch) {#name, FunctionClass::klass, mysql, mariadb, touch},
#include "proxy/sql/builtin_functions.def"
#undef FUNCTION
});
constexpr NameIndex<entries.size(), 1024> by_name{entries};

}  // namespace

FunctionClass find_function(std::string_view name, bool space, const Dialect& dialect) {
  const std::size_t at = by_name.find(entries, name);
  if (at == entries.size()) return FunctionClass::unknown;
  const Entry& entry = entries[at];
  const std::uint32_t since = dialect.mariadb ? entry.mariadb_since : entry.mysql_since;
  if (since == 0 || dialect.version < since) return FunctionClass::unknown;
  if (space && entry.must_touch && !dialect.ignore_space) return FunctionClass::unknown;
  return entry.klass;
}

}  // namespace wye::sql
