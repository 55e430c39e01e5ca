#pragma once
#include <array>
#include <cstdint>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "proxy/base/clock.h"
#include "proxy/metrics/instruments.h"

namespace wye::metrics {

/// What one worker knows of the statements with one digest in one schema by one user. The text holds no value that a
/// client sent (sql::Digest).
struct DigestEntry {
  std::uint64_t digest = 0;
  std::string schema, user, text;
  std::uint64_t count = 0, errors = 0, on_replicas = 0;
  std::uint64_t rows = 0;                     // sent to clients, or changed
  std::uint64_t bytes_in = 0, bytes_out = 0;  // from and to clients
  std::uint64_t total_ns = 0;                 // from the command's first byte in to its answer's end
  std::array<std::uint32_t, Histogram::buckets> latencies{};
  base::TimePoint first{}, last{};

  void merge(const DigestEntry& other);  // REQUIRES: the same digest, schema and user
  std::uint64_t average_us() const { return count == 0 ? 0 : total_ns / count / 1000; }
  /// The upper bound of the bucket in which that share of the statements lies, in percent.
  std::uint64_t percentile_us(unsigned percent) const;
};

/// One finished statement.
struct FinishedStatement {
  bool failed = false, on_replica = false;
  std::uint64_t rows = 0, bytes_in = 0, bytes_out = 0;
  std::chrono::nanoseconds duration{};
  base::TimePoint at{};
};

/// The digests of one worker, and those among them that a replica refused as writes. Owner: the worker; its thread
/// alone. At most `most` entries, the one unused for longest goes first; with texts of at most `longest_text` bytes and
/// names of at most 256 that is below 5 MiB a worker, and 1 MiB with usual statements.
class DigestStore {
 public:
  static constexpr std::size_t most = 2000, longest_text = 1024, most_writers = 1000;
  static constexpr std::chrono::hours writer_for{1};  // by then the function may be another one

  /// The entry, made if it is not there: then its text is empty, and the caller's to fill in.
  DigestEntry& entry(std::uint64_t digest, std::string_view schema, std::string_view user);
  static void add(DigestEntry& entry, const FinishedStatement& statement);
  std::vector<DigestEntry> entries() const { return {entries_.begin(), entries_.end()}; }

  void note_writer(std::uint64_t digest, std::string_view schema, base::TimePoint now);
  bool is_writer(std::uint64_t digest, std::string_view schema, base::TimePoint now) const;

 private:
  using Entries = std::list<DigestEntry>;  // the last used first
  static std::uint64_t key(std::uint64_t digest, std::string_view schema, std::string_view user);

  Entries entries_;
  std::unordered_multimap<std::uint64_t, Entries::iterator> by_key_;
  std::unordered_map<std::uint64_t, base::TimePoint> writers_;  // until when
};

}  // namespace wye::metrics
