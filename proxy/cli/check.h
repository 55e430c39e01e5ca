#pragma once
#include <iosfwd>
#include <string>

namespace wye::cli {

/// `wye check -c FILE [--connect]`: prints every mistake and warning as `file:line:col: text`, then "ok".
/// With `connect`, and if the file is fine, tries the monitor's account on each server (all at the same time, so a
/// silent server costs its time-out once) and prints what is missing as SQL to paste. 0: ok, 1: a server refused, 2:
/// mistakes.
int run_check(const std::string& path, bool connect, std::ostream& out);

}  // namespace wye::cli
