// The configuration as SHOW SETTINGS tells it: by the keys of the file, lists by name or index.
#include <cstdio>

#include "proxy/admin/tables.h"

namespace wye::admin {

namespace {

using protocol::Table;

struct Rows {
  Table table{{"name", "value"}, {}};

  void add(const std::string& name, const std::string& value) { table.rows.push_back({name, value}); }
  void add(const std::string& name, const char* value) { add(name, std::string{value}); }
  void add(const std::string& name, std::uint64_t value) { add(name, std::to_string(value)); }
  void add(const std::string& name, bool value) { add(name, value ? "on" : "off"); }
  void add(const std::string& name, base::milliseconds value) { add(name, std::to_string(value.count()) + "ms"); }
  void add(const std::string& name, const std::vector<std::string>& values) {
    std::string joined;
    for (const auto& v : values) joined += (joined.empty() ? "" : ", ") + v;
    add(name, joined);
  }
  void add(const std::string& name, config::Tls tls) {
    switch (tls) {
      case config::Tls::off:
        return add(name, "off");
      case config::Tls::preferred:
        return add(name, "preferred");
      case config::Tls::required:
        return add(name, "required");
      case config::Tls::verify:
        return add(name, "verify");
    }
  }
  /// The only one that sees a secret, and only whether there is one.
  void add(const std::string& name, const config::Login& login) {
    add(name + ".user", login.user);
    add(name + ".password", login.password.empty() ? "(not set)" : "(set)");
  }
  /// Rules leave out what they don't say.
  void add_if(const std::string& name, const std::string& value) {
    if (!value.empty()) add(name, value);
  }
  void add_if(const std::string& name, const std::vector<std::string>& values) {
    if (!values.empty()) add(name, values);
  }
};

std::string at(const char* list, std::size_t i) { return std::string{list} + "[" + std::to_string(i) + "]"; }

void add_network(Rows& rows, const config::Config& c) {
  for (std::size_t i = 0; i < c.listen.size(); ++i) {
    const auto& l = c.listen[i];
    const std::string name = at("listen", i);
    rows.add(name + ".address", l.address);
    rows.add(name + ".tls", l.tls);
    rows.add(name + ".cert", l.cert);
    rows.add(name + ".key", l.key);  // the file's path
    rows.add_if(name + ".ca", l.ca);
    rows.add(name + ".verify_client", l.verify_client);
    rows.add_if(name + ".version", l.version);
    rows.add(name + ".proxy_protocol", l.proxy_protocol);
  }
  for (const auto& s : c.servers) {
    const std::string name = "servers." + s.name;
    rows.add(name + ".address", s.address);
    rows.add(name + ".weight", std::uint64_t{s.weight});
    rows.add(name + ".tags", s.tags);
    rows.add(name + ".promote", s.promote);
  }
  rows.add("monitor", c.monitor);
  rows.add("state", c.state);
  rows.add("backend.tls", c.backend.tls);
  rows.add("backend.ca", c.backend.ca);
  rows.add("backend.connect_timeout", c.backend.connect_timeout);
  rows.add("backend.proxy_protocol", c.backend.proxy_protocol);
  rows.add("backend.attributes", c.backend.attributes);
}

void add_clients(Rows& rows, const config::Config& c) {
  rows.add("accounts.source", c.accounts.source);
  for (std::size_t i = 0; i < c.accounts.users.size(); ++i) rows.add(at("accounts.users", i), c.accounts.users[i]);
  rows.add("pool.max_per_server", std::uint64_t{c.pool.max_per_server});
  rows.add("pool.idle", c.pool.idle);
  rows.add("pool.acquire_timeout", c.pool.acquire_timeout);
  rows.add("pool.hand_over", c.pool.hand_over);
  rows.add("pool.pipeline", c.pool.pipeline);
  rows.add("sessions.max", std::uint64_t{c.sessions.max});
  rows.add("sessions.idle_timeout", c.sessions.idle_timeout);
  rows.add("sessions.login_timeout", c.sessions.login_timeout);
  rows.add("sessions.max_packet", c.sessions.max_packet);
  for (std::size_t i = 0; i < c.limits.size(); ++i) {
    const auto& l = c.limits[i];
    const std::string name = at("limits", i);
    rows.add(name + ".user", l.user);
    rows.add(name + ".connections", std::uint64_t{l.connections});
    rows.add(name + ".running", std::uint64_t{l.running});
    rows.add(name + ".per_second", std::uint64_t{l.per_second});
  }
}

void add_rule(Rows& rows, const std::string& name, const config::Rule& r) {
  rows.add_if(name + ".user", r.user);
  rows.add_if(name + ".schema", r.schema);
  rows.add_if(name + ".client", r.client);
  rows.add_if(name + ".digest", r.digest);
  rows.add_if(name + ".table", r.table);
  rows.add_if(name + ".regex", r.regex);
  rows.add_if(name + ".route", r.server.empty() ? r.route : "server=" + r.server);
  rows.add_if(name + ".consistency", r.consistency);
  rows.add_if(name + ".tag", r.tag);
  rows.add_if(name + ".reject", r.reject);
  if (r.max_lag) rows.add(name + ".max_lag", *r.max_lag);
  if (r.timeout) rows.add(name + ".timeout", *r.timeout);
}

void add_routing(Rows& rows, const config::Config& c) {
  rows.add("routing.consistency", c.routing.consistency);
  rows.add("routing.max_lag", c.routing.max_lag);
  rows.add("routing.wait", c.routing.wait);
  rows.add("routing.reads_on_primary", c.routing.reads_on_primary);
  rows.add("routing.lenient_hints", c.routing.lenient_hints);
  std::vector<std::string> order;
  for (const auto& rule : c.routing.rules) order.push_back(rule.name);
  rows.add("routing.rules", order);
  for (const auto& rule : c.routing.rules) add_rule(rows, "routing.rules." + rule.name, rule);
}

void add_replication(Rows& rows, const config::Config& c) {
  rows.add("replication.mode", c.replication.mode);
  rows.add("replication", c.replication.account);
  rows.add("replication.semi_sync", c.replication.semi_sync);
  rows.add("replication.interval", c.replication.interval);
  rows.add("replication.provision", c.replication.provision);
  rows.add("replication.restart", c.replication.restart);
  rows.add("replication.tools", c.replication.tools);
  rows.add("failover.mode", c.failover.mode);
  rows.add("failover.after", c.failover.after);
  rows.add("failover.hold", c.failover.hold);
  rows.add("failover.max_loss", c.failover.max_loss);
  rows.add("switchover.drain", c.switchover.drain);
  rows.add("switchover.timeout", c.switchover.timeout);
}

void add_process(Rows& rows, const config::Config& c) {
  char mode[16];
  std::snprintf(mode, sizeof mode, "%04o", c.admin.mode);
  rows.add("admin.socket", c.admin.socket);
  rows.add("admin.mode", mode);
  rows.add("metrics.address", c.metrics);
  rows.add("log.level", c.log.level);
  rows.add("log.format", c.log.format);
  rows.add("log.slow", c.log.slow);
  rows.add("log.audit", c.log.audit);
  rows.add("workers", c.workers == 0 ? "auto" : std::to_string(c.workers));
}

}  // namespace

Table settings_table(const config::Config& config) {
  Rows rows;
  add_network(rows, config);
  add_clients(rows, config);
  add_routing(rows, config);
  add_replication(rows, config);
  add_process(rows, config);
  return std::move(rows.table);
}

}  // namespace wye::admin
