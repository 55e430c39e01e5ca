#pragma once
#include <cstdint>
#include <iosfwd>
#include <memory>
#include <string>

#include "proxy/routing/rules.h"
#include "proxy/sql/facts.h"

namespace wye::cli {

/// `wye explain`: what the classifier and the router make of statements, without a server (interfaces.md 2).
struct ExplainOptions {
  std::string sql;       // "-": statements from `in`, one a line, \n \t and \\ escaped
  bool json = false;     // one object a statement, one a line
  sql::Dialect dialect;  // flavour, version, sql_mode
  std::shared_ptr<const routing::Rules> rules;
  std::string user, schema, client;  // of the session, for rules
  routing::Options routing;          // consistency, max_lag, reads_on_primary, lenient_hints
};

/// Where a statement goes in a fresh session on one healthy primary and one healthy replica.
/// `session` is a statement that only changes the session, or ends what the session began: SET of what is no global
/// variable, USE, COMMIT, ROLLBACK, SAVEPOINT, RELEASE SAVEPOINT, and an empty one: wye sends it where the session is.
enum class ExplainedRoute : std::uint8_t { primary, replica, session, none };
const char* name(ExplainedRoute);

/// Writes the answers to `out`, complaints to `err`. Returns the exit code: 0, or 1 if `out` failed.
/// A statement that wye would refuse (a wrong hint) has the route `none` and an error, and is no failure.
int run_explain(const ExplainOptions&, std::istream& in, std::ostream& out, std::ostream& err);

}  // namespace wye::cli
