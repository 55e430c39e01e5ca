#pragma once
#include <cstdint>
#include <optional>
#include <string>

namespace wye::plan {

/// Why an applier stands: a row is there that should not be, or the other way round.
struct Conflict {
  unsigned code = 0;   // 1062, 1032, ...
  std::string event;   // Write_rows, Update_rows, Delete_rows
  std::string table;   // "shop.t"
  std::string detail;  // "Duplicate entry '7' for key 't.PRIMARY'"
  std::string gtid;    // of the transaction; empty where the message does not say (MariaDB)
  std::string file;    // the source's binary log
  std::uint64_t end = 0;
  bool missing() const { return code == 1032; }
  bool duplicate() const { return code == 1062; }
  bool operator==(const Conflict&) const = default;
};

/// From the applier's error, as MySQL's workers and MariaDB word it. Absent: it is something else. Pure.
std::optional<Conflict> read_conflict(const std::string& message);
/// For people: what stands in the way of what.
std::string conflict_text(const Conflict& conflict);

}  // namespace wye::plan
