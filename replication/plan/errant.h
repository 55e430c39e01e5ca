#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "replication/topology/observation.h"

namespace wye::plan {

/// Transactions that a server has, and the primary has not and will not send. One source, numbers that follow each
/// other.
struct Errant {
  std::string text;  // as the server writes it: "uuid:5-7", "0-3-6" (the last of them)
  std::uint64_t count = 0;
  bool operator==(const Errant&) const = default;
};

/// REQUIRES: `primary` is the primary. What is the primary's own never counts: a replica may show it first (semi-sync),
/// or was asked after it. MariaDB: by its author in gtid_binlog_state, for a position is only a number; what was
/// written before the primary's own history begins (it was filled then) is taken for had.
topology::GtidSet find_errant(const topology::Observation& server, const topology::Observation& primary);
std::vector<Errant> list_errant(const topology::GtidSet& errant, topology::Flavour flavour);
/// All of them, with commas; empty: none.
std::string errant_text(const topology::GtidSet& errant, topology::Flavour flavour);

}  // namespace wye::plan
