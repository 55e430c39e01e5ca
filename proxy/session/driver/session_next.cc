#include "proxy/protocol/wire.h"
#include "proxy/routing/routines.h"
#include "proxy/session/driver/commands.h"
#include "proxy/session/driver/session.h"

// What goes ahead of a statement by value beside the session's settings: what SET TRANSACTION said of the next
// transaction, and user variables (routing.md 4).
namespace wye::session {

namespace {

constexpr const char* commit = "COMMIT AND NO CHAIN NO RELEASE";  // whatever completion_type is

}  // namespace

void Session::send_next_transaction(pool::Backend& backend) {
  auto& there = backend.state();
  const auto server = backend.key().server;
  const auto transaction = transaction_server_ ? transaction_server_ : context_.topology->primary;
  const bool here = transaction == server || (transaction_beside_ && is_primary(server));
  const bool inside = session_.in_transaction() && here;
  // Without DEPRECATE_EOF the end of rows tells nothing.
  const bool could_tell = backend.tracks() && backend.deprecate_eof() && !inside;
  const auto& next = session_.next();
  const std::string wanted = backend.key().to_replica ? next.for_replica() : next.pending();
  const auto ahead = [&](const std::string& sql) {
    ++attempt_.ahead_left;
    backend.submit(ahead_, protocol::Expect::query, backend.command(com_query, sql));
  };
  const bool may_set = facts_.has(sql::fx_next_transaction) || facts_.has(sql::fx_text_prepare) ||
                       facts_.kind == sql::Kind::call || !wanted.empty();
  if (could_tell && may_set && !there.tells_next && command_[4] != com_stmt_prepare) {
    ahead("SET @@session.session_track_transaction_info='CHARACTERISTICS'");
    // MySQL 9.7.4: what was READ ONLY before has left a trace in the tracker, which would hide the next one (tried).
    const bool nothing_pends = there.next_transaction.empty() && !session_.next_unknown();
    if (context_.topology->flavour == topology::Flavour::mysql && nothing_pends) ahead(commit);
    there.tells_next = true;
  }
  if (could_tell && there.next_transaction != wanted) {
    // It is used up elsewhere, or another session has left it: COMMIT without a transaction takes it away.
    if (!there.next_transaction.empty()) ahead(commit);
    if (!wanted.empty()) ahead("SET TRANSACTION " + wanted);
    there.next_transaction = wanted;
  }
  session_.next_is_told(there.tells_next);
}

/// A READ ONLY transaction on a replica gets another one on the primary (decision 0008), of the same level. MySQL tells
/// of the next one only if that begins in another way.
void Session::send_begin(pool::Backend& backend) {
  const auto ahead = [&](const std::string& sql) {
    ++attempt_.ahead_left;
    backend.submit(ahead_, protocol::Expect::query, backend.command(com_query, sql));
  };
  if (const auto& level = session_.next().level(); !level.empty()) ahead("SET TRANSACTION " + level);
  ahead(session_.next().has_snapshot() ? "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"
                                       : "START TRANSACTION READ ONLY");
}

void Session::note_next(pool::Backend& backend, const protocol::OkInfo& ok, bool ahead) {
  auto& there = backend.state();
  std::string_view state;
  protocol::for_each_tracker(ok.session_state, [&](const protocol::TrackerItem& item) {
    if (item.type == protocol::TrackerType::transaction_state) state = item.value;
  });
  if (!ahead) session_.next_answered(state, facts_);
  if (!there.tells_next || ok.session_state.empty() || (ahead && !session_.next_unknown())) return;
  protocol::for_each_tracker(ok.session_state, [&](const protocol::TrackerItem& item) {
    if (item.type != protocol::TrackerType::transaction_characteristics) return;
    there.next_transaction = pending_characteristics(item.value);
    if (ahead) session_.next_reported(item.value);
  });
}

void Session::note_user_variables() {
  note_triggers();
  if (!facts_.has(sql::fx_user_variable)) return;
  const bool whole = statement_ != nullptr || whole_;
  const std::string_view text = statement_ != nullptr ? std::string_view{statement_->text} : command_text();
  if (!whole || !user_variables_.named(text, dialect(), facts_)) session_.keep(Keep::user_variable);
}

/// Triggers of what it writes may set user variables of the session, and its text does not say so.
void Session::note_triggers() {
  if (context_.routines == nullptr || context_.routines->trigger_variables().empty()) return;
  const bool writes = facts_.kind == sql::Kind::write || facts_.kind == sql::Kind::call ||
                      facts_.kind == sql::Kind::unknown || facts_.several ||
                      (facts_.effects & (sql::fx_stored_function | sql::fx_text_prepare)) != 0;
  if (facts_.replica_ok || facts_.why == sql::Why::ddl || !writes) return;
  const sql::Facts write{};  // it sets them
  if (!user_variables_.named(context_.routines->trigger_variables(), {}, write)) session_.keep(Keep::user_variable);
}

/// To a connection to the primary on which they are not.
void Session::send_user_variables(pool::Backend& backend) {
  auto& there = backend.state();
  if (backend.key().to_replica || !user_variables_.any() || there.user_variables) return;
  there.user_variables = true;
  const std::string sql = user_variables_.restore();
  if (sql.empty()) return;
  ++attempt_.ahead_left;
  backend.submit(ahead_, protocol::Expect::query, backend.command(com_query, sql));
}

void Session::user_values_are(const RowCollector::Rows* rows) {
  if (!std::holds_alternative<Recalling>(state_)) return;
  const bool known = rows != nullptr && user_variables_.answered(user_values_.frames(), user_values_.definitions());
  if (!known) session_.keep(Keep::user_variable);
  recalled(known);
}

}  // namespace wye::session
