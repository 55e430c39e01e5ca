#include <algorithm>
#include <array>
#include <cstdio>
#include <map>
#include <tuple>

#include "proxy/admin/tables.h"

namespace wye::admin {
namespace {

using metrics::DigestEntry;

std::vector<DigestEntry> merged(std::vector<DigestEntry> entries) {
  std::map<std::tuple<std::uint64_t, std::string, std::string>, std::size_t> places;
  std::vector<DigestEntry> all;
  for (DigestEntry& entry : entries) {
    const auto [place, fresh] = places.try_emplace({entry.digest, entry.schema, entry.user}, all.size());
    if (fresh) {
      all.push_back(std::move(entry));
    } else {
      all[place->second].merge(entry);
    }
  }
  return all;
}

std::string hex(std::uint64_t digest) {
  std::array<char, 17> text{};
  std::snprintf(text.data(), text.size(), "%016llx", static_cast<unsigned long long>(digest));
  return text.data();
}

std::string percent(std::uint64_t part, std::uint64_t whole) {
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), "%.1f",
                whole == 0 ? 0.0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole));
  return text.data();
}

std::string seconds_ago(base::TimePoint then, base::TimePoint now) {
  return std::to_string(std::chrono::duration_cast<base::seconds>(std::max(now, then) - then).count());
}

protocol::Cell name(const std::string& text) { return text.empty() ? protocol::Cell{} : protocol::Cell{text}; }

}  // namespace

protocol::Table digests_table(std::vector<DigestEntry> entries, std::size_t most, base::TimePoint now) {
  auto all = merged(std::move(entries));
  std::sort(all.begin(), all.end(), [](const DigestEntry& a, const DigestEntry& b) {
    return std::tie(b.total_ns, a.digest, a.schema, a.user) < std::tie(a.total_ns, b.digest, b.schema, b.user);
  });
  if (all.size() > most) all.resize(most);
  protocol::Table table{{"digest", "schema", "user", "count", "errors", "rows", "bytes_in", "bytes_out", "total_ms",
                         "avg_us", "p99_us", "replica_percent", "first_seen_s", "last_seen_s", "text"},
                        {}};
  for (const DigestEntry& e : all) {
    table.rows.push_back(
        {hex(e.digest), name(e.schema), name(e.user), std::to_string(e.count), std::to_string(e.errors),
         std::to_string(e.rows), std::to_string(e.bytes_in), std::to_string(e.bytes_out),
         std::to_string(e.total_ns / 1'000'000), std::to_string(e.average_us()), std::to_string(e.percentile_us(99)),
         percent(e.on_replicas, e.count), seconds_ago(e.first, now), seconds_ago(e.last, now), e.text});
  }
  return table;
}

}  // namespace wye::admin
