#pragma once
#include <string>
#include <vector>

#include "proxy/base/result.h"
#include "replication/server/connection.h"

namespace wye::manager {

/// One of the flavours' command-line programs.
struct Tool {
  std::string path;
  bool mariadb = false;  // whose options it takes
};
struct Tools {
  Tool dump, load;
};

/// mysqldump and mysql, or mariadb-dump and mariadb, for servers of this version. `folder`: empty means those in PATH.
/// An error says which is missing. Starts each with --version.
base::Result<Tools> find_tools(const std::string& folder, const topology::Version& version);

/// How a tool reaches a server.
struct Reach {
  topology::Address address;
  server::Login login;
  server::Tls tls = server::Tls::preferred;
  std::string ca;
  bool encrypted = false;  // wye's own connection is
  topology::Version version;
};
/// The options file that a tool reads from /dev/fd/3: the only place where it gets the password.
std::string options_file(const Reach& reach);
std::vector<std::string> dump_command(const Tools& tools, const Reach& reach, const std::vector<std::string>& schemas);
std::vector<std::string> load_command(const Tools& tools, const Reach& reach);

}  // namespace wye::manager
