#pragma once
#include <optional>
#include <string>
#include <vector>

#include "proxy/config/config.h"
#include "proxy/protocol/result_set.h"

// What a reload would do. Pure.
namespace wye::admin {

struct Difference {
  std::string setting;  // as SHOW SETTINGS names it
  std::optional<std::string> from, to;
  bool now = false;  // else it needs a restart
};

/// `running` with those values of `wanted` that can change while wye runs: routing, pool, sessions, log.level,
/// failover.hold, switchover.drain, weights and tags of servers.
config::Config merged(const config::Config& running, const config::Config& wanted);
/// By setting; secrets only as "changed".
std::vector<Difference> differences(const config::Config& running, const config::Config& wanted);
/// The answer of PLAN CONFIG: setting, from, to, effect.
protocol::Table differences_table(const std::vector<Difference>& differences);
/// The same for a file with mistakes.
protocol::Table mistakes_table(const std::string& path, const std::vector<config::Mistake>& mistakes);

}  // namespace wye::admin
