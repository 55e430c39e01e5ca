#include "proxy/session/driver/session.h"

// Why a connection did not go to another session after a statement: for who wants to know what holds connections, and
// for the oracle, which wants most of them to go.
namespace wye::session {

namespace {

using metrics::Kept;

Kept kept_by(Pin pin) {
  switch (pin) {
    case Pin::untracked_setting:
    case Pin::set_option:
    case Pin::replay_failed:
    case Pin::unseen_text:
      return Kept::untracked;
    default:
      return Kept::pinned;
  }
}

Kept kept_by(const SessionState& session) {
  switch (session.kept()) {
    case Keep::pinned:
      return kept_by(session.pinned());
    case Keep::user_variable:
      return Kept::user_variable;
    case Keep::routine:
      return Kept::routine;
    case Keep::user_lock:
      return Kept::user_lock;
    case Keep::text_prepare:
      return Kept::text_prepare;
    case Keep::trackers:
      return Kept::trackers;
    case Keep::read_only:
      return Kept::read_only;
    case Keep::unknown_statement:
      return Kept::unknown_statement;
    default:
      return Kept::other;
  }
}

}  // namespace

void Session::count_kept() {
  const bool always = context_.config.pool.hand_over == "always";
  if (!always && !context_.pool.anyone_waits()) return;  // after nearly every statement
  const auto* backend = held(server_);
  if (backend == nullptr || (!always && !context_.pool.wanted(server_))) return;
  auto& kept = context_.metrics.kept;
  if (may_hand_over(*backend)) {
    if (gives_reluctantly(server_) && !context_.pool.wanted(server_)) kept[Kept::conditions].add();
    return;
  }
  const auto why = [&] {
    const bool there = !transaction_server_ || transaction_server_ == server_ || transaction_beside_;
    if (session_.in_transaction() && there) return Kept::transaction;
    if (prepared_.ties_to(server_)) return Kept::cursor;
    if (!is_primary(server_)) return Kept::other;
    if (session_.kept() == Keep::none && values_unknown_) return Kept::routine;
    if (session_.kept() == Keep::none && prepared_.name_user_variables()) return Kept::user_variable;
    return kept_by(session_);
  };
  kept[why()].add();
}

}  // namespace wye::session
