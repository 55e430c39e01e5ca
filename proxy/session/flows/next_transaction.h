#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/sql/facts.h"

namespace wye::session {

/// What SET TRANSACTION said of the next transaction, by value, and whether the one that runs was begun by a statement:
/// as the servers' trackers of transactions report it. Pure.
class NextTransaction {
 public:
  /// An answer's tracker. Empty: nothing is pending, and no transaction with characteristics runs.
  void reported(std::string_view characteristics);
  /// An OK of the client's statement. `state`: its tracker of the transaction's state, "T_R_____"; empty: not told.
  /// `runs`: by its status flags a transaction runs.
  void answered(std::string_view state, const sql::Facts& facts, bool runs);
  /// By the last OK a transaction of BEGIN began or ended, or the next one is WITH CONSISTENT SNAPSHOT and this one was
  /// not, or the reverse: all that MySQL tells of the state unless asked for more.
  bool begun_or_ended() const { return begun_or_ended_; }
  /// How it tells it.
  std::string_view state() const;
  /// What is pending is gone, and the transaction; the client has not been told so.
  void lost() {
    pending_.clear();
    level_.clear();
  }

  /// "ISOLATION LEVEL READ COMMITTED, READ ONLY"; empty: none. Also while a transaction runs that began by itself
  /// (autocommit=0) and used them up: the servers take them back when it ends.
  const std::string& pending() const { return pending_; }
  /// "ISOLATION LEVEL READ COMMITTED", of the transaction that runs; empty: the session's.
  const std::string& level() const { return level_; }
  /// The one that runs began WITH CONSISTENT SNAPSHOT.
  bool has_snapshot() const { return begun_ == Begun::snapshot; }
  std::optional<bool> read_only() const;
  std::optional<bool> serializable() const;
  /// What a connection to a replica may be told: it is READ ONLY already, and must stay so.
  std::string for_replica() const;

 private:
  std::string pending_, level_;
  enum class Begun : std::uint8_t { no, plain, snapshot } begun_ = Begun::no;
  bool begun_or_ended_ = false;
};

/// "SET TRANSACTION ISOLATION LEVEL READ COMMITTED; SET TRANSACTION READ ONLY;" as NextTransaction::pending().
std::string pending_characteristics(std::string_view characteristics);

}  // namespace wye::session
