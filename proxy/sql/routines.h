#pragma once
#include <string_view>
#include <vector>

#include "proxy/sql/facts.h"

namespace wye::sql {

/// What is known of stored functions and procedures: asked while a text is classified.
class Routines {
 public:
  virtual ~Routines() = default;
  /// May it run on a replica, and leave nothing in the session? Names without their quotes; no schema: the session's.
  virtual bool only_reads(bool procedure, std::string_view schema, std::string_view name) const = 0;
};

/// A routine that another one calls. Views into that one's text.
struct CalledRoutine {
  bool procedure = false;
  std::string_view schema, name;  // no schema: that of the routine
};

/// Does the body of a routine nothing but read tables and handle its own variables? Then it may run on a replica, if
/// what it calls may. What it would leave in the session (variables, locks, prepared statements), what belongs to one
/// server, and what can't be placed: false. The user's declaration (READS SQL DATA) says nothing of those.
bool body_only_reads(std::string_view body, const Dialect& dialect, std::vector<CalledRoutine>& calls);

/// Does the text call a routine of a schema other than `schema`, by its name? Servers go to that schema and come back,
/// which makes @@collation_database what USE would (tried on MySQL 9.7.4 and MariaDB 10.11.19). REQUIRES: it calls
/// some.
bool calls_in_another_schema(std::string_view text, const Dialect& dialect, std::string_view schema);

}  // namespace wye::sql
