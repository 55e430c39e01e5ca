#pragma once
#include <optional>
#include <string>
#include <vector>

#include "replication/plan/derive.h"
#include "replication/plan/dialect.h"
#include "replication/plan/step.h"
#include "replication/topology/observation.h"
#include "replication/topology/survey.h"

namespace wye::plan {

/// What a plan is made from: one server, looked at just now.
struct Known {
  std::optional<topology::Observation> observation;
  std::optional<topology::Survey> survey;  // with its data
  bool encrypted = false;                  // wye's own connection to it
  std::string failure;                     // why it could not be looked at
};

enum class Promote : std::uint8_t { prefer, allow, never };

struct SetUpWish {
  std::vector<Server> servers;
  std::vector<Promote> promote;        // as long as servers
  std::string primary;                 // by name; empty: chosen
  std::vector<std::string> overwrite;  // servers whose own data may go
  bool semi_sync = false;
  std::string account;      // that replicas log in with
  std::string own_account;  // wye's own
  std::string account_host = "%";
  bool tls = false, verify = false;  // tls: required; else it is used where the primary offers it
  std::string ca;
  bool unasked = false;  // nobody gave a command: only if no server has any data
};

struct SetUp {
  Plan plan;
  std::vector<Trouble> troubles;  // not empty: nothing may be done
  std::string primary;            // chosen; empty: none
};

/// From unrelated servers to one primary and replicas. Pure. `known` is as long as wish.servers. A server with data of
/// its own becomes no replica unless `overwrite` names it, or it is a copy by its GTIDs.
SetUp plan_set_up(const SetUpWish& wish, const std::vector<Known>& known);

/// True if it looks like a set-up is what is missing: every server was seen, accepts no source, and has no data.
bool all_blank(const std::vector<Known>& known);

}  // namespace wye::plan
