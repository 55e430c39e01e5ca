#pragma once
#include <memory>
#include <string>

#include "proxy/base/result.h"
#include "replication/server/connection.h"
#include "replication/topology/routines.h"

namespace wye::server {

/// What was read of a server's routines, and by what a change of them shows.
struct RoutinesRead {
  std::shared_ptr<const topology::Routines> routines;  // nullptr: not yet
  std::string mark;
  bool failing = false;  // the last try; what it was before stays
};

/// Reads information_schema.ROUTINES and TRIGGERS again if something has changed there. One round trip, else three; a
/// server with thousands of routines takes its time for them. What the account may not see may write.
///
/// Grants that the account needs for it:
///   MySQL 8.0.20 and later:  GRANT SHOW_ROUTINE ON *.* TO 'wye'@'...';
///   MySQL before, MariaDB:   GRANT SELECT ON mysql.proc TO 'wye'@'...';
///   for triggers:            GRANT TRIGGER ON *.* TO 'wye'@'...';
base::Status read_routines(Connection&, RoutinesRead&);

/// The same from the table that the server answered; pure, for tests.
topology::Routines routines_of(const Table& table, bool fold_schemas);

}  // namespace wye::server
