#pragma once
#include <re2/re2.h>

namespace wye::config {

/// How rules read RE2 expressions: letters in either case and `.` over line ends, for SQL knows no difference there;
/// byte by byte, for a statement may be in any charset. (?-i) and (?-s) in the expression turn that off.
inline RE2::Options regex_options() {
  RE2::Options options{RE2::Latin1};
  options.set_case_sensitive(false);
  options.set_dot_nl(true);
  options.set_log_errors(false);
  return options;
}

}  // namespace wye::config
