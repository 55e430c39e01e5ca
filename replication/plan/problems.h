#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "replication/plan/derive.h"
#include "replication/plan/step.h"
#include "replication/topology/survey.h"

namespace wye::plan {

using Surveys = std::vector<std::shared_ptr<const topology::Survey>>;  // by ServerId; null: none yet

/// What is not as it should be, though it works: accounts that get past the fence, filters, settings that lose data or
/// time at a failover, semi-sync that has fallen back. Pure. For SHOW PROBLEMS; whether servers are up is elsewhere.
std::vector<Trouble> find_problems(const Settings& settings, const std::vector<Sight>& sights, const Surveys& surveys);

/// Appliers that stand at a row, and transactions of their own (`errant`: as text, by server), with the ways out. Pure.
void find_broken(const Settings& settings, const std::vector<Sight>& sights,
                 const std::vector<std::optional<std::string>>& errant, std::vector<Trouble>& out);

}  // namespace wye::plan
