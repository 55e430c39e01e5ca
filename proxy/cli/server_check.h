#pragma once
#include <string>
#include <vector>

#include "proxy/config/config.h"
#include "replication/server/connection.h"

namespace wye::cli {

/// What `wye check --connect` found on one server.
struct ServerCheck {
  std::string summary;  // "MySQL 9.7.4, primary (writable)"; empty if it could not be asked
  std::vector<std::string> problems;
  std::vector<std::string> notes;  // what works less well than it could; no failure
  std::vector<std::string> sql;    // to paste on the primary, in order
};

/// Blocks up to a few of the configuration's connect time-outs.
ServerCheck check_server(const config::Config& c, const config::ServerEntry& server);

/// 'name'@'host' as SQL, of CURRENT_USER()'s "name@host".
std::string quoted_account(const std::string& current_user);
/// What the monitor needs on a server of this flavour, for what the server refused with `code`: the statements to
/// paste.
std::vector<std::string> missing_grant(topology::Flavour flavour, const std::string& account, const std::string& what);
/// What lets it see stored routines' bodies.
std::string routines_grant(const topology::Version& version, const std::string& account);

}  // namespace wye::cli
