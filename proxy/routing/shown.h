#pragma once
#include <optional>
#include <string>

#include "proxy/base/clock.h"
#include "replication/topology/gtid_set.h"

namespace wye::routing {

/// A place in a server's binary log. Later ones are greater.
struct BinlogPosition {
  std::string file;  // its number grows; the part before it is the same for all
  std::uint64_t offset = 0;
  bool operator==(const BinlogPosition&) const = default;
};
bool operator<(const BinlogPosition& a, const BinlogPosition& b);

/// With semi-synchronous replication (AFTER_SYNC) a replica shows a commit before its primary does, which waits for the
/// acknowledgement. Up to which moment has the primary caught up with all that replicas showed? From the answers of one
/// primary to questions that do not overlap. One worker.
class Shown {
 public:
  /// MySQL: the GTIDs in commit, at some moment after `asked`. A commit owns its GTID until it is to be seen.
  void in_commit(const topology::GtidSet& owned, base::TimePoint asked);
  /// MariaDB: where the binary log ended at some moment after `asked`, and up to where it was to be seen after that.
  void positions(const BinlogPosition& end, const BinlogPosition& visible, base::TimePoint asked);
  /// What any replica showed before this is to be seen on the primary.
  base::TimePoint until() const { return until_; }
  void forget() { *this = {}; }  // another primary

 private:
  base::TimePoint until_{};
  base::TimePoint asked_{};  // what is waited for since: the rest of what was on its way then
  std::optional<topology::GtidSet> owned_;
  std::optional<BinlogPosition> end_;
};

}  // namespace wye::routing
