#include "proxy/admin/differences.h"

#include <algorithm>
#include <map>

#include "proxy/admin/tables.h"

namespace wye::admin {

namespace {

using protocol::Cell;
using Values = std::map<std::string, std::string>;

struct Listed {
  std::vector<std::string> order;
  Values values;
};

Listed settings_of(const config::Config& config) {
  Listed listed;
  for (const auto& row : settings_table(config).rows) {
    listed.order.push_back(row[0].value_or(""));
    listed.values.emplace(row[0].value_or(""), row[1].value_or(""));
  }
  return listed;
}

std::optional<std::string> value_of(const Listed& in, const std::string& name) {
  const auto it = in.values.find(name);
  return it == in.values.end() ? std::nullopt : std::optional{it->second};
}

void compare(const config::Config& a, const config::Config& b, bool now, std::vector<Difference>& out) {
  const Listed from = settings_of(a), to = settings_of(b);
  auto names = from.order;
  for (const auto& name : to.order) {
    if (!from.values.contains(name)) names.push_back(name);
  }
  for (const auto& name : names) {
    auto before = value_of(from, name), after = value_of(to, name);
    if (before != after) out.push_back({name, std::move(before), std::move(after), now});
  }
}

void secret(const std::string& name, const config::Login& a, const config::Login& b, std::vector<Difference>& out) {
  // What is set or taken away the settings show.
  if (a.password == b.password || a.password.empty() || b.password.empty()) return;
  out.push_back({name + ".password", "(set)", "(changed)", false});
}

}  // namespace

config::Config merged(const config::Config& running, const config::Config& wanted) {
  config::Config result = running;
  result.routing = wanted.routing;
  result.pool = wanted.pool;
  result.sessions = wanted.sessions;
  result.log.level = wanted.log.level;
  result.failover.hold = wanted.failover.hold;
  result.switchover.drain = wanted.switchover.drain;
  for (auto& server : result.servers) {
    const auto it = std::find_if(wanted.servers.begin(), wanted.servers.end(),
                                 [&](const auto& other) { return other.name == server.name; });
    if (it == wanted.servers.end()) continue;
    server.weight = it->weight;
    server.tags = it->tags;
  }
  return result;
}

std::vector<Difference> differences(const config::Config& running, const config::Config& wanted) {
  std::vector<Difference> all;
  const config::Config between = merged(running, wanted);
  compare(running, between, true, all);
  compare(between, wanted, false, all);
  secret("monitor", running.monitor, wanted.monitor, all);
  secret("replication", running.replication.account, wanted.replication.account, all);
  const auto& users = running.accounts.users;
  for (std::size_t i = 0; i < std::min(users.size(), wanted.accounts.users.size()); ++i)
    secret("accounts.users[" + std::to_string(i) + "]", users[i], wanted.accounts.users[i], all);
  return all;
}

protocol::Table differences_table(const std::vector<Difference>& all) {
  protocol::Table table{{"setting", "from", "to", "effect"}, {}};
  for (const Difference& d : all) table.rows.push_back({d.setting, d.from, d.to, d.now ? "now" : "needs a restart"});
  return table;
}

protocol::Table mistakes_table(const std::string& path, const std::vector<config::Mistake>& mistakes) {
  protocol::Table table{{"setting", "from", "to", "effect"}, {}};
  for (const auto& m : mistakes) {
    const std::string place = path + ":" + std::to_string(m.line) + ":" + std::to_string(m.column);
    table.rows.push_back({place, {}, {}, "mistake, nothing changes: " + m.text});
  }
  return table;
}

}  // namespace wye::admin
