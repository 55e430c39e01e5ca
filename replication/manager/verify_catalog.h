#pragma once
#include <string>
#include <vector>

#include "replication/manager/verify_run.h"
#include "replication/verify/suspects.h"

// What there is on a server: tables to compare row by row, and everything else as texts.
namespace wye::manager {

/// Tables with rows, of users' schemas; without their columns.
base::Result<std::vector<verify::Table>> list_tables(VerifySide& side, const VerifyRequest& request);
/// Fills in columns and the key; no columns: it is not there.
base::Status describe_table(VerifySide& side, verify::Table& table);

/// Schemas, tables, views, routines, triggers, events, accounts and grants: each property as a text. With a table in
/// the request: that table and its triggers. `own_user`: the account that wye itself logs in with everywhere (its
/// password is the same, though its hash may not be). `alike`: the servers are of one version, so texts compare.
struct ObjectsAsked {
  const VerifyRequest& request;
  std::string own_user;
  bool alike = true;
};
base::Result<verify::Entries> read_objects(VerifySide& side, const ObjectsAsked& asked,
                                           std::vector<std::string>& unreadable);

}  // namespace wye::manager
