#pragma once
#include <functional>

#include "proxy/base/clock.h"
#include "proxy/base/result.h"
#include "replication/server/connection.h"
#include "replication/topology/observation.h"

namespace wye::server {

using Clock = std::function<base::TimePoint()>;

/// Asks one server what it is and how far it has come. One round trip (three on a new connection, two every five
/// seconds). Blocks up to the connection's read time-out. Known: MySQL 5.6 and later, 26.x included; MariaDB 10.6 and
/// later.
///
/// Grants that the account needs (nothing else; it reads no user's data):
///   MySQL 5.6, 5.7, 8.x, 9.x, 26.x:  GRANT REPLICATION CLIENT ON *.* TO 'wye'@'...';
///   MariaDB 10.6 and later:          GRANT REPLICA MONITOR ON *.* TO 'wye'@'...';   (SLAVE MONITOR is the same)
base::Result<topology::Observation> observe(Connection&, const Clock& clock = base::Clock::now);

/// The same from the tables that the server answered; pure, for tests. `status` is SHOW REPLICA STATUS in any spelling.
base::Status read_channels(const Table& status, topology::Flavour, topology::Observation&);
/// The GTID sets, after read_channels(); `state` is the row of the tick's SELECT (see observe.cc). What a MariaDB
/// replica has applied is gtid_slave_pos; on a server without channels it is gtid_binlog_pos.
base::Status read_sets(const Table& state, const Table& status, topology::Observation&);

/// MySQL 5.6 names a transaction in gtid_executed as soon as it is in the binary log, before its rows can be seen
/// (tried: with sync_binlog=1 one look in seventeen was too early). Replaces `executed` of a replica by what was
/// visible for sure when it was read: all of it while the single applier waits for more to do; else what an earlier
/// look has seen. Other versions: nothing to do. After read_sets().
void settle(const Table& status, Connection::Memo&, topology::Observation&);

/// Which statement a version understands.
std::string replica_status_statement(const topology::Version&);

}  // namespace wye::server
