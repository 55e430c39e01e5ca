#pragma once
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "replication/plan/set_up.h"
#include "replication/plan/step.h"

namespace wye::plan {

/// What the watch says of a server that could be copied.
struct Standing {
  bool online = false;  // a replica in good state, or the primary
  std::optional<base::milliseconds> lag;
  std::uint32_t server_number = 0;  // as last seen; it may be down now
};

struct ProvisionWish {
  SetUpWish cluster;                // its servers, and how replicas follow
  std::vector<Standing> standings;  // as long as its servers
  std::optional<std::size_t> primary;
  std::string target;
  std::string donor;             // empty: chosen
  std::set<std::string> died{};  // while they were copied from, just now: not taken
  bool overwrite = false;        // the target's data may go
  bool by_dump = false;          // also where CLONE would do
  bool unasked = false;          // nobody gave the command: only if the target has nothing of its own
  std::string no_tools;          // why nothing can be dumped or loaded; empty: it can
  bool adding = false;           // ADD SERVER: a copy of the primary's is left as it is, and follows
};

struct Provision {
  Plan plan;
  std::vector<Trouble> troubles;  // not empty: nothing may be done
  std::string donor;
  Copy::Way way = Copy::Way::none;
};

/// Fills a server with the data of another one and lets it follow the primary. Pure. `known` is as long as the
/// cluster's servers; only target, donor and primary must have been seen.
Provision plan_provision(const ProvisionWish& wish, const std::vector<Known>& known);

/// Why CLONE can't bring the donor's data to the target; empty: it can. Pure.
std::string why_no_clone(const Known& donor, const topology::Address& donor_address, const Known& target);
/// SHOW GRANTS gives this privilege on everything. Pure.
bool is_granted(const std::vector<std::string>& grants, const std::string& privilege);

}  // namespace wye::plan
