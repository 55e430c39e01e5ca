#pragma once
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "replication/manager/verify_run.h"
#include "replication/verify/suspects.h"
#include "replication/verify/table.h"

namespace wye::manager {

/// Compares the rows of one table on the primary and on replicas. Chunks of the primary are read one after the other;
/// a replica's are compared when it has applied what was committed when the primary's was read. A chunk that differs is
/// looked at again until its differences are real or gone (verify/suspects.h).
class TableCheck {
 public:
  TableCheck(VerifyRun& run, const verify::Table& table, std::vector<VerifyRun::Replica*> replicas);
  /// An error: of the primary, or it was stopped. What is wrong with a replica is noted.
  base::Status run();
  /// Somebody has changed the table, or dropped it: it must be described again.
  static bool is_new_definition(const base::Error& error);

 private:
  using Digest = verify::Digest;
  struct Pending {
    verify::Range range;
    Digest digest;
    topology::GtidSet at;
  };
  struct Here {  // one replica
    VerifyRun::Replica* replica;
    std::deque<Pending> pending;
    std::vector<verify::Range> doubtful;  // that differed, at most 8000 rows each
    VerifiedTable result;
    std::uint64_t moving = 0;
    bool out = false;  // no more of this table here
  };
  base::Status next_chunk(verify::Range& rest, bool& more);
  base::Status drain(Here& here, std::size_t most_left);
  base::Status compare(Here& here, const Pending& chunk);
  base::Status examine(Here& here, const verify::Range& range, std::uint64_t rows);
  base::Status examine_halves(Here& here, const verify::Range& range, std::uint64_t rows);
  base::Status examine_prefixes(Here& here);
  void finish(Here& here);

  // verify_doubt.cc
  struct WatchedRow {
    verify::RowWatch watch;
    std::optional<base::TimePoint> different_since{};
  };
  using Watched = std::map<std::string, WatchedRow>;
  base::Status resolve(Here& here);
  base::Status look_at(Here& here, const std::vector<verify::Range>& ranges, verify::Suspects& suspects);
  base::Status watch(Here& here, const verify::Suspects& suspects);
  base::Status watch_once(Here& here, Watched& watched);
  base::Status judge(Here& here, const verify::Suspects& suspects);
  base::Status name_watched(Here& here, const std::string& key, const std::vector<std::size_t>& columns, bool ours);
  base::Result<verify::Entries> contents(Here& here, const verify::Suspects& suspects);
  void name_content(Here& here, const std::string& content, const verify::Suspects::Pair& pair);
  void name_row(Here& here, const std::string& key, const std::string& what);

  base::Result<server::Table> primary(const std::string& sql, topology::GtidSet& at, double* ms = nullptr);
  base::Result<server::Table> replica(Here& here, const topology::GtidSet& at, const std::string& sql);
  base::Status add_entries(const server::Table& table, verify::Entries& out) const;
  base::Result<unsigned> weight(const Here& here, const topology::GtidSet& at);
  base::Status settle(Here& here, base::Status done);

  VerifyRun& run_;
  const verify::Table& table_;
  std::vector<Here> here_;
  verify::Pace pace_;
  std::optional<base::Error> primary_error_;
};

/// A key's columns of a row of an answer as one text, and back.
std::string joined_key(const server::Table& table, std::size_t row, std::size_t columns);
verify::Key split_key(const std::string& text);

}  // namespace wye::manager
