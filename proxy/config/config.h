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

struct Listen { std::string address = "0.0.0.0:6033"; Tls tls = Tls::preferred; std::string cert, key, version; };
struct ServerEntry { std::string name, address; unsigned weight = 1; std::vector<std::string> tags; std::string promote = "allow"; };
struct Login { std::string user, password; };
struct Backend { Tls tls = Tls::preferred; std::string ca; milliseconds connect_timeout{1000}; };
struct Pool { unsigned max_per_server = 200; milliseconds idle{60'000}; milliseconds acquire_timeout{5000}; };
struct Sessions { unsigned max = 10'000; milliseconds idle_timeout{8 * 3600 * 1000}; milliseconds login_timeout{10'000}; std::uint64_t max_packet = 64u << 20; };
struct Routing { std::string consistency = "global"; milliseconds max_lag{10'000}; milliseconds wait{20}; std::string reads_on_primary = "fallback"; bool lenient_hints = false; };
struct Replication { std::string mode = "observe"; Login account; milliseconds interval{100}; };
struct Failover { std::string mode = "manual"; milliseconds after{3000}; milliseconds hold{10'000}; };
struct Admin { std::string socket = "/run/wye/admin.sock"; unsigned mode = 0600; };
struct Log { std::string level = "info"; std::string format = "text"; milliseconds slow{1000}; };

/// The validated configuration: every value in range, every secret already read from its file or environment variable. Immutable.
struct Config {
  std::vector<Listen> listen;
  std::vector<ServerEntry> servers;
  Login monitor;
  std::string state = "/var/lib/wye";
  Backend backend;
  Pool pool;
  Sessions sessions;
  Routing routing;
  Replication replication;
  Failover failover;
  Admin admin;
  std::string metrics = "127.0.0.1:9633";
  Log log;
  unsigned workers = 0;  // 0: auto
};

/// One mistake in the file. Lines and columns count from 1.
struct Mistake { int line = 0, column = 0; std::string text; };

struct Loaded {
  std::optional<Config> config;     // absent if there are mistakes
  std::vector<Mistake> mistakes;    // all of them, in the order of the file
  std::vector<Mistake> warnings;    // e.g. a password in a world-readable file, a key that is accepted but has no effect yet
};

/// Reads and validates; never throws. A file that can't be read is a mistake at 0:0.
Loaded load_file(const std::string& path);
Loaded load_text(const std::string& yaml);

}  // namespace wye::config
