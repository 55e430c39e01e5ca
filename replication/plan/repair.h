#pragma once
#include <optional>
#include <string>
#include <vector>

#include "replication/plan/conflict.h"
#include "replication/plan/errant.h"
#include "replication/plan/set_up.h"

namespace wye::plan {

/// A transaction that is only there, and where it stands in that server's binary log.
struct Located {
  std::string gtid, file;  // file: empty: not found (purged)
  std::uint64_t position = 0;
  std::string what;  // tables it changed, or its statement, cut
};

struct RepairWish {
  SetUpWish cluster;
  std::optional<std::size_t> primary;
  std::string target;
  bool overwrite = false;  // what is in the applier's way gives way to what comes from the primary
  bool keep = false;       // transactions of its own are no longer counted as such
  std::string failing;     // GTID of the transaction at which the applier stands, where the conflict does not say it
  std::vector<Located> located;
};

struct Repair {
  Plan plan;
  std::vector<Trouble> troubles;  // not empty: nothing may be done
};

/// What is wrong with one replica, and how it goes on. Pure. Without a word only what loses nothing: its source,
/// account and threads are set anew. `known` is as long as the cluster's servers; target and primary must have been
/// seen.
Repair plan_repair(const RepairWish& wish, const std::vector<Known>& known);

/// MariaDB: the applier stands at a transaction that the server's own binary log has already. It was killed between a
/// DDL, or a change of a table without transactions, and the note that it is applied.
bool applies_again(const topology::Observation& seen);

/// Ways out, for SHOW PROBLEMS.
std::string conflict_remedy(const std::string& server);
std::string errant_remedy(const std::string& server);

}  // namespace wye::plan
