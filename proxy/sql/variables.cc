#include "proxy/sql/variables.h"

#include <array>

#include "proxy/sql/ascii.h"

namespace wye::sql {
namespace {

struct Entry {
  std::string_view name;
};

constexpr auto session_variables = std::to_array<Entry>({
#define SESSION_VARIABLE(name) {#name},
#include "proxy/sql/session_variables.def"
#undef SESSION_VARIABLE
});
constexpr NameIndex<session_variables.size(), 1024> session_by_name{session_variables};

// routing.md 4: "by the classifier; they pin". Their value moves by itself, is used up by the next statement, or says
// who writes to the binary log.
constexpr auto sticky_variables = std::to_array<Entry>({
    {"timestamp"},
    {"insert_id"},
    {"last_insert_id"},
    {"identity"},
    {"rand_seed1"},
    {"rand_seed2"},
    {"gtid_next"},
    {"gtid_seq_no"},
    {"gtid_domain_id"},
    {"server_id"},
    {"sql_log_bin"},
    {"skip_replication"},
    {"sql_log_off"},
    {"binlog_format"},
    {"default_master_connection"},
    {"wsrep_on"},
    {"skip_parallel_replication"},
    {"immediate_server_version"},
    {"original_server_version"},
    {"original_commit_timestamp"},
    {"system_versioning_insert_history"},
    {"profiling"},
    {"debug"},
    {"debug_dbug"},
    {"debug_sync"},
    {"optimizer_trace"},
});
constexpr NameIndex<sticky_variables.size(), 64> sticky_by_name{sticky_variables};

}  // namespace

ReadVariable read_variable(std::string_view name) {
  if (same(name, "last_insert_id") || same(name, "identity")) return ReadVariable::last_insert_id;
  if (same(name, "warning_count") || same(name, "error_count")) return ReadVariable::previous_result;
  if (same(name, "pseudo_thread_id")) return ReadVariable::connection_id;
  if (same(name, "transaction_read_only") || same(name, "tx_read_only") || starts_with(name, "session_track_")) {
    return ReadVariable::proxied;
  }
  // MySQL's COM_RESET_CONNECTION forgets what the schema's are, and keeps the schema.
  if (same(name, "character_set_database") || same(name, "collation_database")) return ReadVariable::proxied;
  const bool known = session_by_name.find(session_variables, name) != session_variables.size();
  return known ? ReadVariable::session : ReadVariable::server;
}

SetVariable set_variable(std::string_view name) {
  if (same(name, "autocommit")) return SetVariable::autocommit;
  if (same(name, "transaction_isolation") || same(name, "tx_isolation")) return SetVariable::isolation;
  if (same(name, "transaction_read_only") || same(name, "tx_read_only")) return SetVariable::read_only;
  if (starts_with(name, "pseudo_")) return SetVariable::sticky;
  const bool sticky = sticky_by_name.find(sticky_variables, name) != sticky_variables.size();
  return sticky ? SetVariable::sticky : SetVariable::ordinary;
}

bool is_session_variable(std::string_view name) {
  return read_variable(name) != ReadVariable::server || set_variable(name) != SetVariable::ordinary;
}

}  // namespace wye::sql
