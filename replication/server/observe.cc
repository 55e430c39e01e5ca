#include "replication/server/observe.h"

#include <strings.h>

#include <charconv>
#include <limits>

#include "replication/plan/dialect.h"
#include "replication/topology/binlog_state.h"

namespace wye::server {
namespace {

using topology::Flavour;
using topology::GtidSet;
using topology::Observation;
using Row = std::optional<std::string>;

// What the versions can do, as numbers: as text "26.7.0" is less than "8.4".
constexpr std::uint32_t mysql_gtids = 50'605;
constexpr std::uint32_t mysql_super_read_only = 50'708;
constexpr std::uint32_t mysql_worker_errors = 50'702;  // performance_schema.replication_applier_status_by_worker
constexpr std::uint32_t mariadb_least = 100'600;

// Semi-sync and what an operator can rename while the server runs. SHOW GLOBAL STATUS adds up all connections'
// counters, so not at each tick.
constexpr base::seconds slow_interval{5};

std::string text(const Row* value) { return value != nullptr && *value ? **value : std::string{}; }

template <class Number>
Number number(const Row* value) {
  Number out = 0;
  if (value == nullptr || !*value) return out;
  const std::string& s = **value;
  const auto [end, error] = std::from_chars(s.data(), s.data() + s.size(), out);
  return error == std::errc{} && end == s.data() + s.size() ? out : Number{0};
}

bool equals(const std::string& a, const char* b) { return strcasecmp(a.c_str(), b) == 0; }
bool is_yes(const Row* value) { return equals(text(value), "Yes"); }
// Switches are 0/1 or OFF/ON; MariaDB 12 has more levels of read_only, all of which keep writes out.
bool is_on(const Row* value) {
  const std::string s = text(value);
  return !s.empty() && s != "0" && !equals(s, "OFF") && !equals(s, "NO");
}

base::Error wrong_answer(const char* what) {
  return base::Error{1105, "HY000", std::string{"the server's answer is not understood: "} + what};
}

bool is_mariadb(const topology::Version& version) { return version.flavour == Flavour::mariadb; }

/// gtid_executed runs ahead of the commit: see settle().
bool commits_late(const topology::Version& version) {
  return version.flavour == Flavour::mysql && version.number < 50'706;
}

/// The applier has nothing half done: what it wrote to the binary log before is committed.
bool applier_rests(const Table& status) {
  for (std::size_t row = 0; row < status.rows.size(); ++row) {
    const std::string state = text(status.find(row, {"Slave_SQL_Running_State"}));
    if (is_yes(status.find(row, {"Slave_SQL_Running"})) && !state.starts_with("Slave has read all relay log") &&
        !state.starts_with("Waiting until MASTER_DELAY"))
      return false;
  }
  return true;
}

base::Status read_identity(Connection& connection, Connection::Memo& memo) {
  auto first = connection.query("SELECT @@version AS version, @@version_comment AS comment");
  if (!first) return first.error();
  if (first->empty() || first->front().rows.empty()) return wrong_answer("@@version");
  const Table& table = first->front();
  memo.version = topology::parse_version(text(table.find(0, {"version"})));
  // The version's text can be set by configuration and need not say MariaDB.
  if (topology::parse_version(text(table.find(0, {"comment"}))).flavour == Flavour::mariadb)
    memo.version.flavour = Flavour::mariadb;
  const std::uint32_t least = is_mariadb(memo.version) ? mariadb_least : mysql_gtids;
  if (memo.version.number < least)
    return base::Error{1105, "HY000", "version " + memo.version.text + " is too old to be watched"};
  memo.known = true;
  return base::Ok{};
}

base::Status read_slow(Connection& connection, Connection::Memo& memo, base::TimePoint now) {
  std::string sql = "SELECT @@global.server_id AS id, @@hostname AS hostname, @@port AS port";
  sql += ", @@report_host AS report_host, @@report_port AS report_port";
  if (!is_mariadb(memo.version)) sql += ", @@server_uuid AS uuid, @@global.gtid_mode AS gtid_mode";
  if (commits_late(memo.version)) sql += ", @@global.slave_parallel_workers AS workers";
  sql += "; SHOW GLOBAL STATUS LIKE 'Rpl_semi_sync%'; SHOW GLOBAL VARIABLES LIKE 'rpl_semi_sync%'";
  auto answer = connection.query(sql);
  if (!answer) return answer.error();
  if (answer->size() != 3 || answer->front().rows.empty()) return wrong_answer("identity");
  const Table& identity = answer->front();
  memo.server_number = number<std::uint32_t>(identity.find(0, {"id"}));
  memo.uuid = text(identity.find(0, {"uuid"}));
  memo.hostname = text(identity.find(0, {"hostname"}));
  memo.report_host = text(identity.find(0, {"report_host"}));
  memo.port = number<std::uint16_t>(identity.find(0, {"port"}));
  memo.report_port = number<std::uint16_t>(identity.find(0, {"report_port"}));
  memo.gtids = is_mariadb(memo.version) || equals(text(identity.find(0, {"gtid_mode"})), "ON");
  memo.parallel_applier = number<std::uint32_t>(identity.find(0, {"workers"})) > 0;
  memo.has_semi_sync = false;
  for (std::size_t t = 1; t < 3; ++t) {
    const Table& table = (*answer)[t];
    for (std::size_t row = 0; row < table.rows.size(); ++row) {
      const std::string what = text(table.find(row, {"Variable_name"}));
      const Row* value = table.find(row, {"Value"});
      const auto either = [&what](const char* a, const char* b) { return equals(what, a) || equals(what, b); };
      memo.has_semi_sync = true;
      if (either("Rpl_semi_sync_source_status", "Rpl_semi_sync_master_status")) memo.semi_source_active = is_on(value);
      if (either("Rpl_semi_sync_replica_status", "Rpl_semi_sync_slave_status")) memo.semi_replica_active = is_on(value);
      if (either("Rpl_semi_sync_source_clients", "Rpl_semi_sync_master_clients"))
        memo.semi_clients = number<std::uint32_t>(value);
      if (either("rpl_semi_sync_source_enabled", "rpl_semi_sync_master_enabled"))
        memo.semi_source_enabled = is_on(value);
      if (either("rpl_semi_sync_replica_enabled", "rpl_semi_sync_slave_enabled"))
        memo.semi_replica_enabled = is_on(value);
      if (either("rpl_semi_sync_source_wait_point", "rpl_semi_sync_master_wait_point"))
        memo.semi_after_sync = equals(text(value), "AFTER_SYNC");
    }
  }
  memo.slow_at = now;
  return base::Ok{};
}

/// A variable that Defaults holds, and the versions that have it: from this one on, and before that one; 0: any.
struct DefaultVariable {
  const char* name;
  std::uint32_t mysql_from, mysql_before, mariadb_from, mariadb_before;
};
constexpr std::uint32_t never = 1;  // as `before`
constexpr DefaultVariable default_variables[] = {
    {"block_encryption_mode", 50'617, 0, 110'200, 0},
    {"cte_max_recursion_depth", 80'003, 0, 0, never},
    {"default_week_format", 0, 0, 0, 0},
    {"div_precision_increment", 0, 0, 0, 0},
    {"group_concat_max_len", 0, 0, 0, 0},
    {"lc_messages", 0, 0, 0, 0},
    {"lc_time_names", 0, 0, 0, 0},
    {"max_error_count", 0, 0, 0, 0},
    {"max_execution_time", 50'708, 0, 0, never},
    {"max_join_size", 0, 0, 0, 0},
    {"max_recursive_iterations", 0, never, 0, 0},
    {"max_sort_length", 0, 0, 0, 0},
    {"max_statement_time", 0, never, 0, 0},
    {"old_mode", 0, never, 0, 0},
    {"sql_auto_is_null", 0, 0, 0, 0},
    {"sql_big_selects", 0, 0, 0, 0},
    {"sql_mode", 0, 0, 0, 0},
    {"sql_notes", 0, 0, 0, 0},
    {"sql_quote_show_create", 0, 0, 0, 0},
    {"sql_select_limit", 0, 0, 0, 0},
    {"sql_warnings", 0, 0, 0, 0},
    {"time_zone", 0, 0, 0, 0},
    {"transaction_isolation", 50'720, 0, 110'101, 0},
    {"tx_isolation", 0, 50'720, 0, 110'101},
    {"windowing_use_high_precision", 80'002, 0, 0, never},
};

bool has(const topology::Version& version, const DefaultVariable& variable) {
  const bool mariadb = is_mariadb(version);
  const std::uint32_t from = mariadb ? variable.mariadb_from : variable.mysql_from;
  const std::uint32_t before = mariadb ? variable.mariadb_before : variable.mysql_before;
  return version.number >= from && (before == 0 || version.number < before);
}

void read_defaults(const Table& state, Connection::Memo& memo, Observation& seen) {
  seen.max_packet = number<std::uint64_t>(state.find(0, {"max_allowed_packet"}));
  topology::Defaults now;
  for (const DefaultVariable& variable : default_variables) {
    const Row* value = state.find(0, {variable.name});
    if (value != nullptr && *value) now.emplace(variable.name, **value);
  }
  if (memo.defaults == nullptr || *memo.defaults != now)
    memo.defaults = std::make_shared<const topology::Defaults>(std::move(now));
  seen.defaults = memo.defaults;
}

std::string tick_statement(const topology::Version& version) {
  std::string sql = "SELECT @@global.read_only AS read_only, @@global.max_allowed_packet AS max_allowed_packet";
  for (const DefaultVariable& variable : default_variables)
    if (has(version, variable)) sql += std::string{", @@global."} + variable.name + " AS " + variable.name;
  if (is_mariadb(version)) {
    // The position of the slave thread first: what it applies between the two reads must not be missing from `written`.
    sql +=
        ", @@global.gtid_slave_pos AS slave_pos, @@global.gtid_binlog_pos AS binlog_pos, @@global.gtid_binlog_state AS "
        "binlog_state";
  } else {
    sql += ", @@global.gtid_executed AS executed";
    if (version.number >= mysql_super_read_only) sql += ", @@global.super_read_only AS super_read_only";
  }
  return sql + "; " + replica_status_statement(version);
}

base::Result<std::shared_ptr<const GtidSet>> read_set(Flavour flavour, const Row* value) {
  auto set = GtidSet::parse(flavour, text(value));
  if (!set) return set.error();
  return std::make_shared<const GtidSet>(std::move(*set));
}

/// What a MariaDB replica has applied is gtid_slave_pos. A former primary that replicates with current_pos counts its
/// own transactions as well, as the server itself does when it asks for more; under slave_pos they don't count, because
/// a stray write on a replica would make it look further than it is.
std::shared_ptr<const GtidSet> mariadb_applied(std::shared_ptr<const GtidSet> slave_pos, const GtidSet& binlog_pos,
                                               std::uint32_t own, bool current_pos) {
  if (!current_pos) return slave_pos;
  GtidSet united = *slave_pos;
  for (const auto& [source, entry] : binlog_pos.entries())
    if (entry.server_id == own) united.add(topology::Gtid{source, entry.intervals.back().last, entry.server_id});
  return std::make_shared<const GtidSet>(std::move(united));
}

void copy_identity(const Connection::Memo& memo, Observation& seen) {
  seen.version = memo.version;
  seen.server_number = memo.server_number;
  seen.uuid = memo.uuid;
  seen.hostname = memo.hostname;
  seen.report_host = memo.report_host;
  seen.port = memo.port;
  seen.report_port = memo.report_port;
  seen.gtids = memo.gtids;
  if (memo.has_semi_sync)
    seen.semi_sync = topology::SemiSync{memo.semi_source_enabled,  memo.semi_source_active,  memo.semi_after_sync,
                                        memo.semi_replica_enabled, memo.semi_replica_active, memo.semi_clients};
}

/// The coordinator of parallel appliers names the transaction; which row is in its way only the worker says.
void read_worker_error(Connection& connection, Observation& seen) {
  const bool told = seen.version.flavour == Flavour::mysql && seen.version.number >= mysql_worker_errors;
  if (!told || seen.channels.size() != 1 || seen.channels.front().applier_errno == 0) return;
  auto answer = connection.query(
      "SELECT LAST_ERROR_MESSAGE AS message FROM performance_schema.replication_applier_status_by_worker WHERE "
      "LAST_ERROR_NUMBER <> 0 ORDER BY LAST_ERROR_TIMESTAMP DESC LIMIT 1");
  if (!answer || answer->empty() || answer->front().rows.empty()) return;  // the coordinator's words will do
  if (const std::string message = text(answer->front().find(0, {"message"})); !message.empty())
    seen.channels.front().applier_error = message;
}

}  // namespace

std::string replica_status_statement(const topology::Version& version) {
  return plan::Dialect{version}.text(plan::Phrase::show_replica_status);
}

base::Status read_channels(const Table& status, Flavour flavour, Observation& seen) {
  seen.channels.clear();
  for (std::size_t row = 0; row < status.rows.size(); ++row) {
    const Row* io = status.find(row, {"Replica_IO_Running", "Slave_IO_Running"});
    const Row* sql = status.find(row, {"Replica_SQL_Running", "Slave_SQL_Running"});
    if (io == nullptr || sql == nullptr) return wrong_answer("replica status without the state of its threads");
    topology::Channel channel;
    channel.name = text(status.find(row, {"Channel_Name", "Connection_name"}));
    channel.source_host = text(status.find(row, {"Source_Host", "Master_Host"}));
    channel.source_port = number<std::uint16_t>(status.find(row, {"Source_Port", "Master_Port"}));
    channel.source_server_number = number<std::uint32_t>(status.find(row, {"Source_Server_Id", "Master_Server_Id"}));
    channel.source_uuid = text(status.find(row, {"Source_UUID", "Master_UUID"}));
    channel.receiver_running = is_yes(io);
    channel.receiver_started = is_on(io);
    channel.applier_running = is_yes(sql);
    channel.uses_gtid = flavour == Flavour::mysql ? text(status.find(row, {"Auto_Position"})) == "1"
                                                  : is_on(status.find(row, {"Using_Gtid"}));
    channel.receiver_errno = number<unsigned>(status.find(row, {"Last_IO_Errno"}));
    channel.applier_errno = number<unsigned>(status.find(row, {"Last_SQL_Errno"}));
    channel.receiver_error = text(status.find(row, {"Last_IO_Error"}));
    channel.applier_error = text(status.find(row, {"Last_SQL_Error"}));
    channel.delay = base::seconds{number<std::uint32_t>(status.find(row, {"SQL_Delay"}))};
    seen.channels.push_back(std::move(channel));
  }
  return base::Ok{};
}

base::Status read_sets(const Table& state, const Table& status, Observation& seen) {
  const Flavour flavour = seen.version.flavour;
  if (flavour == Flavour::mysql) {
    auto executed = read_set(flavour, state.find(0, {"executed"}));
    if (!executed) return executed.error();
    seen.executed = seen.written = *executed;
  } else {
    auto slave_pos = read_set(flavour, state.find(0, {"slave_pos"}));
    if (!slave_pos) return slave_pos.error();
    auto binlog_pos = read_set(flavour, state.find(0, {"binlog_pos"}));
    if (!binlog_pos) return binlog_pos.error();
    bool current_pos = false;
    for (std::size_t row = 0; row < status.rows.size(); ++row)
      current_pos = current_pos || equals(text(status.find(row, {"Using_Gtid"})), "Current_Pos");
    auto authored = topology::parse_binlog_state(text(state.find(0, {"binlog_state"})));
    if (!authored) return authored.error();
    seen.authored = std::make_shared<const GtidSet>(std::move(*authored));
    seen.slave_pos = *slave_pos;
    seen.written = *binlog_pos;
    seen.executed = seen.channels.empty() ? *binlog_pos
                                          : mariadb_applied(*slave_pos, **binlog_pos, seen.server_number, current_pos);
  }
  GtidSet received = *seen.executed;
  for (std::size_t row = 0; row < status.rows.size(); ++row) {
    auto set = GtidSet::parse(flavour, text(status.find(row, {"Retrieved_Gtid_Set", "Gtid_IO_Pos"})));
    if (!set) return set.error();
    received.add(*set);
  }
  seen.received = std::make_shared<const GtidSet>(std::move(received));
  return base::Ok{};
}

void settle(const Table& status, Connection::Memo& memo, Observation& seen) {
  if (!commits_late(seen.version) || seen.channels.empty()) return;
  const auto now = seen.executed;
  if (memo.parallel_applier) {
    // Workers rest when they like. What an interval ago was in the binary log is taken for committed.
    memo.settled = memo.last_executed;
  } else if (applier_rests(status)) {
    memo.settled = now;
  } else if (memo.last_executed != nullptr && !(*now == *memo.last_executed)) {
    memo.settled = memo.last_executed;  // it commits one before it begins the next
  }
  memo.last_executed = now;
  seen.executed = memo.settled != nullptr ? memo.settled : std::make_shared<const GtidSet>();
}

base::Result<Observation> observe(Connection& connection, const Clock& clock) {
  Connection::Memo& memo = connection.memo();
  if (!memo.known) {
    if (auto done = read_identity(connection, memo); !done) return done.error();
  }
  const base::TimePoint now = clock();
  if (memo.slow_at == base::TimePoint{} || now - memo.slow_at >= slow_interval) {
    if (auto done = read_slow(connection, memo, now); !done) return done.error();
  }
  Observation seen;
  copy_identity(memo, seen);
  const std::string sql = tick_statement(memo.version);
  seen.began = clock();
  auto answer = connection.query(sql);
  seen.ended = clock();
  if (!answer) return answer.error();
  if (answer->size() != 2 || answer->front().rows.size() != 1) return wrong_answer("replication state");
  const Table& state = (*answer)[0];
  const Table& status = (*answer)[1];
  seen.read_only = is_on(state.find(0, {"read_only"}));
  seen.super_read_only = is_on(state.find(0, {"super_read_only"}));
  read_defaults(state, memo, seen);
  if (auto done = read_channels(status, seen.version.flavour, seen); !done) return done.error();
  if (auto done = read_sets(state, status, seen); !done) return done.error();
  settle(status, memo, seen);
  read_worker_error(connection, seen);
  return seen;
}

}  // namespace wye::server
