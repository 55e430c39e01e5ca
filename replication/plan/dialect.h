#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/clock.h"
#include "proxy/base/result.h"
#include "replication/topology/topology.h"

namespace wye::plan {

/// What a server is told in other words by each flavour and version.
enum class Phrase : std::uint8_t {
  show_replica_status,  // one row a channel
  show_binlog_status,   // what a primary has written
  show_replicas,        // who replicates from here
  start_replica,
  start_receiver,
  start_applier,
  stop_replica,
  stop_receiver,
  stop_applier,
  reset_replica,  // forget the source and the relay logs, applied or not
  reset_binlogs,  // forget the binary logs and, on MySQL, all GTIDs
  gtids_had,      // @@global variable that takes the GTIDs a server has from elsewhere, after reset_binlogs
  gtids_written,  // @@global variable with what replicas can fetch
  fence,          // the variable that keeps writes out
  log_updates,    // the variable for "what comes by replication goes to the own binary log"
  source_word,    // SOURCE or MASTER: the prefix of options
  change_source,  // the statement's words in front of its options
};

/// Names of semi-synchronous replication.
struct SemiSyncNames {
  std::string source_plugin, replica_plugin;    // empty: built in
  std::string source_library, replica_library;  // files of the plugins
  std::string source_enabled, replica_enabled;  // variables
  std::string timeout, wait_point, wait_count;  // variables; wait_point and wait_count are empty where there is none
  std::string source_status, source_clients, replica_status;  // of SHOW GLOBAL STATUS
};

/// How a replica's connection to its source is protected. Stated whole at each CHANGE: what is left out is lost after a
/// RESET, and kept from the last source otherwise.
struct SourceTls {
  bool on = false;
  bool verify = false;
  std::string ca, cert, key;  // paths on the replica's machine
};

struct Source {
  std::string host;
  std::uint16_t port = 3306;
  std::string user;
  SourceTls tls;
  base::seconds connect_retry{1};
  base::seconds heartbeat{1};
  base::seconds delay{0};
};

/// The password of the replication account in a statement's text: never the password itself, so that statements can be
/// shown, logged and journaled. fill() puts it in on the way to the server. Quoted values hold no such characters.
inline constexpr char password_mark = '\x01';  // as a literal
inline constexpr char hash_mark = '\x02';      // its mysql_native_password hash, as a literal
inline constexpr char own_mark = '\x03';       // the password of wye's own account, as a literal
/// For people: each mark as <secret>.
std::string masked(std::string_view sql);
/// For the server. REQUIRES: all are quoted literals.
std::string filled(std::string_view sql, std::string_view password, std::string_view hash, std::string_view own = {});

/// A string literal. Nothing in a value ends the literal, whatever sql_mode says; with NO_BACKSLASH_ESCAPES (which
/// wye's own sessions switch off) a backslash would count twice. An error: control characters, which no name or
/// password of replication may hold.
base::Result<std::string> quoted(std::string_view value);
/// `name`, in backquotes.
base::Result<std::string> quoted_name(std::string_view name);
/// 'user'@'host'
base::Result<std::string> quoted_account(std::string_view user, std::string_view host);

/// One server's SQL. Pure; from the version, as numbers: as text "26.7.0" is less than "8.4".
class Dialect {
 public:
  explicit Dialect(const topology::Version& version) : flavour_{version.flavour}, number_{version.number} {}

  std::string text(Phrase phrase) const;
  /// MySQL from 8.0.26 on has both kinds of plugins, of which one server can load one: `old_loaded` stays with the old.
  SemiSyncNames semi_sync(bool old_loaded = false) const;

  /// A variable can be set so that a restart keeps it (SET PERSIST).
  bool persists() const { return flavour_ == topology::Flavour::mysql && number_ >= 80'000; }
  /// `value` is a literal already. Where persists() is false the value lasts until the restart.
  std::string set_global(std::string_view variable, std::string_view value) const;

  /// CHANGE ... TO with all options, GTID-based. `demote`: the server has transactions of its own that its source has.
  base::Result<std::string> change_source(const Source& source, bool demote = false) const;
  /// The account that replicas log in with; its password as a mark. Nothing more than REPLICATION SLAVE.
  base::Result<std::vector<std::string>> create_replication_account(std::string_view user, std::string_view host,
                                                                    bool require_tls) const;
  base::Result<std::string> drop_account(std::string_view user, std::string_view host) const;

  topology::Flavour flavour() const { return flavour_; }

 private:
  bool mysql() const { return flavour_ == topology::Flavour::mysql; }
  topology::Flavour flavour_;
  std::uint32_t number_;
};

/// Longest password of a replication account that all servers keep whole (MySQL refuses more, MariaDB cuts it).
inline constexpr std::size_t longest_password = 32;

}  // namespace wye::plan
