#include "proxy/cli/server_check.h"

#include "proxy/cli/answer_text.h"
#include "replication/server/observe.h"

namespace wye::cli {
namespace {

std::string quoted(const std::string& s) {
  std::string out = "'";
  for (const char c : s) {
    if (c == '\'' || c == '\\') out += c;
    out += c;
  }
  return out + "'";
}

static_assert(static_cast<int>(server::Tls::verify) == static_cast<int>(config::Tls::verify));
server::ConnectOptions options_of(const config::Config& c) {
  server::ConnectOptions o;
  o.connect_timeout = c.backend.connect_timeout;
  o.tls = static_cast<server::Tls>(c.backend.tls);
  o.ca = c.backend.ca;
  return o;
}

std::string cell(const std::vector<server::Table>& tables, std::size_t column) {
  if (tables.empty() || tables[0].rows.empty() || column >= tables[0].rows[0].size()) return {};
  return tables[0].rows[0][column].value_or("");
}

std::string shown(const base::Error& e) { return std::to_string(e.code) + " " + printable(e.message); }

/// Why there is no connection, and what may help.
void refused(ServerCheck& check, const base::Error& e, const config::Login& monitor) {
  check.problems.push_back(shown(e));
  if (e.code == 1045) {
    check.sql.push_back("CREATE USER " + quoted(monitor.user) + "@'%' IDENTIFIED BY '<the monitor''s password>';");
  }
}

bool denied(const base::Error& e) {
  return e.code == 1044 || e.code == 1142 || e.code == 1143 || e.code == 1227 || e.code == 1370;
}

std::string describe(const topology::Observation& o) {
  std::string out =
      std::string{o.version.flavour == topology::Flavour::mariadb ? "MariaDB " : "MySQL "} + printable(o.version.text);
  out += o.channels.empty()
             ? ", no replica"
             : ", replica of " + printable(o.channels[0].source_host) + ":" + std::to_string(o.channels[0].source_port);
  return out + (o.read_only ? ", read only" : ", writable");
}

void check_observation(ServerCheck& check, server::Connection& connection, topology::Flavour flavour,
                       const std::string& account) {
  const auto seen = server::observe(connection);
  if (seen) {
    check.summary = describe(*seen);
    if (!seen->gtids) check.problems.push_back("has no GTIDs (gtid_mode is not ON): reads can't be consistent");
    return;
  }
  check.problems.push_back("can't be watched: " + shown(seen.error()));
  if (denied(seen.error())) {
    for (auto& s : missing_grant(flavour, account, "watch")) check.sql.push_back(std::move(s));
  }
}

/// Logins with mysql_native_password are verified with the hash in mysql.user.
void check_accounts(ServerCheck& check, server::Connection& connection, topology::Flavour flavour,
                    const std::string& account) {
  const auto rows = connection.query("SELECT plugin, authentication_string FROM mysql.user WHERE user = '' AND 1 = 0");
  if (rows) return;
  check.problems.push_back("accounts can't be read: " + shown(rows.error()));
  if (denied(rows.error())) {
    for (auto& s : missing_grant(flavour, account, "accounts")) check.sql.push_back(std::move(s));
  }
}

/// Of what the routing needs only where there is such a thing. A right that comes by a role is not seen here.
void check_catalog(ServerCheck& check, server::Connection& connection, const topology::Version& version,
                   const std::string& account) {
  const auto global = [&](const char* rights) {
    const auto rows = connection.query(
        std::string{"SELECT COUNT(*) FROM information_schema.USER_PRIVILEGES WHERE PRIVILEGE_TYPE IN ("} + rights +
        ")");
    return !rows || cell(*rows, 0) != "0";
  };
  if (!global("'SELECT', 'SHOW_ROUTINE'") && !connection.query("SELECT 1 FROM mysql.proc LIMIT 0")) {
    check.notes.push_back("stored routines that only read run on the primary: their bodies can't be seen");
    check.sql.push_back(routines_grant(version, account));
  }
  if (!global("'TRIGGER'")) {
    check.notes.push_back("user variables that triggers set are not carried over: their bodies can't be seen");
    check.sql.push_back("GRANT TRIGGER ON *.* TO " + account + ";");
  }
  if (version.flavour != topology::Flavour::mariadb) return;
  if (const auto rows = connection.query("SHOW MASTER STATUS"); !rows && denied(rows.error())) {
    check.notes.push_back(
        "with semi-synchronous replication (AFTER_SYNC) a read on the primary may miss what its session saw on a "
        "replica: where the binary log ends can't be seen");
    check.sql.push_back("GRANT BINLOG MONITOR ON *.* TO " + account + ";");
  }
}

}  // namespace

std::string routines_grant(const topology::Version& version, const std::string& account) {
  const bool by_name = version.flavour == topology::Flavour::mysql && version.number >= 80020;
  return (by_name ? "GRANT SHOW_ROUTINE ON *.* TO " : "GRANT SELECT ON mysql.proc TO ") + account + ";";
}

std::string quoted_account(const std::string& current_user) {
  const std::size_t at = current_user.rfind('@');
  if (at == std::string::npos) return quoted(current_user) + "@'%'";
  return quoted(current_user.substr(0, at)) + "@" + quoted(current_user.substr(at + 1));
}

std::vector<std::string> missing_grant(topology::Flavour flavour, const std::string& account, const std::string& what) {
  if (what == "accounts") return {"GRANT SELECT ON mysql.user TO " + account + ";"};
  return {flavour == topology::Flavour::mariadb ? "GRANT REPLICA MONITOR ON *.* TO " + account + ";"
                                                : "GRANT REPLICATION CLIENT ON *.* TO " + account + ";"};
}

ServerCheck check_server(const config::Config& c, const config::ServerEntry& server) {
  const server::LibraryThread library;
  ServerCheck check;
  const auto address = topology::parse_address(server.address);
  if (!address) {
    check.problems.push_back(address.error().message);
    return check;
  }
  server::Connection connection;
  if (auto s = connection.connect(*address, {c.monitor.user, c.monitor.password}, options_of(c)); !s) {
    refused(check, s.error(), c.monitor);
    return check;
  }
  const auto who = connection.query("SELECT VERSION(), CURRENT_USER()");
  if (!who) {
    check.problems.push_back(shown(who.error()));
    return check;
  }
  const auto version = topology::parse_version(cell(*who, 0));
  const auto flavour = version.flavour;
  const std::string account = printable(quoted_account(cell(*who, 1)));
  check_observation(check, connection, flavour, account);
  if (connection.connected()) check_accounts(check, connection, flavour, account);
  if (connection.connected()) check_catalog(check, connection, version, account);
  return check;
}

}  // namespace wye::cli
