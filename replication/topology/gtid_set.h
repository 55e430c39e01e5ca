#pragma once
#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "proxy/base/result.h"

namespace wye::topology {

enum class Flavour : std::uint8_t { mysql, mariadb };

/// Who numbers transactions. MySQL: source UUID and, from 8.3 on, an optional tag ("uuid" or "uuid:tag").
/// MariaDB: a replication domain. Both are kept as one value, so that the frontier and the sets need not know the
/// family.
struct GtidSource {
  std::array<std::uint8_t, 16> uuid{};  // MySQL; all zero for MariaDB
  std::string tag;                      // MySQL, lower case, at most 32 characters; empty without a tag
  std::uint32_t domain = 0;             // MariaDB
  auto operator<=>(const GtidSource&) const = default;
};

/// One transaction. `server_id` is MariaDB's middle part and 0 on MySQL.
struct Gtid {
  GtidSource source;
  std::uint64_t number = 0;  // 1 .. 2^63-2
  std::uint32_t server_id = 0;
  bool operator==(const Gtid&) const = default;
};

/// A set of transactions, of either family. A value: copy or share as shared_ptr<const GtidSet>.
/// MySQL: per source a sorted list of disjoint, non-adjacent closed intervals (refman "GTID Sets", 8.3+ tags).
/// MariaDB: a position, i.e. per domain the last GTID; it stands for everything up to it (KB "Global Transaction ID").
class GtidSet {
 public:
  struct Interval {
    std::uint64_t first = 0, last = 0;  // closed
    bool operator==(const Interval&) const = default;
  };
  struct Entry {
    std::vector<Interval> intervals;  // MariaDB: one interval 1..number
    std::uint32_t server_id = 0;      // MariaDB: server that wrote the last one
    bool operator==(const Entry&) const = default;
  };

  /// Text as the server prints it (white space and newlines allowed, empty text is the empty set). Hostile input: an
  /// Error, never a crash.
  static base::Result<GtidSet> parse(Flavour, std::string_view text);
  std::string to_string(Flavour) const;  // canonical form, as the server prints it

  bool empty() const { return entries_.empty(); }
  bool contains(const Gtid&) const;
  /// True if every number 1..n of the source is in the set. What routing asks: "has it all that was acknowledged up to
  /// n?"
  bool covers_through(const GtidSource&, std::uint64_t n) const;
  bool includes(const GtidSet& other) const;  // other is a subset of this
  GtidSet minus(const GtidSet& other) const;  // MariaDB: per domain the numbers above other's
  void add(const Gtid&);
  void add(const GtidSet&);
  void add_through(const GtidSource&, std::uint64_t n);  // 1 .. n
  std::uint64_t count() const;                           // how many transactions
  const std::map<GtidSource, Entry>& entries() const { return entries_; }
  bool operator==(const GtidSet&) const = default;

 private:
  std::map<GtidSource, Entry> entries_;
};

/// One GTID as the server's session tracker reports it: "uuid:5", "uuid:tag:5", or MariaDB's "0-1-5".
/// A MySQL tracker may report several at once ("uuid:5-7,..."): use GtidSet::parse for those.
base::Result<Gtid> parse_gtid(Flavour, std::string_view text);

/// MySQL's @@gtid_owned: GTIDs in commit, each with the number of its connection ("uuid:23#14").
base::Result<GtidSet> parse_owned(std::string_view text);

}  // namespace wye::topology
