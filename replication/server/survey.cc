#include "replication/server/survey.h"

#include <strings.h>

#include <algorithm>
#include <charconv>
#include <map>

#include "replication/plan/dialect.h"

namespace wye::server {
namespace {

using topology::Flavour;
using topology::Survey;

constexpr std::uint32_t mysql_dynamic_privileges = 80'000;
constexpr std::uint32_t mysql_global_filters = 80'000;      // performance_schema.replication_applier_global_filters
constexpr std::uint32_t mariadb_super_is_fenced = 101'100;  // only READ_ONLY ADMIN writes on (tried on 10.11)
constexpr const char* system_schemas[] = {"mysql", "information_schema", "performance_schema", "sys", "ndbinfo"};
/// Else MariaDB opens the views of `sys` for their sizes, and 10.11 has crashed there (SIGSEGV in free_tmp_table).
constexpr const char* users_only =
    "TABLE_SCHEMA NOT IN ('mysql', 'information_schema', 'performance_schema', 'sys', 'ndbinfo')";
constexpr const char* variables =
    "'log_bin', 'log_slave_updates', 'log_replica_updates', 'gtid_mode', 'enforce_gtid_consistency', "
    "'gtid_strict_mode', 'event_scheduler', 'general_log', 'binlog_format', 'binlog_row_image', 'sync_relay_log', "
    "'log_bin_trust_function_creators', 'gtid_purged', 'replicate_do_db', 'replicate_ignore_db', 'replicate_do_table', "
    "'replicate_ignore_table', 'replicate_wild_do_table', 'replicate_wild_ignore_table', "
    "'rpl_semi_sync_master_wait_point', "
    "'rpl_semi_sync_source_wait_point', 'rpl_semi_sync_master_timeout', 'rpl_semi_sync_source_timeout', 'datadir'";

std::string cell(const Table& table, std::size_t row, std::initializer_list<std::string_view> names) {
  const auto* value = table.find(row, names);
  return value != nullptr && *value ? **value : std::string{};
}

std::optional<std::uint64_t> number(const std::string& text) {
  std::uint64_t out = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return out;
}

bool is_on(const std::string& value) { return strcasecmp(value.c_str(), "ON") == 0 || value == "1"; }

/// One survey under way. A statement that the server refuses leaves a note; one that loses the connection ends it.
class Asking {
 public:
  Asking(Connection& connection, Survey& out) : connection_{connection}, out_{out} {}

  /// Null: the server refused; the note says so, unless `optional`.
  const Table* ask(const std::string& sql, const char* what, bool optional = false) {
    if (lost_) return nullptr;
    auto answer = connection_.query(sql);
    if (answer && !answer->empty()) {
      table_ = std::move(answer->front());
      return &table_;
    }
    if (answer) return nullptr;
    if (is_unreachable(answer.error())) {
      lost_ = answer.error();
    } else if (!optional) {
      out_.unreadable.push_back(std::string{what} + ": " + std::to_string(answer.error().code) + " " +
                                answer.error().message);
    }
    return nullptr;
  }
  const std::optional<base::Error>& lost() const { return lost_; }

 private:
  Connection& connection_;
  Survey& out_;
  Table table_;
  std::optional<base::Error> lost_;
};

class Values {
 public:
  void read(const Table& table) {
    for (std::size_t row = 0; row < table.rows.size(); ++row)
      values_[cell(table, row, {"Variable_name"})] = cell(table, row, {"Value"});
  }
  std::optional<std::string> get(const char* name) const {
    const auto at = values_.find(name);
    return at == values_.end() ? std::nullopt : std::optional{at->second};
  }
  std::string text(const char* name) const { return get(name).value_or(""); }
  std::optional<bool> on(const char* name) const {
    const auto value = get(name);
    return value ? std::optional{is_on(*value)} : std::nullopt;
  }
  const std::map<std::string, std::string>& all() const { return values_; }

 private:
  std::map<std::string, std::string> values_;
};

void read_variables(Asking& asking, Survey& out, Flavour flavour) {
  const Table* table =
      asking.ask(std::string{"SHOW GLOBAL VARIABLES WHERE Variable_name IN ("} + variables + ")", "variables");
  if (table == nullptr) return;
  Values values;
  values.read(*table);
  out.log_bin = values.on("log_bin");
  out.log_updates = values.on("log_replica_updates");
  if (!out.log_updates) out.log_updates = values.on("log_slave_updates");
  out.gtid_mode = values.text("gtid_mode");
  out.gtid_consistency = values.on("enforce_gtid_consistency");
  out.gtid_strict_mode = values.on("gtid_strict_mode");
  out.trusts_creators = values.on("log_bin_trust_function_creators");
  out.event_scheduler = values.on("event_scheduler");
  out.general_log = values.on("general_log");
  out.binlog_format = values.text("binlog_format");
  out.row_image = values.text("binlog_row_image");
  out.sync_relay_log = number(values.text("sync_relay_log"));
  for (const char* name : {"rpl_semi_sync_source_wait_point", "rpl_semi_sync_master_wait_point"})
    if (out.semi_sync_wait_point.empty()) out.semi_sync_wait_point = values.text(name);
  for (const char* name : {"rpl_semi_sync_source_timeout", "rpl_semi_sync_master_timeout"})
    if (!out.semi_sync_timeout) out.semi_sync_timeout = number(values.text(name));
  if (auto purged = topology::GtidSet::parse(flavour, values.text("gtid_purged"))) out.purged = std::move(*purged);
  for (const auto& [name, value] : values.all())
    if (name.starts_with("replicate_") && !value.empty()) out.filters.push_back(name + "=" + value);
}

void read_plugins(Asking& asking, Survey& out, Flavour flavour) {
  if (flavour == Flavour::mariadb) out.semi_sync_source = out.semi_sync_replica = true;  // built in
  const Table* table = asking.ask(
      "SELECT PLUGIN_NAME AS name FROM information_schema.PLUGINS WHERE PLUGIN_STATUS = 'ACTIVE' AND "
      "(PLUGIN_NAME LIKE 'rpl_semi_sync%' OR PLUGIN_NAME = 'clone')",
      "plugins");
  for (std::size_t row = 0; table != nullptr && row < table->rows.size(); ++row) {
    const std::string name = cell(*table, row, {"name"});
    if (name == "clone") out.clone_plugin = true;
    if (name == "rpl_semi_sync_source" || name == "rpl_semi_sync_master") out.semi_sync_source = true;
    if (name == "rpl_semi_sync_replica" || name == "rpl_semi_sync_slave") out.semi_sync_replica = true;
    if (name == "rpl_semi_sync_master" || name == "rpl_semi_sync_slave") out.semi_sync_old_names = true;
  }
}

void read_filters(Asking& asking, Survey& out, const topology::Version& version) {
  const plan::Dialect dialect{version};
  if (const Table* table = asking.ask(dialect.text(plan::Phrase::show_binlog_status), "binary log")) {
    for (const char* column : {"Binlog_Do_DB", "Binlog_Ignore_DB"})
      if (const std::string value = cell(*table, 0, {column}); !value.empty())
        out.filters.push_back(std::string{column} + "=" + value);
  }
  if (version.flavour == Flavour::mysql && version.number >= mysql_global_filters) {
    const Table* table = asking.ask(
        "SELECT FILTER_NAME AS name, FILTER_RULE AS rule FROM performance_schema.replication_applier_global_filters "
        "WHERE FILTER_RULE <> ''" /* one that was taken away stays, empty */,
        "replication filters");
    for (std::size_t row = 0; table != nullptr && row < table->rows.size(); ++row)
      out.filters.push_back(cell(*table, row, {"name"}) + "=" + cell(*table, row, {"rule"}));
  }
}

std::string piercers_statement(const topology::Version& version) {
  if (version.flavour == Flavour::mariadb) {
    return std::string{
               "SELECT GRANTEE AS account, PRIVILEGE_TYPE AS privilege FROM information_schema.USER_PRIVILEGES "
               "WHERE PRIVILEGE_TYPE IN ('READ_ONLY ADMIN', 'READ ONLY ADMIN'"} +
           (version.number < mariadb_super_is_fenced ? ", 'SUPER')" : ")");
  }
  std::string sql = "SELECT CONCAT('''', User, '''@''', Host, '''') AS account, 'SUPER' AS privilege FROM mysql.user ";
  sql += "WHERE Super_priv = 'Y'";
  if (version.number >= mysql_dynamic_privileges) {
    // What sets global variables can lift super_read_only.
    sql += " UNION SELECT CONCAT('''', USER, '''@''', HOST, ''''), PRIV FROM mysql.global_grants ";
    sql += "WHERE PRIV = 'SYSTEM_VARIABLES_ADMIN'";
  }
  return sql;
}

void read_accounts(Asking& asking, Survey& out, const topology::Version& version, const std::string& own) {
  if (const Table* table = asking.ask("SELECT User AS user, Host AS host FROM mysql.user", "accounts")) {
    for (std::size_t row = 0; row < table->rows.size(); ++row) {
      const std::string user = cell(*table, row, {"user"});
      if (!is_system_account(user)) out.accounts.push_back(account_name(user, cell(*table, row, {"host"})));
    }
    std::sort(out.accounts.begin(), out.accounts.end());
  }
  const Table* table = asking.ask(piercers_statement(version), "accounts that can write to a read-only server");
  for (std::size_t row = 0; table != nullptr && row < table->rows.size(); ++row) {
    std::string account = cell(*table, row, {"account"});
    const std::string user = account.substr(1, account.rfind("'@'") - 1);
    if (account == own || is_system_account(user)) continue;
    out.piercers.push_back({std::move(account), cell(*table, row, {"privilege"})});
  }
}

void read_disk(Asking& asking, Survey& out) {
  // A plugin of MariaDB's that has to be installed; MySQL tells nothing of its disks. In KiB.
  const Table* table = asking.ask(
      "SELECT MIN(Available) AS free FROM information_schema.DISKS "
      "WHERE @@datadir LIKE CONCAT(TRIM(TRAILING '/' FROM Path), '/%')",
      "disks", true);
  if (table == nullptr) return;
  if (const auto free = number(cell(*table, 0, {"free"}))) out.disk_free = *free * 1024;
}

void read_data(Asking& asking, Survey& out) {
  out.with_data = true;
  if (const Table* table = asking.ask("SHOW GRANTS", "own grants")) {
    std::vector<std::string> grants;
    for (const auto& row : table->rows)
      if (!row.empty() && row.front()) grants.push_back(*row.front());
    out.sees_all = reads_everything(grants);
    out.grants = std::move(grants);
  }
  std::map<std::string, topology::Schema> schemas;
  const Table* table = asking.ask("SELECT SCHEMA_NAME AS name FROM information_schema.SCHEMATA", "schemas");
  if (table == nullptr) out.sees_all = false;
  for (std::size_t row = 0; table != nullptr && row < table->rows.size(); ++row)
    if (const std::string name = cell(*table, row, {"name"}); !is_system_schema(name)) schemas[name].name = name;
  for (const bool tables : {true, false}) {
    const char* sql = tables ? "SELECT TABLE_SCHEMA AS name, COUNT(*) AS n FROM information_schema.TABLES GROUP BY 1"
                             : "SELECT name, SUM(n) AS n FROM (SELECT ROUTINE_SCHEMA AS name, COUNT(*) AS n FROM "
                               "information_schema.ROUTINES GROUP BY 1 UNION ALL SELECT EVENT_SCHEMA, COUNT(*) FROM "
                               "information_schema.EVENTS GROUP BY 1) AS both_kinds GROUP BY 1";
    table = asking.ask(sql, tables ? "tables" : "routines");
    if (table == nullptr) out.sees_all = false;
    for (std::size_t row = 0; table != nullptr && row < table->rows.size(); ++row) {
      const auto at = schemas.find(cell(*table, row, {"name"}));
      if (at == schemas.end()) continue;
      (tables ? at->second.tables : at->second.routines) = number(cell(*table, row, {"n"})).value_or(1);
    }
  }
  for (auto& [name, schema] : schemas) out.schemas.push_back(std::move(schema));
}

/// What copying this server's data, or to this server, must know.
void read_copying(Asking& asking, Survey& out) {
  asking.ask("SET SESSION information_schema_stats_expiry = 0", "", true);  // MySQL 8.0: else a day old
  const Table* table = asking.ask(
      std::string{"SELECT TABLE_SCHEMA AS name, SUM(DATA_LENGTH + INDEX_LENGTH) AS n FROM information_schema.TABLES "
                  "WHERE "} +
          users_only + " GROUP BY 1",
      "sizes of tables");
  for (std::size_t row = 0; table != nullptr && row < table->rows.size(); ++row) {
    const std::string sum = cell(*table, row, {"n"});
    if (!is_system_schema(cell(*table, row, {"name"}))) out.bytes += number(sum.substr(0, sum.find('.'))).value_or(0);
  }
  table = asking.ask(
      std::string{"SELECT TABLE_SCHEMA AS name, CONCAT(TABLE_SCHEMA, '.', TABLE_NAME, ' (', ENGINE, ')') AS place FROM "
                  "information_schema.TABLES WHERE TABLE_TYPE = 'BASE TABLE' AND ENGINE <> 'InnoDB' AND "} +
          users_only,
      "engines of tables");
  for (std::size_t row = 0; table != nullptr && row < table->rows.size(); ++row)
    if (!is_system_schema(cell(*table, row, {"name"}))) out.not_innodb.push_back(cell(*table, row, {"place"}));
  if (!out.clone_plugin) return;
  table =
      asking.ask("SELECT CAST(BEGIN_TIME AS CHAR) AS at FROM performance_schema.clone_status", "state of CLONE", true);
  if (table != nullptr) out.cloned_at = cell(*table, 0, {"at"});
}

}  // namespace

bool is_system_schema(std::string_view name) {
  return std::any_of(std::begin(system_schemas), std::end(system_schemas), [&](std::string_view system) {
    return system.size() == name.size() && strncasecmp(system.data(), name.data(), name.size()) == 0;
  });
}

bool is_system_account(std::string_view user) {
  return user.starts_with("mysql.") || user == "mariadb.sys" || user == "PUBLIC";
}

bool reads_everything(const std::vector<std::string>& grants) {
  bool all = false;
  for (const std::string& grant : grants) {
    if (grant.starts_with("REVOKE ")) return false;  // partial revokes
    const std::size_t on = grant.find(" ON *.* TO ");
    if (!grant.starts_with("GRANT ") || on == std::string::npos) continue;
    const std::string list = grant.substr(6, on - 6) + ",";
    all = all || list.starts_with("ALL PRIVILEGES,") || list.starts_with("SELECT,") ||
          list.find(" SELECT,") != std::string::npos;
  }
  return all;
}

base::Result<Survey> survey(Connection& connection, bool with_data, base::TimePoint now) {
  const topology::Version version = connection.memo().version;
  Survey out;
  out.at = now;
  Asking asking{connection, out};
  read_variables(asking, out, version.flavour);
  read_plugins(asking, out, version.flavour);
  read_filters(asking, out, version);
  std::string own;
  if (const Table* table = asking.ask("SELECT CURRENT_USER() AS account", "own account")) {
    const std::string account = cell(*table, 0, {"account"});
    const std::size_t at = std::min(account.rfind('@'), account.size());
    own = account_name(account.substr(0, at), at < account.size() ? account.substr(at + 1) : "");
  }
  read_accounts(asking, out, version, own);
  if (version.flavour == Flavour::mariadb) read_disk(asking, out);
  if (with_data) {
    read_data(asking, out);
    read_copying(asking, out);
  }
  if (asking.lost()) return *asking.lost();
  return out;
}

std::string account_name(const std::string& user, const std::string& host) { return "'" + user + "'@'" + host + "'"; }

}  // namespace wye::server
