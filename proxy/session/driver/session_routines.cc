#include <algorithm>
#include <iterator>

#include "proxy/session/driver/commands.h"
#include "proxy/session/driver/session.h"
#include "proxy/sql/routines.h"

// Stored functions and procedures that only read: they run on replicas like other reads (routing.md 1).
namespace wye::session {

/// Which routines only read may have changed since the statement was prepared: asked each time it runs.
void Session::know_routines(sql::Facts& facts, std::string_view text, const ReadAs& as, std::string_view schema) const {
  const bool routines_only = facts.why == sql::Why::unknown_function || facts.why == sql::Why::call;
  if (facts.replica_ok || !routines_only || context_.routines == nullptr) return;
  if (context_.routines_changed.since(context_.topology->routines_at)) return;  // the monitor looks again
  const routing::RoutinesInSchema routines{*context_.routines, schema};
  const auto known = sql::classify(text, as.dialect, nullptr, &routines);
  if (known.replica_ok) facts = known;
}

/// The same for the command that runs. What is not seen whole could call anything.
void Session::know_routines() {
  // Whether a routine takes away the conditions of the statement before, MariaDB decides by the tables in it: they must
  // be where it runs.
  if (context_.topology->flavour == topology::Flavour::mariadb) {
    bool conditions = previous_.stored_conditions() || !previous_.conditions_sql(false).empty();
    for (const auto* backend : held_) conditions = conditions || previous_.has_conditions(backend->key().server);
    if (conditions) return;
  }
  if (statement_ != nullptr) {
    know_routines(facts_, statement_->text, statement_->read_as, statement_->schema);
  } else if (upload_.complete()) {
    know_routines(facts_, command_text(), tally_.as, session_.schema);
  }
  correct(facts_, tally_.as.digest);  // a reader that was none
}

/// What it may have left on its connection nobody has said, if the routine was another one than was known. Behind the
/// session's state, which is written first.
void Session::note_routine(pool::Backend& backend) const {
  const bool runs =
      facts_.kind == sql::Kind::call || facts_.has(sql::fx_stored_function) || facts_.has(sql::fx_sequence);
  if (runs && command_[4] != com_stmt_prepare) backend.state().routine = true;
}

/// A routine of another schema has run, and the session came back to its own. Behind results that name that schema an
/// error does not say so: the connection's next answer would, and may be another session's.
void Session::note_other_schema() {
  const bool ran = command_[4] == com_query || command_[4] == com_stmt_execute;
  const bool routine = facts_.kind == sql::Kind::call || facts_.has(sql::fx_stored_function);
  const bool untold =
      ran_.failed && ran_.results > 0 && (capabilities_ & protocol::cap::session_track) != 0 && !facts_.several;
  if (!ran || !routine || (!untold && !session_.would_notice_other_schema())) return;
  static constexpr std::uint16_t before_it_ran[] = {1305, 1318, 1370};
  const auto* const end = std::end(before_it_ran);
  if (ran_.failed && std::find(std::begin(before_it_ran), end, ran_.error) != end) return;
  const std::string_view text = statement_ != nullptr ? std::string_view{statement_->text} : command_text();
  if (!sql::calls_in_another_schema(text, dialect(), session_.schema)) return;
  if (untold) pending_trackers_ = schema_tracker(session_.schema);
  if (!session_.would_notice_other_schema()) return;
  session_.came_back_to_schema();
  if (auto* backend = held(server_); backend != nullptr) session_.used(backend->state(), session_.schema);
}

}  // namespace wye::session
