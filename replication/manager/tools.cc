#include "replication/manager/tools.h"

#include <unistd.h>

#include <cstdlib>

#include "replication/manager/child.h"

namespace wye::manager {
namespace {

using topology::Flavour;

constexpr std::uint32_t generated_columns = 50'700;    // of which MariaDB's mariadb-dump asks
constexpr std::uint32_t needs_its_own_tools = 80'000;  // MySQL: caching_sha2_password, and statements MariaDB has not

std::vector<std::string> folders(const std::string& folder) {
  if (!folder.empty()) return {folder};
  std::vector<std::string> out;
  const char* path = std::getenv("PATH");
  std::string rest = path != nullptr ? path : "/usr/local/bin:/usr/bin:/bin";
  for (std::size_t begin = 0; begin <= rest.size();) {
    const std::size_t end = std::min(rest.find(':', begin), rest.size());
    if (end > begin) out.push_back(rest.substr(begin, end - begin));
    begin = end + 1;
  }
  return out;
}

/// What `path --version` says; empty: it does not start.
std::string version_of(const std::string& path) {
  auto out = in_memory("");
  Child child;
  if (!out || !child.start({path, "--version"}, -1, out->get(), -1) || child.wait() != 0) return {};
  std::string text(400, '\0');
  const ssize_t n = ::pread(out->get(), text.data(), text.size(), 0);
  text.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
  return text;
}

/// Empty: it does. `text` is what it says of its version: "mysqldump  Ver 9.7.0 for Linux ...".
std::string why_not(const Tool& tool, bool dumps, const std::string& text, const topology::Version& version) {
  if (text.empty()) return "does not start";
  if (version.flavour == Flavour::mariadb) return tool.mariadb ? "" : "is MySQL's";
  if (tool.mariadb && version.number >= needs_its_own_tools) return "is MariaDB's";
  if (tool.mariadb)
    return dumps && version.number < generated_columns
               ? "is MariaDB's, which asks for columns that this version has not"
               : "";
  const std::size_t at = text.find("Ver ");
  const bool nine =
      at != std::string::npos && std::atoi(text.c_str() + at + 4) >= 9 && text.find("Distrib") == std::string::npos;
  return nine && version.number < needs_its_own_tools
             ? "is of MySQL 9, which has no mysql_native_password to log in with"
             : "";
}

base::Result<Tool> find(const std::vector<std::string>& where, const std::vector<const char*>& names, bool dumps,
                        const topology::Version& version) {
  std::string seen;
  for (const char* name : names) {
    for (const std::string& folder : where) {
      Tool tool{folder + "/" + name};
      if (::access(tool.path.c_str(), X_OK) != 0) continue;
      const std::string text = version_of(tool.path);
      tool.mariadb = text.find("MariaDB") != std::string::npos;
      const std::string why = why_not(tool, dumps, text, version);
      if (why.empty()) return tool;
      seen += (seen.empty() ? "" : ", ") + tool.path + " " + why;
    }
  }
  std::string why = std::string{"there is no "} + names.front() + " for " + version.text + " in " +
                    (where.size() == 1 ? where.front() : "PATH");
  if (!seen.empty()) why += " (" + seen + ")";
  return base::Error{1105, "HY000", why};
}

/// Escaped as mysql's and mariadb's own readers undo it.
std::string option_value(const std::string& value) {
  std::string out = "\"";
  for (const char c : value) {
    if (c == '\\' || c == '"' || c == '\'') out += '\\';
    out += c;
  }
  return out + "\"";
}

void add_tls(const Tool& tool, const Reach& reach, std::vector<std::string>& argv) {
  const bool verify = reach.tls == server::Tls::verify, on = reach.encrypted || verify;
  if (tool.mariadb) {
    argv.push_back(on ? "--ssl" : "--skip-ssl");
    if (on) argv.push_back(verify ? "--ssl-verify-server-cert" : "--skip-ssl-verify-server-cert");
  } else {
    argv.push_back(std::string{"--ssl-mode="} + (verify ? "VERIFY_IDENTITY" : on ? "REQUIRED" : "DISABLED"));
    argv.push_back("--get-server-public-key");
  }
  if (on && !reach.ca.empty()) argv.push_back("--ssl-ca=" + reach.ca);
}

std::vector<std::string> begin(const Tool& tool, const Reach& reach) {
  std::vector<std::string> argv{tool.path, "--defaults-file=/dev/fd/3"};
  add_tls(tool, reach, argv);
  argv.push_back("--max-allowed-packet=1G");
  return argv;
}

}  // namespace

base::Result<Tools> find_tools(const std::string& folder, const topology::Version& version) {
  const auto where = folders(folder);
  const bool mariadb = version.flavour == Flavour::mariadb;
  std::vector<const char*> dumps{"mysqldump", "mariadb-dump"}, loads{"mysql", "mariadb"};
  if (mariadb) {
    std::swap(dumps.front(), dumps.back());
    std::swap(loads.front(), loads.back());
  }
  auto dump = find(where, dumps, true, version);
  if (!dump) return dump.error();
  auto load = find(where, loads, false, version);
  if (!load) return load.error();
  return Tools{std::move(*dump), std::move(*load)};
}

std::string options_file(const Reach& reach) {
  std::string out =
      "[client]\nuser=" + option_value(reach.login.user) + "\npassword=" + option_value(reach.login.password) + "\n";
  const topology::Address& at = reach.address;
  if (!at.path.empty()) return out + "protocol=socket\nsocket=" + option_value(at.path) + "\n";
  const std::string& host = reach.tls == server::Tls::verify ? at.certified_name() : at.host;
  return out + "protocol=tcp\nhost=" + option_value(host) + "\nport=" + std::to_string(at.port) + "\n";
}

std::vector<std::string> dump_command(const Tools& tools, const Reach& reach, const std::vector<std::string>& schemas) {
  auto argv = begin(tools.dump, reach);
  // The position is read by wye itself (copying.cc): in a way that works the same on all of them.
  argv.insert(argv.end(), {"--single-transaction", "--quick", "--skip-lock-tables", "--routines", "--triggers",
                           "--events", "--hex-blob", "--no-tablespaces", "--default-character-set=utf8mb4"});
  if (!tools.dump.mariadb) argv.push_back("--set-gtid-purged=OFF");
  argv.insert(argv.end(), {"--databases", "--"});
  argv.insert(argv.end(), schemas.begin(), schemas.end());
  return argv;
}

std::vector<std::string> load_command(const Tools& tools, const Reach& reach) {
  auto argv = begin(tools.load, reach);
  argv.insert(argv.end(), {"--batch", "--binary-mode", "--default-character-set=utf8mb4",
                           "--init-command=SET SESSION sql_log_bin = 0"});
  return argv;
}

}  // namespace wye::manager
