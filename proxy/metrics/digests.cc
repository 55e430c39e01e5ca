#include "proxy/metrics/digests.h"

#include <algorithm>

namespace wye::metrics {
namespace {

constexpr std::size_t longest_name = 256;

std::uint64_t hash_of(std::string_view text) { return std::hash<std::string_view>{}(text); }

}  // namespace

void DigestEntry::merge(const DigestEntry& other) {
  first = count == 0 ? other.first : std::min(first, other.first);
  last = std::max(last, other.last);
  count += other.count;
  errors += other.errors;
  on_replicas += other.on_replicas;
  rows += other.rows;
  bytes_in += other.bytes_in;
  bytes_out += other.bytes_out;
  total_ns += other.total_ns;
  for (std::size_t i = 0; i < latencies.size(); ++i) latencies[i] += other.latencies[i];
}

std::uint64_t DigestEntry::percentile_us(unsigned percent) const {
  std::uint64_t all = 0, seen = 0;
  for (const auto n : latencies) all += n;
  for (std::size_t i = 0; i < latencies.size(); ++i) {
    seen += latencies[i];
    if (seen > 0 && seen * 100 >= all * percent) return Histogram::upper_bound_us(std::min(i, Histogram::bounds - 1));
  }
  return 0;
}

std::uint64_t DigestStore::key(std::uint64_t digest, std::string_view schema, std::string_view user) {
  return digest ^ (hash_of(schema) * 3) ^ (hash_of(user) * 5);
}

DigestEntry& DigestStore::entry(std::uint64_t digest, std::string_view schema, std::string_view user) {
  schema = schema.substr(0, longest_name);
  user = user.substr(0, longest_name);
  const std::uint64_t wanted = key(digest, schema, user);
  const auto [begin, end] = by_key_.equal_range(wanted);
  for (auto it = begin; it != end; ++it) {
    const auto found = it->second;
    if (found->digest != digest || found->schema != schema || found->user != user) continue;
    entries_.splice(entries_.begin(), entries_, found);
    return *found;
  }
  if (entries_.size() == most) {
    const DigestEntry& oldest = entries_.back();
    const auto [from, to] = by_key_.equal_range(key(oldest.digest, oldest.schema, oldest.user));
    for (auto it = from; it != to; ++it) {
      if (&*it->second != &oldest) continue;
      by_key_.erase(it);
      break;
    }
    entries_.pop_back();
  }
  entries_.emplace_front();
  DigestEntry& made = entries_.front();
  made.digest = digest;
  made.schema = schema;
  made.user = user;
  by_key_.emplace(wanted, entries_.begin());
  return made;
}

void DigestStore::add(DigestEntry& entry, const FinishedStatement& statement) {
  if (entry.count == 0) entry.first = statement.at;
  entry.last = statement.at;
  ++entry.count;
  if (statement.failed) ++entry.errors;
  if (statement.on_replica) ++entry.on_replicas;
  entry.rows += statement.rows;
  entry.bytes_in += statement.bytes_in;
  entry.bytes_out += statement.bytes_out;
  const auto ns = static_cast<std::uint64_t>(std::max<std::int64_t>(statement.duration.count(), 0));
  entry.total_ns += ns;
  ++entry.latencies[Histogram::bucket_of((ns + 999) / 1000)];
}

void DigestStore::note_writer(std::uint64_t digest, std::string_view schema, base::TimePoint now) {
  const std::uint64_t wanted = key(digest, schema, {});
  if (writers_.size() >= most_writers && !writers_.contains(wanted)) {
    writers_.erase(std::min_element(writers_.begin(), writers_.end(),
                                    [](const auto& a, const auto& b) { return a.second < b.second; }));
  }
  writers_[wanted] = now + writer_for;
}

bool DigestStore::is_writer(std::uint64_t digest, std::string_view schema, base::TimePoint now) const {
  if (writers_.empty()) return false;
  const auto it = writers_.find(key(digest, schema, {}));
  return it != writers_.end() && now < it->second;
}

}  // namespace wye::metrics
