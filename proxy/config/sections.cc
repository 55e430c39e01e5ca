// The sections that are maps.
#include "proxy/config/sections.h"

namespace wye::config {
namespace {

constexpr milliseconds ms(std::int64_t n) { return milliseconds{n}; }
constexpr milliseconds second = ms(1000), hour = ms(3'600'000), day = ms(86'400'000);

/// The section as a map, if it is there.
std::optional<Map> section(Map& root, const std::string& key) {
  const auto node = root.child(key);
  if (!node) return std::nullopt;
  return Map{root.report(), *node, key};
}

}  // namespace

void read_monitor(Map& root, Config& c) {
  if (!root.has("monitor")) {
    root.missing("monitor", "the account that watches the servers, like monitor: {user: wye, password_file: ...}");
  }
  auto m = section(root, "monitor");
  if (!m) return;
  if (m->is_map() && !m->text("user", c.monitor.user)) m->missing("user", "");
  if (m->has("user") && c.monitor.user.empty()) m->mistake("user", "is empty");
  if (m->is_map() && !m->secret("password", c.monitor.password)) m->missing("password", "or password_file");
  m->finish();
}

void read_backend(Map& root, Config& c) {
  auto m = section(root, "backend");
  if (!m) return;
  m->tls("tls", c.backend.tls, {"off", "preferred", "required", "verify"});
  m->file("ca", c.backend.ca);
  m->duration("connect_timeout", c.backend.connect_timeout, {ms(10), ms(60'000)});
  m->boolean("proxy_protocol", c.backend.proxy_protocol);
  m->choice("attributes", c.backend.attributes, {"own", "pass"});
  m->finish();
}

void read_pool(Map& root, Config& c) {
  auto m = section(root, "pool");
  if (!m) return;
  m->number("max_per_server", c.pool.max_per_server, {1, 100'000});
  m->duration("idle", c.pool.idle, {second, day});
  m->duration("acquire_timeout", c.pool.acquire_timeout, {ms(1), hour});
  m->choice("pipeline", c.pool.pipeline, {"auto", "off"});
  m->choice("hand_over", c.pool.hand_over, {"needed", "always", "never"});
  if (c.pool.pipeline != "auto") m->no_effect_yet("pipeline");
  m->finish();
}

void read_sessions(Map& root, Config& c) {
  auto m = section(root, "sessions");
  if (!m) return;
  m->number("max", c.sessions.max, {1, 1'000'000});
  m->duration("idle_timeout", c.sessions.idle_timeout, {second, 365 * day});
  m->duration("login_timeout", c.sessions.login_timeout, {ms(100), hour});
  m->size("max_packet", c.sessions.max_packet, {std::uint64_t{1} << 10, std::uint64_t{1} << 30});
  m->finish();
}

void read_routing(Map& root, Config& c) {
  auto m = section(root, "routing");
  if (!m) return;
  m->choice("consistency", c.routing.consistency, {"eventual", "monotonic", "session", "global", "primary"});
  m->duration("max_lag", c.routing.max_lag, {ms(0), day});
  m->duration("wait", c.routing.wait, {ms(0), ms(60'000)});
  m->choice("reads_on_primary", c.routing.reads_on_primary, {"fallback", "never", "always"});
  m->boolean("lenient_hints", c.routing.lenient_hints);
  read_rules(*m, c);
  m->finish();
}

void read_replication(Map& root, Config& c) {
  auto m = section(root, "replication");
  if (!m) return;
  m->choice("mode", c.replication.mode, {"observe", "manage"});
  const bool user = m->text("user", c.replication.account.user);
  const bool password = m->secret("password", c.replication.account.password);
  if (user && !password) m->missing("password", "or password_file");
  if (password && !user) m->missing("user", "");
  if (c.replication.mode == "manage" && !user && !password)
    m->missing("user", "mode: manage needs the account that replicas use");
  m->boolean("semi_sync", c.replication.semi_sync);
  m->duration("interval", c.replication.interval, {ms(10), ms(60'000)});
  m->choice("provision", c.replication.provision, {"auto", "off"});
  m->choice("restart", c.replication.restart, {"auto", "off"});
  m->text("tools", c.replication.tools);
  m->finish();
}

void read_failover(Map& root, Config& c) {
  auto m = section(root, "failover");
  if (!m) return;
  const Failover standard;
  m->choice("mode", c.failover.mode, {"manual", "auto"});
  if (c.failover.mode != standard.mode) m->no_effect_yet("mode");
  m->duration("after", c.failover.after, {ms(100), hour});
  if (c.failover.after != standard.after) m->no_effect_yet("after");
  m->duration("hold", c.failover.hold, {ms(0), hour});
  if (m->text("max_loss", c.failover.max_loss) && c.failover.max_loss != "none") {
    if (c.failover.max_loss != "any" && !parse_number(c.failover.max_loss)) {
      m->mistake("max_loss", "must be none, any or a number of transactions");
    }
    m->no_effect_yet("max_loss");
  }
  m->finish();
}

void read_switchover(Map& root, Config& c) {
  auto m = section(root, "switchover");
  if (!m) return;
  const Switchover standard;
  m->duration("drain", c.switchover.drain, {ms(0), hour});
  if (c.switchover.drain != standard.drain) m->no_effect_yet("drain");
  m->duration("timeout", c.switchover.timeout, {ms(100), hour});
  if (c.switchover.timeout != standard.timeout) m->no_effect_yet("timeout");
  m->finish();
}

void read_admin(Map& root, Config& c) {
  auto m = section(root, "admin");
  if (!m) return;
  if (m->text("socket", c.admin.socket)) {
    const auto valid = parse_address("unix:" + c.admin.socket, 0, false);
    if (!valid) m->mistake("socket", "must be a path that begins with / and has at most 107 bytes");
  }
  m->mode("mode", c.admin.mode);
  if ((c.admin.mode & 0007) != 0) {
    m->report().warning(m->mark_of("mode"), "admin.mode: every user of this machine can use the console");
  }
  m->finish();
}

void read_metrics(Map& root, Config& c) {
  auto m = section(root, "metrics");
  if (!m) return;
  if (m->address("address", c.metrics, 0, true) && c.metrics.starts_with("unix:")) {
    m->mistake("address", "must be host:port");
  }
  m->finish();
}

void read_log(Map& root, Config& c) {
  auto m = section(root, "log");
  if (!m) return;
  m->choice("level", c.log.level, {"debug", "info", "warning", "error"});
  m->choice("format", c.log.format, {"text", "json"});
  m->duration_or("slow", "off", c.log.slow, {ms(0), hour});
  if (c.log.slow != Log{}.slow) m->no_effect_yet("slow");
  m->choice("audit", c.log.audit, {"off", "on"});
  if (c.log.audit != "off") m->no_effect_yet("audit");
  m->finish();
}

}  // namespace wye::config
