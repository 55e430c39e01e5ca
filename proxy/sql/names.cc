#include "proxy/sql/facts.h"

namespace wye::sql {

const char* name(Kind kind) {
  switch (kind) {
    case Kind::empty:
      return "empty";
    case Kind::read:
      return "read";
    case Kind::write:
      return "write";
    case Kind::begin:
      return "begin";
    case Kind::commit:
      return "commit";
    case Kind::rollback:
      return "rollback";
    case Kind::savepoint:
      return "savepoint";
    case Kind::set:
      return "set";
    case Kind::use:
      return "use";
    case Kind::call:
      return "call";
    case Kind::unknown:
      return "unknown";
  }
  return "unknown";
}

const char* name(Why why) {
  switch (why) {
    case Why::plain_read:
      return "plain_read";
    case Why::empty_statement:
      return "empty_statement";
    case Why::write:
      return "write";
    case Why::ddl:
      return "ddl";
    case Why::call:
      return "call";
    case Why::unknown_statement:
      return "unknown_statement";
    case Why::several_statements:
      return "several_statements";
    case Why::locking_read:
      return "locking_read";
    case Why::into_clause:
      return "into_clause";
    case Why::user_variable:
      return "user_variable";
    case Why::server_function:
      return "server_function";
    case Why::unknown_function:
      return "unknown_function";
    case Why::known_writer:
      return "known_writer";
    case Why::server_variable:
      return "server_variable";
    case Why::server_state:
      return "server_state";
    case Why::system_schema:
      return "system_schema";
    case Why::previous_statement_value:
      return "previous_statement_value";
    case Why::transaction_control:
      return "transaction_control";
    case Why::set_statement:
      return "set_statement";
    case Why::use_schema:
      return "use_schema";
    case Why::temporary_table:
      return "temporary_table";
    case Why::table_lock:
      return "table_lock";
    case Why::xa:
      return "xa";
    case Why::text_prepare:
      return "text_prepare";
    case Why::session_pin_statement:
      return "session_pin_statement";
    case Why::unterminated:
      return "unterminated";
    case Why::show_server:
      return "show_server";
    case Why::route_explain:
      return "route_explain";
  }
  return "unknown_statement";
}

const char* name(Effect effect) {
  switch (effect) {
    case fx_none:
      return "none";
    case fx_user_variable:
      return "user_variable";
    case fx_temporary_table:
      return "temporary_table";
    case fx_lock_tables:
      return "lock_tables";
    case fx_unlock_tables:
      return "unlock_tables";
    case fx_user_lock:
      return "user_lock";
    case fx_xa:
      return "xa";
    case fx_handler:
      return "handler";
    case fx_text_prepare:
      return "text_prepare";
    case fx_sticky_setting:
      return "sticky_setting";
    case fx_next_transaction:
      return "next_transaction";
    case fx_read_only_transaction:
      return "read_only_transaction";
    case fx_consistent_snapshot:
      return "consistent_snapshot";
    case fx_serializable:
      return "serializable";
    case fx_last_insert_id:
      return "last_insert_id";
    case fx_previous_result:
      return "previous_result";
    case fx_may_commit_unreported:
      return "may_commit_unreported";
    case fx_autocommit:
      return "autocommit";
    case fx_connection_id:
      return "connection_id";
    case fx_stored_function:
      return "stored_function";
    case fx_mentions_table:
      return "mentions_table";
    case fx_set_session:
      return "set_session";
    case fx_kill:
      return "kill";
    case fx_explain_route:
      return "explain_route";
    case fx_shutdown_or_unseen:
      return "shutdown_or_unseen";
    case fx_read_write_transaction:
      return "read_write_transaction";
    case fx_calc_found_rows:
      return "calc_found_rows";
    case fx_system_schema:
      return "system_schema";
    case fx_unreported_setting:
      return "unreported_setting";
    case fx_sequence:
      return "sequence";
    case fx_session_track:
      return "session_track";
  }
  return "none";
}

}  // namespace wye::sql
