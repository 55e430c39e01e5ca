#pragma once
#include "proxy/base/clock.h"
#include "proxy/base/result.h"
#include "replication/server/connection.h"
#include "replication/topology/survey.h"

namespace wye::server {

/// Asks what changes seldom; ten or so small statements. `with_data`: also which schemas there are and what is in them.
/// What the account may not read is named in the answer, and no error; errors are those of the connection.
/// REQUIRES: observe() has succeeded on this connection (it knows the version).
base::Result<topology::Survey> survey(Connection& connection, bool with_data, base::TimePoint now);

/// Schemas that every server has.
bool is_system_schema(std::string_view name);
/// Accounts that every server has: mysql.sys, mariadb.sys, ...
bool is_system_account(std::string_view user);
/// As Survey::accounts has it: 'user'@'host', to compare, not to be SQL.
std::string account_name(const std::string& user, const std::string& host);

/// SHOW GRANTS says that the account may read everything; pure, for tests.
bool reads_everything(const std::vector<std::string>& grants);

}  // namespace wye::server
