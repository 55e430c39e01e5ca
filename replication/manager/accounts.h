#pragma once
#include <string>
#include <vector>

#include "proxy/base/result.h"
#include "replication/server/connection.h"

namespace wye::manager {

/// Makes on `target` the accounts and roles that it has not and `donor` has, with their rights. Neither writes its
/// binary log. What one of them refuses is told in the answer; an error: a connection was lost.
/// REQUIRES: observe() has succeeded on both.
base::Result<std::vector<std::string>> copy_accounts(server::Connection& donor, server::Connection& target);

/// Takes away what copy_accounts() has made: all but `had`. Some of them may lack their rights, if wye was killed.
base::Status forget_accounts(server::Connection& target, const std::vector<std::string>& had);

}  // namespace wye::manager
