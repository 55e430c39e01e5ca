#include "replication/plan/dialect.h"

#include <optional>

namespace wye::plan {
namespace {

using topology::Flavour;

/// One way to say something: the versions from this one on, and before that one (0: all later ones).
struct Form {
  Phrase phrase;
  Flavour flavour;
  std::uint32_t from, before;
  const char* text;
};

constexpr auto mysql = Flavour::mysql;
constexpr auto mariadb = Flavour::mariadb;
// https://dev.mysql.com/doc/refman/9.7/en/sql-replication-statements.html, and of 5.6, 8.0, 8.4;
// https://mariadb.com/kb/en/replication-statements/. The old words are gone from MySQL 8.4 on; where both are
// understood the new ones are taken. MariaDB takes its own words in all versions.
constexpr Form forms[] = {
    {Phrase::show_replica_status, mysql, 0, 80'022, "SHOW SLAVE STATUS"},
    {Phrase::show_replica_status, mysql, 80'022, 0, "SHOW REPLICA STATUS"},
    {Phrase::show_replica_status, mariadb, 0, 0, "SHOW ALL SLAVES STATUS"},
    {Phrase::show_binlog_status, mysql, 0, 80'200, "SHOW MASTER STATUS"},
    {Phrase::show_binlog_status, mysql, 80'200, 0, "SHOW BINARY LOG STATUS"},
    {Phrase::show_binlog_status, mariadb, 0, 0, "SHOW MASTER STATUS"},
    {Phrase::show_replicas, mysql, 0, 80'022, "SHOW SLAVE HOSTS"},
    {Phrase::show_replicas, mysql, 80'022, 0, "SHOW REPLICAS"},
    {Phrase::show_replicas, mariadb, 0, 0, "SHOW SLAVE HOSTS"},
    {Phrase::start_replica, mysql, 0, 80'022, "START SLAVE"},
    {Phrase::start_replica, mysql, 80'022, 0, "START REPLICA"},
    {Phrase::start_replica, mariadb, 0, 0, "START SLAVE"},
    {Phrase::start_receiver, mysql, 0, 80'022, "START SLAVE IO_THREAD"},
    {Phrase::start_receiver, mysql, 80'022, 0, "START REPLICA IO_THREAD"},
    {Phrase::start_receiver, mariadb, 0, 0, "START SLAVE IO_THREAD"},
    {Phrase::start_applier, mysql, 0, 80'022, "START SLAVE SQL_THREAD"},
    {Phrase::start_applier, mysql, 80'022, 0, "START REPLICA SQL_THREAD"},
    {Phrase::start_applier, mariadb, 0, 0, "START SLAVE SQL_THREAD"},
    {Phrase::stop_replica, mysql, 0, 80'022, "STOP SLAVE"},
    {Phrase::stop_replica, mysql, 80'022, 0, "STOP REPLICA"},
    {Phrase::stop_replica, mariadb, 0, 0, "STOP SLAVE"},
    {Phrase::stop_receiver, mysql, 0, 80'022, "STOP SLAVE IO_THREAD"},
    {Phrase::stop_receiver, mysql, 80'022, 0, "STOP REPLICA IO_THREAD"},
    {Phrase::stop_receiver, mariadb, 0, 0, "STOP SLAVE IO_THREAD"},
    {Phrase::stop_applier, mysql, 0, 80'022, "STOP SLAVE SQL_THREAD"},
    {Phrase::stop_applier, mysql, 80'022, 0, "STOP REPLICA SQL_THREAD"},
    {Phrase::stop_applier, mariadb, 0, 0, "STOP SLAVE SQL_THREAD"},
    {Phrase::reset_replica, mysql, 0, 80'022, "RESET SLAVE ALL"},
    {Phrase::reset_replica, mysql, 80'022, 0, "RESET REPLICA ALL"},
    {Phrase::reset_replica, mariadb, 0, 0, "RESET SLAVE ALL"},
    {Phrase::reset_binlogs, mysql, 0, 80'200, "RESET MASTER"},
    {Phrase::reset_binlogs, mysql, 80'200, 0, "RESET BINARY LOGS AND GTIDS"},
    {Phrase::reset_binlogs, mariadb, 0, 0, "RESET MASTER"},
    {Phrase::gtids_had, mysql, 0, 0, "gtid_purged"},
    {Phrase::gtids_had, mariadb, 0, 0, "gtid_slave_pos"},
    {Phrase::gtids_written, mysql, 0, 0, "gtid_executed"},
    {Phrase::gtids_written, mariadb, 0, 0, "gtid_binlog_pos"},
    {Phrase::fence, mysql, 0, 50'708, "read_only"},
    {Phrase::fence, mysql, 50'708, 0, "super_read_only"},
    {Phrase::fence, mariadb, 0, 0, "read_only"},
    {Phrase::log_updates, mysql, 0, 80'026, "log_slave_updates"},
    {Phrase::log_updates, mysql, 80'026, 0, "log_replica_updates"},
    {Phrase::log_updates, mariadb, 0, 0, "log_slave_updates"},
    {Phrase::source_word, mysql, 0, 80'023, "MASTER"},
    {Phrase::source_word, mysql, 80'023, 0, "SOURCE"},
    {Phrase::source_word, mariadb, 0, 0, "MASTER"},
    {Phrase::change_source, mysql, 0, 80'023, "CHANGE MASTER TO"},
    {Phrase::change_source, mysql, 80'023, 0, "CHANGE REPLICATION SOURCE TO"},
    {Phrase::change_source, mariadb, 0, 0, "CHANGE MASTER TO"},
};

constexpr std::uint32_t new_semi_sync = 80'026;         // rpl_semi_sync_source beside rpl_semi_sync_master
constexpr std::uint32_t semi_sync_wait_point = 50'702;  // and from 5.7.3 on how many replicas are waited for
constexpr std::uint32_t semi_sync_wait_count = 50'703;
constexpr std::uint32_t caching_sha2 = 80'004;  // the default since then, and GET_MASTER_PUBLIC_KEY with it
constexpr std::uint32_t named_channels = 50'706;
constexpr std::uint32_t create_user_if_not_exists = 50'708;
constexpr std::uint32_t mariadb_demote = 101'000;       // MASTER_DEMOTE_TO_SLAVE
constexpr std::uint32_t mariadb_retry_count = 120'000;  // as an option of CHANGE MASTER

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

base::Error unusable(const char* what) { return base::Error{1105, "HY000", what}; }

/// Options are gathered and joined; the first value that can't be quoted is the answer.
class Options {
 public:
  explicit Options(std::string prefix) : prefix_{std::move(prefix)} {}
  void raw(const std::string& option) { text_ += (text_.empty() ? " " : ", ") + option; }
  void value(const char* name, const std::string& value) { raw(prefix_ + "_" + name + "=" + value); }
  void flag(const char* name, bool on) { value(name, on ? "1" : "0"); }
  void literal(const char* name, const std::string& text) {
    auto q = quoted(text);
    if (q) return value(name, *q);
    if (!error_) error_ = q.error();
  }
  base::Result<std::string> after(const std::string& words) const {
    if (error_) return *error_;
    return words + text_;
  }

 private:
  std::string prefix_, text_;
  std::optional<base::Error> error_;
};

void add_tls(Options& options, const SourceTls& tls) {
  options.flag("SSL", tls.on);
  options.literal("SSL_CA", tls.ca);
  options.literal("SSL_CERT", tls.cert);
  options.literal("SSL_KEY", tls.key);
  options.flag("SSL_VERIFY_SERVER_CERT", tls.on && tls.verify);
}

base::Result<std::string> between(std::string_view value, char quote) {
  std::string out(1, quote);
  for (const char c : value) {
    if (is_control(c)) return unusable("control characters can't be in names and passwords of replication");
    if (c == quote || (c == '\\' && quote != '`')) out += c;
    out += c;
  }
  return out += quote;
}

}  // namespace

std::string masked(std::string_view sql) { return filled(sql, "<secret>", "<secret>", "<secret>"); }

std::string filled(std::string_view sql, std::string_view password, std::string_view hash, std::string_view own) {
  std::string out;
  for (const char c : sql) {
    if (c == password_mark) {
      out += password;
    } else if (c == hash_mark) {
      out += hash;
    } else if (c == own_mark) {
      out += own;
    } else {
      out += c;
    }
  }
  return out;
}

base::Result<std::string> quoted(std::string_view value) { return between(value, '\''); }
base::Result<std::string> quoted_name(std::string_view name) { return between(name, '`'); }

base::Result<std::string> quoted_account(std::string_view user, std::string_view host) {
  auto name = quoted(user);
  if (!name) return name;
  auto place = quoted(host);
  if (!place) return place;
  return *name + "@" + *place;
}

std::string Dialect::text(Phrase phrase) const {
  for (const Form& form : forms) {
    const bool known = form.phrase == phrase && form.flavour == flavour_;
    if (known && number_ >= form.from && (form.before == 0 || number_ < form.before)) return form.text;
  }
  return {};
}

SemiSyncNames Dialect::semi_sync(bool old_loaded) const {
  const bool renamed = mysql() && number_ >= new_semi_sync && !old_loaded;
  const std::string source = renamed ? "source" : "master", replica = renamed ? "replica" : "slave";
  SemiSyncNames names;
  if (mysql()) {
    names.source_plugin = "rpl_semi_sync_" + source;
    names.replica_plugin = "rpl_semi_sync_" + replica;
    names.source_library = "semisync_" + source + ".so";
    names.replica_library = "semisync_" + replica + ".so";
  }
  names.source_enabled = "rpl_semi_sync_" + source + "_enabled";
  names.replica_enabled = "rpl_semi_sync_" + replica + "_enabled";
  names.timeout = "rpl_semi_sync_" + source + "_timeout";
  if (!mysql() || number_ >= semi_sync_wait_point) names.wait_point = "rpl_semi_sync_" + source + "_wait_point";
  if (mysql() && number_ >= semi_sync_wait_count)
    names.wait_count = "rpl_semi_sync_" + source + "_wait_for_" + replica + "_count";
  names.source_status = "Rpl_semi_sync_" + source + "_status";
  names.source_clients = "Rpl_semi_sync_" + source + "_clients";
  names.replica_status = "Rpl_semi_sync_" + replica + "_status";
  return names;
}

std::string Dialect::set_global(std::string_view variable, std::string_view value) const {
  std::string sql = persists() ? "SET PERSIST " : "SET GLOBAL ";
  return sql.append(variable).append(" = ").append(value);
}

base::Result<std::string> Dialect::change_source(const Source& source, bool demote) const {
  const std::string word = text(Phrase::source_word);
  Options options{word};
  options.literal("HOST", source.host);
  options.value("PORT", std::to_string(source.port));
  options.literal("USER", source.user);
  options.value("PASSWORD", std::string(1, password_mark));
  if (mysql()) {
    options.flag("AUTO_POSITION", true);
    options.value("RETRY_COUNT", "86400");  // the default of 9.x gives up after ten tries
  } else {
    if (demote && number_ < mariadb_demote) {
      options.value("USE_GTID", "current_pos");
    } else {
      options.value("USE_GTID", "slave_pos");
      if (demote) options.flag("DEMOTE_TO_SLAVE", true);
    }
    if (number_ >= mariadb_retry_count) options.value("RETRY_COUNT", "86400");
  }
  options.value("CONNECT_RETRY", std::to_string(source.connect_retry.count()));
  options.value("HEARTBEAT_PERIOD", std::to_string(source.heartbeat.count()));
  options.value("DELAY", std::to_string(source.delay.count()));
  add_tls(options, source.tls);
  // caching_sha2_password without TLS needs the source's RSA key, also after each restart of the source.
  if (mysql() && number_ >= caching_sha2) options.raw("GET_" + word + "_PUBLIC_KEY=1");
  auto sql = options.after(text(Phrase::change_source));
  if (sql && mysql() && number_ >= named_channels) *sql += " FOR CHANNEL ''";
  return sql;
}

base::Result<std::vector<std::string>> Dialect::create_replication_account(std::string_view user, std::string_view host,
                                                                           bool require_tls) const {
  auto account = quoted_account(user, host);
  if (!account) return account.error();
  const std::string grant = "GRANT REPLICATION SLAVE ON *.* TO " + *account;
  const std::string tls = require_tls ? " REQUIRE SSL" : "";
  // One statement, for it can't be said twice: there is no IF NOT EXISTS.
  if (mysql() && number_ < create_user_if_not_exists)
    return std::vector<std::string>{grant + " IDENTIFIED BY PASSWORD " + hash_mark + tls};
  // MySQL writes no password that it is told into a log. MariaDB does, also into the binary log: it gets the hash.
  std::string how = std::string{" IDENTIFIED VIA mysql_native_password USING "} + hash_mark;
  if (mysql() && number_ >= caching_sha2) {
    how = std::string{" IDENTIFIED WITH caching_sha2_password BY "} + password_mark;
  } else if (mysql()) {
    how = std::string{" IDENTIFIED WITH mysql_native_password AS "} + hash_mark;
  }
  return std::vector<std::string>{"CREATE USER IF NOT EXISTS " + *account + how + tls, grant};
}

base::Result<std::string> Dialect::drop_account(std::string_view user, std::string_view host) const {
  auto account = quoted_account(user, host);
  if (!account) return account;
  const bool if_exists = !mysql() || number_ >= create_user_if_not_exists;
  return std::string{"DROP USER "} + (if_exists ? "IF EXISTS " : "") + *account;
}

}  // namespace wye::plan
