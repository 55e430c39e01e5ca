#include <algorithm>

#include "proxy/session/driver/commands.h"
#include "proxy/session/driver/session.h"
#include "proxy/sql/ascii.h"

// READ ONLY transactions on replicas, and what of them belongs to the primary (decision 0008).
namespace wye::session {

/// A statement of a READ ONLY transaction on a replica goes to the primary, whose connection is in none.
bool Session::begins_on_primary() const {
  if (!session_.in_transaction() || !transaction_server_ || transaction_beside_) return false;
  if (facts_.kind == sql::Kind::begin) return false;  // that one ends first: leave_transaction_elsewhere()
  return is_primary(server_) && *transaction_server_ != server_;
}

/// It has begun there, in place of the replica's where nothing has been read in that one, else beside it.
void Session::move_transaction() {
  transaction_beside_ = !transaction_untouched_;
  if (!transaction_beside_) {
    roll_back(*transaction_server_);
    transaction_server_ = server_;
  }
  transaction_untouched_ = false;
}

/// Nobody waits for the answer. completion_type may be CHAIN, or RELEASE.
void Session::roll_back(topology::ServerId id) {
  auto* backend = held(id);
  if (backend == nullptr) return;
  backend->submit(ahead_, protocol::Expect::query, backend->command(com_query, "ROLLBACK AND NO CHAIN NO RELEASE"));
  backend->orphan(ahead_);
}

/// BEGIN in a READ ONLY transaction on a replica runs on another server: what is left of that transaction would show
/// its old snapshot to later reads.
void Session::leave_transaction_elsewhere() {
  if (command_[4] == com_stmt_prepare) return;  // BEGIN, too, only runs when it is executed
  if (!session_.in_transaction() || !transaction_server_) return;
  const bool begins_on_replica = facts_.kind == sql::Kind::begin && !is_primary(server_);
  if (transaction_beside_ ? !begins_on_replica : *transaction_server_ == server_) return;
  if (transaction_beside_ && context_.topology->primary) roll_back(*context_.topology->primary);
  const bool read_only = begins_on_replica || !is_primary(*transaction_server_);
  if (read_only && *transaction_server_ != server_) roll_back(*transaction_server_);
  session_.transaction_lost();
  transaction_server_.reset();
  transaction_beside_ = false;
}

/// A statement of a transaction on two servers has run. One that may have ended it, or begun another, leaves the
/// primary with what there is now.
void Session::settle_transaction() {
  if (!transaction_beside_ || !is_primary(server_)) return;
  const std::uint8_t command = command_[4];
  const bool text = command == com_query || command == com_stmt_execute || command == com_stmt_bulk_execute;
  const auto kind = facts_.kind;
  const bool plain =
      kind == sql::Kind::read || kind == sql::Kind::set || kind == sql::Kind::write || kind == sql::Kind::savepoint;
  const bool goes_on = !text || (plain && !facts_.several && !facts_.has(sql::fx_may_commit_unreported));
  if (goes_on && session_.in_transaction()) return;
  roll_back(*transaction_server_);
  transaction_server_.reset();
  transaction_beside_ = false;
}

/// SET autocommit = 1 ends a READ ONLY transaction, but both servers go on to refuse writes on that connection, until a
/// statement has read a table, or COMMIT (tried on MySQL 9.7.4 and MariaDB 10.11.19): the session stays there.
void Session::note_lingering() {
  if (!is_primary(server_)) return;
  // Under autocommit = 0 a SAVEPOINT may be the first of a transaction, and no flag tells.
  const bool autocommit = (session_.status() & protocol::status::autocommit) != 0;
  const bool begins = facts_.kind == sql::Kind::savepoint && !autocommit;
  const bool ends = facts_.kind == sql::Kind::commit || facts_.kind == sql::Kind::rollback || autocommit;
  savepoint_ = (savepoint_ || begins) && !ends;
  // Nor does an error that came behind its begin; the next answer's flags do.
  const std::uint8_t command = command_[4];
  if (attempt_.failed) {
    begun_unseen_ = !autocommit;
  } else if (command == com_query || command == com_stmt_execute || command == com_ping) {
    begun_unseen_ = false;
  }
  const bool ended = attempt_.was_in_transaction && !session_.in_transaction();
  const bool reads =
      sql::same(facts_.verb, "select") && facts_.has(sql::fx_mentions_table) && !facts_.has(sql::fx_system_schema);
  const bool over = facts_.kind == sql::Kind::commit || facts_.kind == sql::Kind::rollback ||
                    (facts_.kind == sql::Kind::write && facts_.has(sql::fx_mentions_table)) || reads;
  if (ended && facts_.has(sql::fx_autocommit)) {
    read_only_lingers_ = true;
  } else if (over && !attempt_.failed && command_[4] != com_stmt_prepare) {
    read_only_lingers_ = false;
  }
}

/// With the connection to its server, or to one of the two.
void Session::lose_transaction() {
  broken_transaction_ = session_.in_transaction();
  session_.transaction_lost();
  if (transaction_server_) roll_back(*transaction_server_);
  if (transaction_beside_ && context_.topology->primary) roll_back(*context_.topology->primary);
  transaction_beside_ = transaction_untouched_ = false;
  transaction_server_.reset();
}

void Session::note_untouched(bool failed) {
  if (command_[4] == com_stmt_prepare) return;
  const bool on_replica = session_.in_transaction() && transaction_server_ && !is_primary(*transaction_server_);
  const bool began = facts_.kind == sql::Kind::begin && !failed && !facts_.has(sql::fx_consistent_snapshot);
  const bool still = transaction_untouched_ && (facts_.kind == sql::Kind::set || facts_.kind == sql::Kind::use);
  transaction_untouched_ = on_replica && (began || still);
}

}  // namespace wye::session
