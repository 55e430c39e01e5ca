#include "replication/manager/verify_table.h"

#include <algorithm>
#include <charconv>

#include "replication/verify/sql.h"

namespace wye::manager {
namespace {

using verify::Key;
using verify::Range;
using verify::Suspects;

constexpr base::milliseconds chunk_time{50};
constexpr std::uint64_t most_entries = 8000;                      // that are read at once to find those that differ
constexpr std::size_t most_pending = 64;                          // chunks that wait for a replica
constexpr std::size_t most_doubtful = 8;                          // chunks that are looked at again at once
constexpr std::uint64_t most_named = 100, most_different = 1000;  // rows, of one table on one replica

std::uint64_t number(const std::string& text) {
  std::uint64_t out = 0;
  std::from_chars(text.data(), text.data() + text.size(), out);
  return out;
}

verify::Digest digest_of(const server::Table& table, std::size_t row) {
  return {number(text_at(table, row, {"n"})), text_at(table, row, {"s"})};
}

}  // namespace

TableCheck::TableCheck(VerifyRun& run, const verify::Table& table, std::vector<VerifyRun::Replica*> replicas)
    : run_{run}, table_{table}, pace_{chunk_time, table.row_bytes} {
  for (VerifyRun::Replica* one : replicas) {
    here_.emplace_back();
    here_.back().replica = one;
    here_.back().result.table = table.full_name();
    here_.back().result.server = one->name();
  }
}

bool TableCheck::is_new_definition(const base::Error& error) {
  constexpr std::uint16_t codes[] = {1054, 1146, 1176, 1412};  // no such column, table, index; it has changed
  return std::find(std::begin(codes), std::end(codes), error.code) != std::end(codes);
}

base::Result<server::Table> TableCheck::primary(const std::string& sql, topology::GtidSet& at, double* ms) {
  auto answer = run_.primary().table_then_position(sql, at, ms);
  if (!answer) primary_error_ = answer.error();
  return answer;
}

base::Result<server::Table> TableCheck::replica(Here& here, const topology::GtidSet& at, const std::string& sql) {
  if (auto done = run_.wait(*here.replica, at); !done) return done.error();
  return here.replica->side->table(sql);
}

/// What went wrong with the replica ends its part only.
base::Status TableCheck::settle(Here& here, base::Status done) {
  if (done) return done;
  if (run_.stopped()) return VerifyRun::stop_error();
  if (primary_error_) return *primary_error_;
  if (is_new_definition(done.error())) return done;
  here.out = true;
  if (!server::is_unreachable(done.error()) && done.error().code != 1105) {
    here.result.first = "not compared: " + done.error().message;
    run_.note(here.replica->name(), table_.full_name(), here.result.first);
  } else {
    run_.drop(*here.replica, done.error().message);
  }
  return base::Ok{};
}

base::Status TableCheck::run() {
  Range rest;
  for (bool more = true; more;) {
    if (auto done = run_.breathe(); !done) return done;
    if (auto done = next_chunk(rest, more); !done) return done;
    for (Here& here : here_)
      if (auto done = settle(here, drain(here, more ? most_pending : 0)); !done) return done;
    if (std::all_of(here_.begin(), here_.end(), [](const Here& here) { return here.out; })) break;
  }
  for (Here& here : here_) finish(here);
  return base::Ok{};
}

base::Status TableCheck::next_chunk(Range& rest, bool& more) {
  topology::GtidSet at;
  Range chunk = rest;
  double boundary_ms = 0, digest_ms = 0;
  if (table_.keyed()) {
    auto boundary = run_.primary().table(verify::boundary_sql(table_, rest, pace_.rows() - 1), &boundary_ms);
    if (!boundary) return boundary.error();
    if (!boundary->rows.empty()) chunk.upto = split_key(joined_key(*boundary, 0, table_.key.size()));
  }
  auto answer = primary(verify::digest_sql(table_, chunk), at, &digest_ms);
  if (!answer) return answer.error();
  const Digest digest = digest_of(*answer, 0);
  pace_.took(digest.rows, boundary_ms + digest_ms);
  for (Here& here : here_)
    if (!here.out) here.pending.push_back({chunk, digest, at});
  run_.update([&](VerifyReport& report) {
    ++report.chunks;
    report.rows_done += digest.rows;
  });
  more = chunk.upto.has_value();
  rest.above = chunk.upto;
  return base::Ok{};
}

/// Chunks that the replica can be asked for by now; waits for it if more than `most_left` are behind.
base::Status TableCheck::drain(Here& here, std::size_t most_left) {
  bool asked = false;
  while (!here.out && !here.pending.empty()) {
    const Pending& front = here.pending.front();
    if (!here.replica->applied.includes(front.at) && here.pending.size() <= most_left) {
      if (asked) break;
      asked = true;
      auto seen = here.replica->side->position();
      if (!seen) return seen.error();
      here.replica->applied = std::move(*seen);
      continue;
    }
    if (auto done = compare(here, front); !done) return done;
    here.pending.pop_front();
    const bool last = most_left == 0 && here.pending.empty();
    if (here.doubtful.size() >= most_doubtful || last)
      if (auto done = resolve(here); !done) return done;
    if (run_.stopped()) return VerifyRun::stop_error();
    if (here.result.different >= most_different) {
      run_.note(here.replica->name(), table_.full_name(),
                std::to_string(here.result.different) + " rows differ: not looked at any further");
      here.out = true;
    }
  }
  return base::Ok{};
}

base::Status TableCheck::compare(Here& here, const Pending& chunk) {
  auto answer = replica(here, chunk.at, verify::digest_sql(table_, chunk.range));
  if (!answer) return answer.error();
  const Digest theirs = digest_of(*answer, 0);
  ++here.result.chunks;
  here.result.rows += theirs.rows;
  if (theirs == chunk.digest) return base::Ok{};
  run_.update([](VerifyReport& report) { ++report.looked_again; });
  return examine(here, chunk.range, std::max(theirs.rows, chunk.digest.rows));
}

base::Status TableCheck::examine(Here& here, const Range& range, std::uint64_t rows) {
  if (rows <= most_entries) {
    here.doubtful.push_back(range);
    return base::Ok{};
  }
  return table_.keyed() ? examine_halves(here, range, rows) : examine_prefixes(here);
}

base::Status TableCheck::examine_halves(Here& here, const Range& range, std::uint64_t rows) {
  const std::string sql = verify::boundary_sql(table_, range, rows / 2);
  topology::GtidSet at;
  auto middle = primary(sql, at);
  if (!middle) return middle.error();
  if (middle->rows.empty()) middle = replica(here, at, sql);  // the many are there only
  if (!middle) return middle.error();
  if (middle->rows.empty()) return examine(here, range, 0);  // they are gone
  const Key key = split_key(joined_key(*middle, 0, table_.key.size()));
  for (const Range& half : {Range{range.above, key, {}}, Range{key, range.upto, {}}}) {
    auto ours = primary(verify::digest_sql(table_, half), at);
    if (!ours) return ours.error();
    auto theirs = replica(here, at, verify::digest_sql(table_, half));
    if (!theirs) return theirs.error();
    const Digest a = digest_of(*ours, 0), b = digest_of(*theirs, 0);
    if (a == b) continue;
    const std::uint64_t more = std::max(a.rows, b.rows);
    if (auto done = examine(here, half, more < rows ? more : 0); !done) return done;
  }
  return base::Ok{};
}

base::Status TableCheck::examine_prefixes(Here& here) {
  topology::GtidSet at;
  const std::string sql = verify::digests_by_prefix_sql(table_);
  const auto read = [](const server::Table& table) {
    verify::Entries out;
    for (std::size_t row = 0; row < table.rows.size(); ++row)
      out[text_at(table, row, {"p"})] = text_at(table, row, {"n"}) + "," + text_at(table, row, {"s"});
    return out;
  };
  auto ours = primary(sql, at);
  if (!ours) return ours.error();
  auto theirs = replica(here, at, sql);
  if (!theirs) return theirs.error();
  Suspects parts{1};
  parts.look(read(*ours), read(*theirs));
  // Each range costs a scan, so as few as can be.
  std::uint64_t rows = most_entries;
  for (const auto& [prefix, pair] : parts.left()) {
    const std::uint64_t more = std::max(number(pair.primary.value_or("")), number(pair.replica.value_or("")));
    if (rows + more > most_entries) here.doubtful.emplace_back();
    rows = (rows + more > most_entries ? 0 : rows) + more;
    here.doubtful.back().prefixes.push_back(prefix);
  }
  return base::Ok{};
}

void TableCheck::finish(Here& here) {
  if (here.result.different > most_named)
    run_.note(
        here.replica->name(), table_.full_name(),
        "named are the first " + std::to_string(most_named) + " of " + std::to_string(here.result.different) + " rows");
  if (here.moving > 0)
    run_.note(here.replica->name(), table_.full_name(),
              std::to_string(here.moving) + " rows were written too often to be compared");
  run_.update([&](VerifyReport& report) { report.tables.push_back(here.result); });
}

}  // namespace wye::manager
