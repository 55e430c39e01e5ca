#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "proxy/base/clock.h"

namespace wye::config {

using base::milliseconds;
enum class Tls : std::uint8_t { off, preferred, required, verify };

// Addresses are normal forms: "host:port", "[ipv6]:port" or "unix:/path". Paths of files are relative to the
// configuration's folder.
struct Listen {
  std::string address = "0.0.0.0:6033";
  Tls tls = Tls::preferred;
  std::string cert, key, version;
  std::string ca;  // authorities of client certificates; empty: none are asked for
  std::string verify_client = "off";
  std::vector<std::string> proxy_protocol;
};
struct ServerEntry {
  std::string name, address;
  unsigned weight = 1;
  std::vector<std::string> tags;
  std::string promote = "allow";
};
struct Login {
  std::string user, password;
};
struct Backend {
  Tls tls = Tls::preferred;
  std::string ca;
  milliseconds connect_timeout{1000};
  bool proxy_protocol = false;
  std::string attributes = "own";
};
struct Pool {
  unsigned max_per_server = 200;
  milliseconds idle{60'000};
  milliseconds acquire_timeout{5000};
  std::string pipeline = "auto";
  std::string hand_over = "needed";
};
struct Accounts {
  std::string source = "servers";
  std::vector<Login> users;
};
struct Sessions {
  unsigned max = 10'000;
  milliseconds idle_timeout{8 * 3600 * 1000};
  milliseconds login_timeout{10'000};
  std::uint64_t max_packet = 64u << 20;
};
/// 0: no limit of that kind.
struct Limit {
  std::string user;
  unsigned connections = 0, running = 0, per_second = 0;
};
/// Empty or absent: matches everything, or leaves that as it is. Of several values one must match.
struct Rule {
  std::string name;  // rule1, rule2, ... by place where the file gives none
  std::vector<std::string> user, schema, client, digest, table;
  std::string regex;   // RE2, known to compile
  std::string route;   // primary, replica, server
  std::string server;  // of route: server=NAME; one of the servers
  std::string consistency, tag, reject;
  std::optional<milliseconds> max_lag, timeout;
};
struct Routing {
  std::string consistency = "global";
  milliseconds max_lag{10'000};
  milliseconds wait{20};
  std::string reads_on_primary = "fallback";
  bool lenient_hints = false;
  std::vector<Rule> rules;
};
struct Replication {
  std::string mode = "observe";
  Login account;
  milliseconds interval{100};
  bool semi_sync = false;
  std::string provision = "auto";
  std::string restart = "auto";
  std::string tools;  // folder of the flavour's programs that dump and load; empty: PATH
};
struct Failover {
  std::string mode = "manual";
  milliseconds after{3000};
  milliseconds hold{10'000};
  std::string max_loss = "none";
};
struct Switchover {
  milliseconds drain{5000};
  milliseconds timeout{10'000};
};
struct Admin {
  std::string socket = "/run/wye/admin.sock";
  unsigned mode = 0600;
};
struct Log {
  std::string level = "info";
  std::string format = "text";
  milliseconds slow{1000};
  std::string audit = "off";
};  // slow 0: off

/// The validated configuration: every value in range, every secret already read from its file or environment variable.
/// Immutable.
struct Config {
  std::vector<Listen> listen;
  std::vector<ServerEntry> servers;
  Login monitor;
  std::string state = "/var/lib/wye";
  Backend backend;
  Accounts accounts;
  Pool pool;
  Sessions sessions;
  std::vector<Limit> limits;
  Routing routing;
  Replication replication;
  Failover failover;
  Switchover switchover;
  Admin admin;
  std::string metrics = "127.0.0.1:9633";
  Log log;
  unsigned workers = 0;  // 0: auto
};

/// One mistake in the file. Lines and columns count from 1.
struct Mistake {
  int line = 0, column = 0;
  std::string text;
};

struct Loaded {
  std::optional<Config> config;   // absent if there are mistakes
  std::vector<Mistake> mistakes;  // all of them, in the order of the file
  std::vector<Mistake>
      warnings;  // e.g. a password in a world-readable file, a key that is accepted but has no effect yet
};

/// Reads and validates; never throws. A file that can't be read is a mistake at 0:0.
Loaded load_file(const std::string& path);
/// `folder`: where relative paths start.
Loaded load_text(const std::string& yaml, const std::string& folder = ".");

}  // namespace wye::config
