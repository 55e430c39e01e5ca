#pragma once
#include <iosfwd>
#include <string>
#include <vector>

namespace wye::cli {

/// `wye admin [-S SOCKET] [-e STATEMENT]... [--json]`
struct AdminOptions {
  std::string socket = "/run/wye/admin.sock";
  std::vector<std::string> statements;  // none: read from `in`, one a line, with a prompt if it is a terminal
  bool json = false;
  bool prompt = false;
};

/// Runs the statements; answers go to `out`, mistakes to `err`. 0: all done, 1: a statement or the connection failed.
/// With statements given, and when `in` is no terminal, the first failure ends it.
int run_admin(const AdminOptions& options, std::istream& in, std::ostream& out, std::ostream& err);

}  // namespace wye::cli
