// Whether what differed at one look differs for good: the second part of TableCheck.
#include <algorithm>
#include <utility>

#include "replication/manager/verify_table.h"
#include "replication/verify/sql.h"

namespace wye::manager {
namespace {

using verify::Key;
using verify::RowWatch;
using verify::Suspects;

constexpr unsigned looks_needed = 8, quiet_weight = 3;
constexpr unsigned most_looks = 40, most_row_looks = 80;
constexpr base::milliseconds longest_nap{128};
constexpr std::uint64_t answer_rows = 9999;    // more than an answer can have is a mistake
constexpr std::size_t most_watched = 1000;     // rows whose columns are watched
constexpr std::size_t watched_cells = 20'000;  // columns of rows in one answer
constexpr std::uint64_t most_named = 100;      // rows, of one table on one replica
// MySQL has a commit in its tables and on its replicas before gtid_executed has it: looks a few milliseconds apart can
// all be alike by that alone, so a difference must still be there after so long.
constexpr base::milliseconds until_settled{1000};
constexpr char separator = '\x1f';  // in no value of a key: they are numbers, moments and hexadecimal

base::milliseconds nap(unsigned look) {
  if (look == 0) return base::milliseconds{0};
  return look > 7 ? longest_nap : base::milliseconds{1U << (look - 1)};
}

/// Rows that are only counted are not worth the wait: a replica may differ in a million.
base::milliseconds settling(const VerifiedTable& found) {
  return found.different < most_named ? until_settled : base::milliseconds{0};
}

using Rows = std::map<std::string, std::vector<std::string>>;

void add_rows(const server::Table& table, std::size_t key_columns, Rows& out) {
  for (std::size_t row = 0; row < table.rows.size(); ++row) {
    auto& hashes = out[joined_key(table, row, key_columns)];
    for (std::size_t i = key_columns; i < table.columns.size(); ++i) hashes.push_back(text_at(table, row, i));
  }
}

RowWatch::Row row_in(const Rows& rows, const std::string& key) {
  const auto at = rows.find(key);
  return at == rows.end() ? std::nullopt : RowWatch::Row{at->second};
}

std::string what_of(const Suspects::Pair& pair) {
  return !pair.replica ? "missing on the replica" : !pair.primary ? "only on the replica" : "differs";
}

}  // namespace

std::string joined_key(const server::Table& table, std::size_t row, std::size_t columns) {
  std::string out;
  for (std::size_t i = 0; i < columns; ++i) out += (i == 0 ? "" : std::string{separator}) + text_at(table, row, i);
  return out;
}

Key split_key(const std::string& text) {
  Key key;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(separator, begin), text.size());
    key.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return key;
}

base::Status TableCheck::add_entries(const server::Table& table, verify::Entries& out) const {
  if (table.rows.size() >= answer_rows) return base::Error{1104, "42000", "more rows than can be looked at one by one"};
  const std::size_t names = std::max<std::size_t>(table_.key.size(), 1);
  for (std::size_t row = 0; row < table.rows.size(); ++row)
    out[joined_key(table, row, names)] = text_at(table, row, names);
  return base::Ok{};
}

/// A look while the primary committed nothing at all shows exactly the same moment on both.
base::Result<unsigned> TableCheck::weight(const Here& here, const topology::GtidSet& at) {
  if (!here.replica->side->shows_what_it_says()) return 1U;
  auto now = run_.primary().position();
  if (!now) {
    primary_error_ = now.error();
    return now.error();
  }
  return *now == at ? quiet_weight : 1U;
}

/// All ranges on the primary, then all of them on the replica: it is waited for once.
base::Status TableCheck::look_at(Here& here, const std::vector<verify::Range>& ranges, Suspects& suspects) {
  topology::GtidSet at, first;
  verify::Entries ours, theirs;
  for (const verify::Range& range : ranges) {
    auto rows = primary(verify::entries_sql(table_, range, answer_rows), at);
    if (!rows) return rows.error();
    if (&range == &ranges.front()) first = at;
    if (auto done = add_entries(*rows, ours); !done) return done;
  }
  for (const verify::Range& range : ranges) {
    auto rows = replica(here, at, verify::entries_sql(table_, range, answer_rows));
    if (!rows) return rows.error();
    if (auto done = add_entries(*rows, theirs); !done) return done;
  }
  auto heavy = weight(here, first);
  if (!heavy) return heavy.error();
  suspects.look(ours, theirs, *heavy);
  return base::Ok{};
}

base::Status TableCheck::resolve(Here& here) {
  const auto ranges = std::exchange(here.doubtful, {});
  if (ranges.empty()) return base::Ok{};
  Suspects suspects{looks_needed};
  bool sure = false;  // at the last look
  for (unsigned look = 0; look < most_looks; ++look) {
    if (!run_.pause(sure ? settling(here.result) : nap(look))) return VerifyRun::stop_error();
    if (auto done = look_at(here, ranges, suspects); !done) return done;
    if (suspects.left().empty()) return base::Ok{};
    if (table_.keyed() && suspects.left().size() <= most_watched) return watch(here, suspects);
    if (const bool before = std::exchange(sure, suspects.all_sure()); before && sure) return judge(here, suspects);
  }
  if (!run_.pause(settling(here.result))) return VerifyRun::stop_error();
  if (auto done = look_at(here, ranges, suspects); !done) return done;
  return judge(here, suspects);
}

base::Status TableCheck::judge(Here& here, const Suspects& suspects) {
  verify::Entries named;
  if (!table_.keyed()) {
    auto read = contents(here, suspects);
    if (!read) return read.error();
    named = std::move(*read);
  }
  for (const auto& [key, pair] : suspects.left()) {
    if (!suspects.is_sure(pair)) {
      ++here.moving;
    } else if (table_.keyed()) {
      name_row(here, verify::shown(table_, split_key(key)), what_of(pair));
    } else {
      const auto content = named.find(key);
      name_content(here, content == named.end() ? "a row" : content->second, pair);
    }
  }
  return base::Ok{};
}

/// What is in the rows that will be named, by hash: nothing else names them. One scan on each side.
base::Result<verify::Entries> TableCheck::contents(Here& here, const Suspects& suspects) {
  std::vector<std::string> ours, theirs;
  for (const auto& [hash, pair] : suspects.left())
    if (suspects.is_sure(pair) && ours.size() + theirs.size() < most_named)
      (pair.primary ? ours : theirs).push_back(hash);
  verify::Entries out;
  for (const bool mine : {true, false}) {
    const auto& hashes = mine ? ours : theirs;
    if (hashes.empty()) continue;
    const std::string sql = verify::contents_sql(table_, hashes);
    auto rows = mine ? run_.primary().table(sql) : here.replica->side->table(sql);
    if (!rows && mine) primary_error_ = rows.error();
    if (!rows) return rows.error();
    for (std::size_t row = 0; row < rows->rows.size(); ++row) out[text_at(*rows, row, 0)] = text_at(*rows, row, 1);
  }
  return out;
}

/// Row by row and column by column, some hundreds of rows at once.
base::Status TableCheck::watch(Here& here, const Suspects& suspects) {
  Watched watched;
  for (const auto& [key, pair] : suspects.left()) watched.emplace(key, WatchedRow{RowWatch{looks_needed}});
  for (unsigned look = 0; look < most_row_looks && !watched.empty(); ++look) {
    if (!run_.pause(nap(look))) return VerifyRun::stop_error();
    if (auto done = watch_once(here, watched); !done) return done;
  }
  here.moving += watched.size();
  return base::Ok{};
}

base::Status TableCheck::watch_once(Here& here, Watched& watched) {
  const std::size_t at_once = std::max<std::size_t>(watched_cells / table_.columns.size(), 1),
                    names = table_.key.size();
  std::vector<std::string> statements;
  std::vector<Key> keys;
  for (auto one = watched.begin(); one != watched.end();) {
    keys.push_back(split_key(one->first));
    if (++one != watched.end() && keys.size() < at_once) continue;
    statements.push_back(verify::rows_sql(table_, keys));
    keys.clear();
  }
  topology::GtidSet at, first;
  Rows ours, theirs, after;
  for (const std::string& sql : statements) {
    auto rows = primary(sql, at);
    if (!rows) return rows.error();
    if (&sql == &statements.front()) first = at;
    add_rows(*rows, names, ours);
  }
  for (const std::string& sql : statements) {
    auto rows = replica(here, at, sql);
    if (!rows) return rows.error();
    add_rows(*rows, names, theirs);
  }
  auto heavy = weight(here, first);
  if (!heavy) return heavy.error();
  const auto now = base::Clock::now();
  std::vector<std::string> different;
  for (auto one = watched.begin(); one != watched.end();) {
    auto& [row, since] = one->second;
    const auto verdict = row.look(row_in(ours, one->first), row_in(theirs, one->first), *heavy);
    if (verdict != RowWatch::Verdict::different)
      since.reset();
    else if (!since)
      since = now;
    if (since && now - *since >= settling(here.result)) different.push_back(one->first);
    one = verdict == RowWatch::Verdict::equal ? watched.erase(one) : std::next(one);
  }
  if (different.empty()) return base::Ok{};
  for (const std::string& sql : statements) {
    auto rows = primary(sql, at);
    if (!rows) return rows.error();
    add_rows(*rows, names, after);
  }
  for (const std::string& key : different) {
    const auto one = watched.find(key);
    if (!one->second.watch.stands(row_in(after, key))) continue;
    const auto columns = one->second.watch.columns();
    if (auto done = name_watched(here, key, columns, row_in(after, key).has_value()); !done) return done;
    watched.erase(one);
  }
  return base::Ok{};
}

/// `columns`: that differ; empty: one side has no such row, unless it has one whose key is only spelt otherwise.
base::Status TableCheck::name_watched(Here& here, const std::string& key, const std::vector<std::size_t>& columns,
                                      bool ours) {
  const Key parts = split_key(key);
  auto differing = columns;
  if (columns.empty()) {
    const std::string sql = verify::rows_sql(table_, {parts});
    auto mine = run_.primary().table(sql);
    if (!mine) {
      primary_error_ = mine.error();
      return mine.error();
    }
    auto other = here.replica->side->table(sql);
    if (!other) return other.error();
    const bool both = !mine->rows.empty() && !other->rows.empty();
    if (both && !ours) return base::Ok{};  // told with the primary's spelling
    for (std::size_t i = 0; both && i < table_.columns.size(); ++i)
      if (text_at(*mine, 0, parts.size() + i) != text_at(*other, 0, parts.size() + i)) differing.push_back(i);
  }
  std::string what;
  for (const std::size_t i : differing) what += (what.empty() ? "differs: " : ", ") + table_.columns[i].name;
  if (what.empty()) what = ours ? "missing on the replica" : "only on the replica";
  name_row(here, verify::shown(table_, parts), what);
  return base::Ok{};
}

void TableCheck::name_content(Here& here, const std::string& content, const Suspects::Pair& pair) {
  name_row(here, content,
           pair.primary && pair.replica
               ? *pair.primary + " times on the primary, " + *pair.replica + " times on the replica"
               : what_of(pair));
}

void TableCheck::name_row(Here& here, const std::string& key, const std::string& what) {
  if (here.result.different++ == 0) here.result.first = key + ": " + what;
  if (here.result.different <= most_named) run_.found({here.replica->name(), "row", table_.full_name(), key, what});
}

}  // namespace wye::manager
