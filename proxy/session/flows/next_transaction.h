#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace wye::session {

/// What SET TRANSACTION said of the next transaction, by value, as the servers' tracker of a transaction's
/// characteristics reports it. Pure.
class NextTransaction {
 public:
  /// An answer's tracker. Empty: nothing is pending, and no transaction with characteristics runs.
  void reported(std::string_view characteristics);
  void forget() { *this = {}; }

  /// "ISOLATION LEVEL READ COMMITTED, READ ONLY"; empty: none. Also while a transaction runs that began by itself
  /// (autocommit=0) and used them up: the servers take them back when it ends.
  const std::string& pending() const { return pending_; }
  /// "ISOLATION LEVEL READ COMMITTED", of the transaction that runs; empty: the session's.
  const std::string& level() const { return level_; }
  std::optional<bool> read_only() const;
  std::optional<bool> serializable() const;
  /// What a connection to a replica may be told: it is READ ONLY already, and must stay so.
  std::string for_replica() const;

 private:
  std::string pending_, level_;
};

/// "SET TRANSACTION ISOLATION LEVEL READ COMMITTED; SET TRANSACTION READ ONLY;" as NextTransaction::pending().
std::string pending_characteristics(std::string_view characteristics);

}  // namespace wye::session
