#pragma once
#include <optional>
#include <string>
#include <vector>

#include "proxy/base/clock.h"
#include "replication/topology/gtid_set.h"

namespace wye::topology {

/// A user's schema and how much is in it.
struct Schema {
  std::string name;
  std::uint64_t tables = 0, routines = 0;  // views count as tables, events as routines
  bool operator==(const Schema&) const = default;
};

/// An account whose writes a read-only server takes, or that can make it writable.
struct Piercer {
  std::string account;    // 'user'@'host'
  std::string privilege;  // READ_ONLY ADMIN, SUPER, ...
  bool operator==(const Piercer&) const = default;
};

/// What changes seldom on a server and what changing its replication must know. Absent: the server doesn't say (it has
/// no such variable, or wye's account may not read it; see `unreadable`). Immutable once shared between threads.
struct Survey {
  base::TimePoint at{};
  std::optional<bool> log_bin, log_updates, gtid_consistency, event_scheduler, general_log;
  std::string gtid_mode;                 // MySQL: OFF, OFF_PERMISSIVE, ON_PERMISSIVE, ON
  std::optional<bool> gtid_strict_mode;  // MariaDB
  std::optional<bool> trusts_creators;   // log_bin_trust_function_creators
  std::string binlog_format, row_image, semi_sync_wait_point;
  std::optional<std::uint64_t> sync_relay_log, semi_sync_timeout;  // milliseconds
  bool semi_sync_source = false, semi_sync_replica = false;        // the plugins are loaded, or it is built in
  bool semi_sync_old_names = false;                                // MySQL: the plugins of before 8.0.26
  bool clone_plugin = false;
  GtidSet purged;                     // MySQL: no longer in the binary logs
  std::vector<std::string> filters;   // "replicate_do_db=shop", whatever leaves something out
  std::vector<std::string> accounts;  // 'user'@'host' without the server's own, sorted
  std::vector<Piercer> piercers;
  std::optional<std::uint64_t> disk_free;  // bytes, where the data is

  /// Only a survey of the data has it (it may open many tables). `sees_all`: the account could see everything.
  bool with_data = false, sees_all = false;
  std::vector<Schema> schemas;          // users' only
  std::uint64_t bytes = 0;              // of the users' tables, with indexes, as the server estimates it
  std::vector<std::string> not_innodb;  // users' tables that CLONE would leave empty: "shop.log (MyISAM)"
  std::vector<std::string> grants;      // of wye's own account
  std::string cloned_at;                // MySQL with the clone plugin: when this server was last filled by it

  std::vector<std::string> unreadable;  // what could not be read, and the error
  bool operator==(const Survey&) const = default;
  bool has_data() const {
    for (const Schema& schema : schemas)
      if (schema.tables + schema.routines > 0) return true;
    return false;
  }
};

}  // namespace wye::topology
