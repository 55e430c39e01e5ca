#include "proxy/routing/route.h"

namespace wye::routing {

const char* name(Reason reason) {
  switch (reason) {
    case Reason::replica_read:
      return "replica_read";
    case Reason::read_only_transaction:
      return "read_only_transaction";
    case Reason::hint_replica:
      return "hint_replica";
    case Reason::hint_primary:
      return "hint_primary";
    case Reason::hint_server:
      return "hint_server";
    case Reason::rule_primary:
      return "rule_primary";
    case Reason::rule_replica:
      return "rule_replica";
    case Reason::rule_server:
      return "rule_server";
    case Reason::rule_reject:
      return "rule_reject";
    case Reason::write:
      return "write";
    case Reason::ddl:
      return "ddl";
    case Reason::call:
      return "call";
    case Reason::unknown_statement:
      return "unknown_statement";
    case Reason::several_statements:
      return "several_statements";
    case Reason::locking_read:
      return "locking_read";
    case Reason::into_clause:
      return "into_clause";
    case Reason::user_variable:
      return "user_variable";
    case Reason::server_function:
      return "server_function";
    case Reason::unknown_function:
      return "unknown_function";
    case Reason::known_writer:
      return "known_writer";
    case Reason::server_variable:
      return "server_variable";
    case Reason::server_state:
      return "server_state";
    case Reason::system_schema:
      return "system_schema";
    case Reason::previous_statement_value:
      return "previous_statement_value";
    case Reason::set_statement:
      return "set_statement";
    case Reason::use_schema:
      return "use_schema";
    case Reason::text_prepare:
      return "text_prepare";
    case Reason::too_long_to_classify:
      return "too_long_to_classify";
    case Reason::unterminated:
      return "unterminated";
    case Reason::empty_statement:
      return "empty_statement";
    case Reason::transaction:
      return "transaction";
    case Reason::autocommit_off:
      return "autocommit_off";
    case Reason::serializable:
      return "serializable";
    case Reason::pinned:
      return "pinned";
    case Reason::no_replica:
      return "no_replica";
    case Reason::replicas_lagging:
      return "replicas_lagging";
    case Reason::replicas_behind:
      return "replicas_behind";
    case Reason::wait_timeout:
      return "wait_timeout";
    case Reason::replicas_offline:
      return "replicas_offline";
    case Reason::replicas_differ:
      return "replicas_differ";
    case Reason::reads_always_primary:
      return "reads_always_primary";
    case Reason::last:
      break;
  }
  return "unknown_statement";
}

const char* name(Rejected rejected) {
  switch (rejected) {
    case Rejected::none:
      return "none";
    case Rejected::is_primary:
      return "is_primary";
    case Rejected::offline:
      return "offline";
    case Rejected::unknown_role:
      return "unknown_role";
    case Rejected::not_replicating:
      return "not_replicating";
    case Rejected::lag_unknown:
      return "lag_unknown";
    case Rejected::lagging:
      return "lagging";
    case Rejected::stale_observation:
      return "stale_observation";
    case Rejected::behind:
      return "behind";
    case Rejected::draining:
      return "draining";
    case Rejected::settings_differ:
      return "settings_differ";
    case Rejected::not_chosen:
      return "not_chosen";
  }
  return "unknown_role";
}

Reason reason_of(sql::Why why) {
  switch (why) {
    case sql::Why::plain_read:
      return Reason::replica_read;
    case sql::Why::empty_statement:
      return Reason::empty_statement;
    case sql::Why::write:
      return Reason::write;
    case sql::Why::ddl:
      return Reason::ddl;
    case sql::Why::call:
      return Reason::call;
    case sql::Why::unknown_statement:
      return Reason::unknown_statement;
    case sql::Why::several_statements:
      return Reason::several_statements;
    case sql::Why::locking_read:
      return Reason::locking_read;
    case sql::Why::into_clause:
      return Reason::into_clause;
    case sql::Why::user_variable:
      return Reason::user_variable;
    case sql::Why::server_function:
      return Reason::server_function;
    case sql::Why::unknown_function:
      return Reason::unknown_function;
    case sql::Why::known_writer:
      return Reason::known_writer;
    case sql::Why::server_variable:
      return Reason::server_variable;
    case sql::Why::system_schema:
      return Reason::system_schema;
    case sql::Why::previous_statement_value:
      return Reason::previous_statement_value;
    case sql::Why::transaction_control:
      return Reason::transaction;
    case sql::Why::set_statement:
      return Reason::set_statement;
    case sql::Why::use_schema:
      return Reason::use_schema;
    case sql::Why::text_prepare:
      return Reason::text_prepare;
    case sql::Why::unterminated:
      return Reason::unterminated;
    case sql::Why::temporary_table:
      return Reason::write;
    case sql::Why::table_lock:
    case sql::Why::xa:
    case sql::Why::session_pin_statement:
    case sql::Why::server_state:
    case sql::Why::show_server:
    case sql::Why::route_explain:
      return Reason::server_state;
  }
  return Reason::unknown_statement;
}

}  // namespace wye::routing
