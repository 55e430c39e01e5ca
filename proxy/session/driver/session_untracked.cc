#include <algorithm>

#include "proxy/session/driver/session.h"
#include "proxy/sql/session_text.h"

// Servers without session trackers (MySQL before 5.7), and what MariaDB's don't report (SET @@x = ...): what a
// statement did is known from its text and the status flags.
namespace wye::session {

namespace {

constexpr std::uint8_t com_init_db = 0x02, com_query = 0x03, com_stmt_execute = 0x17;

/// Did it commit something, seen from outside? No GTID says so. In doubt: yes.
bool may_have_committed(const sql::Facts& facts, bool was_in_transaction, bool in_transaction, bool failed) {
  if (was_in_transaction)
    return !in_transaction || facts.kind == sql::Kind::begin || facts.has(sql::fx_may_commit_unreported);
  if (facts.several || facts.has(sql::fx_stored_function) || facts.has(sql::fx_may_commit_unreported)) return true;
  switch (facts.kind) {
    case sql::Kind::read:
    case sql::Kind::use:
    case sql::Kind::begin:
    case sql::Kind::savepoint:
    case sql::Kind::empty:
    case sql::Kind::set:
      return false;
    default:
      return failed || !in_transaction;
  }
}

}  // namespace

/// Before the answer's end goes out.
void Session::note_untracked(bool failed) {
  const bool primary = is_primary(server_);
  const std::uint8_t command = command_[4];
  if (primary && (command == com_query || command == com_stmt_execute) &&
      may_have_committed(facts_, was_in_transaction_, session_.in_transaction(), failed))
    context_.frontier.unreported_commit(base::Clock::now());
  sql::SessionText done;
  if (command == com_init_db) {
    done.schema = std::string(command_text());
    done.whole = !failed;
  } else if (command == com_query) {
    done = sql::session_text(command_text(), dialect(), facts_);
  } else if (command == com_stmt_execute && statement_ != nullptr) {
    done = sql::session_text(statement_->text, dialect(), facts_);
  } else {
    return;
  }
  // Of one statement that failed nothing happened; several may have failed at any of them, a routine anywhere in it.
  const bool nothing = done.whole && done.variables.empty() && !done.schema;
  if (failed && !nothing) {
    const bool runs_others = facts_.several || facts_.kind == sql::Kind::call || facts_.has(sql::fx_stored_function) ||
                             facts_.has(sql::fx_text_prepare);
    if (command == com_init_db || !runs_others) return;
    done.whole = false;
  }
  // Which collation a charset brings along differs between the versions of MariaDB.
  const auto of_charset = [](const auto& v) { return v.first.starts_with("char") || v.first.starts_with("coll"); };
  if (facts_.has(sql::fx_unreported_setting) && std::any_of(done.variables.begin(), done.variables.end(), of_charset)) {
    done.whole = false;
  }
  const auto before = session_.pinned();
  session_.apply_text(done, primary);
  count_pin(before);
  if (session_.pinned() != Pin::none) primary_state_ = true;
  if (auto* backend = held(server_); backend != nullptr && !failed) session_.adopt(backend->state());
}

}  // namespace wye::session
