#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

// How a real difference is told from a write that one server has and the other has not yet. Pure.
//
// The primary is read, then the replica, once it has applied everything that the primary had committed when it was
// read; and again. A thing that was the same on both at one such look is the same: what comes later is written on both.
// A difference is real if both sides stay exactly as they are over several looks: had the primary's changed for a
// moment in between, the replica's would have, too.
namespace wye::verify {

/// What each side says: name -> text (a row's key -> its hash; an object -> its definition).
using Entries = std::map<std::string, std::string>;

class Suspects {
 public:
  struct Pair {
    std::optional<std::string> primary, replica;  // absent: it is not there
    unsigned looks = 0;                           // that were alike, one after the other
    bool operator==(const Pair&) const = default;
  };
  explicit Suspects(unsigned needed) : needed_{needed} {}

  /// `weight`: a look while the primary committed nothing counts for several.
  void look(const Entries& primary, const Entries& replica, unsigned weight = 1);

  const std::map<std::string, Pair>& left() const { return left_; }
  bool is_sure(const Pair& pair) const { return pair.looks >= needed_; }
  bool all_sure() const;

 private:
  unsigned needed_;
  bool begun_ = false;
  std::map<std::string, Pair> left_;
};

/// One row, column by column: a column that is written all the time does not hide one that differs.
class RowWatch {
 public:
  enum class Verdict : std::uint8_t { open, equal, different };
  using Row = std::optional<std::vector<std::string>>;  // a hash for each column; absent: there is no such row

  explicit RowWatch(unsigned needed) : needed_{needed} {}
  Verdict look(const Row& primary, const Row& replica, unsigned weight = 1);
  /// The columns that differ; empty, with `different`: the row is missing or extra.
  std::vector<std::size_t> columns() const;
  /// After the last look at the replica, the primary's row is still what the verdict is about.
  bool stands(const Row& primary) const;

 private:
  struct Cell {
    std::string primary, replica;
    unsigned looks = 0;
    bool met = false;  // they were equal once
  };
  Verdict look_at_cells(const Row& primary, const Row& replica, unsigned weight);
  unsigned needed_;
  unsigned lone_looks_ = 0;  // one side had the row and the other had not
  Row last_primary_, last_replica_;
  std::vector<Cell> cells_;
};

}  // namespace wye::verify
