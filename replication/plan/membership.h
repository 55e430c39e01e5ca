#pragma once
#include <string>
#include <vector>

#include "replication/plan/provision.h"

namespace wye::plan {

/// ADD SERVER: `fill.target` is the new one, whose place in the cluster's servers is the last.
struct AddWish {
  ProvisionWish fill;   // adding
  std::string address;  // as it was said, in its normal form
  std::string twin;     // the server of ours that answers at that address, too; empty: none
  bool manages = true;  // else nothing is changed on it: it must replicate already
};
/// From a server that nobody watches to a replica. Pure. `known` is as long as the cluster's servers.
Provision plan_add(const AddWish& wish, const std::vector<Known>& known);

/// REMOVE SERVER.
struct RemoveWish {
  SetUpWish cluster;
  std::string target, address;  // its address as it was said
  std::optional<std::size_t> primary;
  std::string last_primary;  // who was it, if there is none now
  bool manages = true;       // else nothing is changed on it
  bool file_names_it = false;
};
struct Removal {
  Plan plan;
  std::vector<Trouble> troubles;  // not empty: nothing may be done
};
/// Replication ends there, if it answers. It stays fenced: its data is nobody's from now on. Pure.
Removal plan_remove(const RemoveWish& wish, const std::vector<Known>& known);

}  // namespace wye::plan
