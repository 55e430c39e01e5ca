#include <algorithm>

#include "proxy/base/log.h"
#include "proxy/protocol/framing.h"
#include "proxy/protocol/wire.h"
#include "proxy/session/driver/commands.h"
#include "proxy/session/driver/session.h"
#include "proxy/sql/ascii.h"
#include "proxy/sql/previous.h"

// A connection to a server passes from one session to another between statements (routing.md 4), and the values that
// the previous statement left on it are read back before (routing.md 1).
namespace wye::session {

namespace {

constexpr std::size_t most_prepared = 200;  // statements that a connection takes along to the next session
constexpr base::milliseconds next_try{10'000};

}  // namespace

/// Nothing of the session lives there that no value stands for.
bool Session::may_hand_over(const pool::Backend& backend) const {
  const bool primary = is_primary(backend.key().server);
  if (!backend.idle()) return false;
  // A replica's that is to be removed nobody else gets: what its session has there it makes anew elsewhere.
  const bool for_good = !primary && server(backend.key().server).leaving;
  if (!for_good && (context_.config.pool.hand_over == "never" || !backend.tracks() || passed_on_ != nullptr))
    return false;
  if (backend.key().to_replica == primary) return false;
  if (context_.loop.now() < keeps_until_ || broken_transaction_) return false;
  if (primary && prepared_.name_user_variables()) return false;
  if (primary &&
      (savepoint_ || begun_unseen_ || read_only_lingers_ || values_unknown_ || session_.kept() != Keep::none))
    return false;
  if (session_.in_transaction()) {
    if (primary && transaction_beside_) return false;
    const auto where = transaction_server_ ? transaction_server_ : context_.topology->primary;
    if (where == backend.key().server) return false;
  }
  return !prepared_.ties_to(backend.key().server);
}

bool Session::on_backend_wanted(pool::Backend& backend, bool reluctantly) {
  if (!reluctantly && gives_reluctantly(backend.key().server)) return false;
  const bool idle = std::holds_alternative<Idle>(state_) && upload_.complete() && !infile_.active() && !dispatching_;
  // Whoever waits for a connection himself must not keep another one from those who wait for that.
  const bool queues = std::holds_alternative<Acquiring>(state_) && context_.pool.waits(*this);
  if ((!idle && !queues) || !may_hand_over(backend)) return false;
  const auto from = backend.key().server;
  if (queues) context_.pool.cancel(*this);
  if (must_recall(from)) {
    recall(from, queues ? Recalling::Then::run : Recalling::Then::idle, true);
    return true;
  }
  give_away(from);
  if (queues) obtain(server_);
  return true;
}

/// After a statement, or once a session was idle for long.
void Session::hand_over_what_others_need() {
  if (!std::holds_alternative<Idle>(state_) || !upload_.complete() || infile_.active()) return;
  const bool always = context_.config.pool.hand_over == "always";
  const bool long_idle = context_.loop.now() - state_since_ > context_.config.pool.idle;
  if (!always && !long_idle && !context_.pool.anyone_waits()) return;  // after nearly every statement
  const auto all = held_;
  for (const auto* backend : all) {
    const auto id = backend->key().server;
    const bool need = context_.pool.wanted(id);
    const bool may = need || ((always || long_idle) && !gives_reluctantly(id));
    if (!may || !may_hand_over(*backend)) continue;
    if (must_recall(id)) return recall(id, Recalling::Then::idle, true);  // and then the others
    give_away(id);
  }
}

/// What is read back there can't be told in every way: conditions to GET DIAGNOSTICS or within several statements. What
/// LASTVAL() says can't be at all, and hardly anyone asks who draws numbers.
bool Session::gives_reluctantly(topology::ServerId from) const {
  return previous_.has_conditions(from) || (drew_numbers_ && is_primary(from));
}

bool Session::must_recall(topology::ServerId from) {
  const bool primary = is_primary(from);
  return previous_.lives_on(from, primary) || held(from)->state().conditions || (primary && user_variables_.unknown());
}

/// Asks the connection for what only it knows.
void Session::recall(topology::ServerId from, Recalling::Then then, bool give_away) {
  const auto since = state_since_;
  become(Recalling{from, then, give_away, since});
  auto& backend = *held(from);
  recall_failed_ = false;
  const bool conditions = previous_.has_conditions(from);
  const bool mysql = context_.topology->flavour == topology::Flavour::mysql;
  const bool clear = give_away && (backend.state().conditions || (mysql && previous_.numbers_warn(from)));
  const bool variables = give_away && is_primary(from) && user_variables_.unknown();
  recalls_left_ = 1 + (conditions ? 1 : 0) + (clear ? 1 : 0) + (variables ? 1 : 0);
  const auto ask = [&](std::string_view sql, RowCollector& to) {
    backend.submit(to, protocol::Expect::query, backend.command(com_query, sql));
  };
  // MySQL's SELECT takes the conditions away; MariaDB's SHOW changes FOUND_ROWS().
  if (conditions && mysql) ask(PreviousValues::conditions, conditions_);
  ask(previous_.numbers(from), numbers_);
  if (conditions && !mysql) ask(PreviousValues::conditions, conditions_);
  if (variables) ask(user_variables_.question(), user_values_);
  if (mysql && previous_.numbers_warn(from)) backend.state().conditions = true;
  if (clear) ask(PreviousValues::clear, cleared_);
}

void Session::numbers_are(const RowCollector::Rows* rows) {
  const auto* now = std::get_if<Recalling>(&state_);
  if (now == nullptr) return;
  const bool primary = is_primary(now->from);
  const bool known = rows != nullptr && previous_.numbers_answered(now->from, primary, *rows);
  if (auto* backend = held(now->from); known && primary && backend != nullptr)
    backend->state().insert_id = previous_.insert_id();
  if (!known) log::warning("values_not_read_back", {{"session", id_}, {"server", server(now->from).name}});
  recalled(known);
}

void Session::conditions_are(const RowCollector::Rows* rows) {
  const auto* now = std::get_if<Recalling>(&state_);
  if (now == nullptr) return;
  if (rows != nullptr) previous_.conditions_answered(now->from, conditions_of(conditions_, *rows));
  recalled(rows != nullptr);
}

/// One of the answers is in.
void Session::recalled(bool good) {
  const auto* now = std::get_if<Recalling>(&state_);
  if (now == nullptr) return;
  recall_failed_ = recall_failed_ || !good;
  auto* backend = held(now->from);
  if (backend == nullptr || backend->dead() || --recalls_left_ > 0) return;  // of a dead one on_backend_lost() hears
  recall_over();
}

void Session::recall_over() {
  const Recalling done = std::get<Recalling>(state_);
  auto* backend = held(done.from);
  if (done.give_away && backend != nullptr && !recall_failed_) {
    backend->state().conditions = false;
    give_away(done.from);
  }
  if (done.then == Recalling::Then::run) {
    become(Idle{});
    if (recall_failed_) previous_use_ = sql::previous_none;  // it runs with what its server says
    if (answer_stored_conditions()) return next_command();
    return to_primary_ ? run_on_primary(reason_) : route_and_run();
  }
  become(Idle{});
  state_since_ = done.idle_since;
  if (recall_failed_) {
    keeps_until_ = context_.loop.now() + next_try;
    return next_command();
  }
  hand_over_what_others_need();
  if (std::holds_alternative<Idle>(state_)) next_command();
}

/// The connection is lost: what only it knew is gone.
void Session::recall_lost(topology::ServerId from) {
  previous_.lost(from, is_primary(from));
  recall_over();
}

/// A server that does not answer must not hold up what the client wants of others.
void Session::give_up_recall() {
  const auto from = std::get<Recalling>(state_).from;
  if (auto* backend = held(from); backend != nullptr) {
    held_.erase(std::find(held_.begin(), held_.end(), backend));
    for (const RowCollector* sink : {&numbers_, &conditions_, &user_values_, &cleared_}) backend->orphan(*sink);
    context_.pool.discard(*backend);
  }
  recall_lost(from);
}

void Session::give_away(topology::ServerId from) {
  auto* backend = held(from);
  // Whoever needs one of them again prepares it again: the server's memory, and its max_prepared_stmt_count, are
  // bounded.
  if (const auto& prepared = backend->state().prepared; prepared.size() > most_prepared) {
    std::vector<std::uint64_t> keys;
    for (const auto& [key, there] : prepared) keys.push_back(key);
    const auto newest = keys.end() - most_prepared;
    std::nth_element(keys.begin(), newest, keys.end());  // keys grow with time
    std::for_each(keys.begin(), newest, [&](std::uint64_t key) { close_there(*backend, key); });
  }
  held_.erase(std::find(held_.begin(), held_.end(), backend));
  previous_.given_away(from);
  context_.metrics.hand_overs.add();
  // User variables are set here, a routine has run, or the client's reset has taken away what the login set.
  const auto& there = backend->state();
  const bool as_it_is = !there.user_variables && !there.routine && backend->key() == backend_key(from);
  context_.pool.release(*backend, as_it_is);
}

void Session::note_previous_use(std::string_view text) {
  previous_use_ = sql::previous_use(text, dialect());
  reads_conditions_ = (previous_use_ & (sql::previous_conditions | sql::previous_diagnostics)) != 0;
}

/// A statement that reads values of the one before: those that the server where it will run does not know are read
/// back, and put into its text. True: it goes on when they are here.
bool Session::recall_for(topology::ServerId server) {
  auto use = previous_use_;
  if (may_keep_found_rows() && !recall_failed_) use |= sql::previous_found_rows;
  if (must_recall_conditions() && !recall_failed_) use |= sql::previous_conditions;
  if (use == sql::previous_none) return false;
  if (shows_conditions()) use |= sql::previous_conditions;
  auto from = previous_.elsewhere(use, server);
  // What runs again there for its conditions counts its rows.
  auto* const here = held(server);
  const bool counts = here != nullptr && may_keep_found_rows() && previous_.found_rows_at(server);
  if (!from && counts && !recall_failed_ && must_run_maker(*here)) from = server;
  const bool asks = (use & (sql::previous_conditions | sql::previous_diagnostics)) != 0;
  if (!from && asks && !recall_failed_ && previous_.stands_in_at(server)) from = server;
  if (auto* backend = from ? held(*from) : nullptr; backend != nullptr && backend->ready()) {
    server_ = server;
    recall(*from, Recalling::Then::run, false);
    return true;
  }
  if (previous_use_ == sql::previous_none || facts_.why == sql::Why::ddl) return false;
  const bool prepared = command_[4] == com_stmt_execute;
  const bool prepares = prepared && (here == nullptr || !here->state().prepared.contains(statement_->key));
  if (prepares) previous_.count_lost(server);
  if (prepared && opens_cursor()) return false;  // a stand-in would be gone before its FETCH
  const auto substituted = [&] {
    const std::string_view text = prepared ? std::string_view{statement_->text} : command_text();
    return previous_.substituted(text, dialect(), previous_use_, server);
  };
  auto text = substituted();
  if (text && prepared && !prepares) {  // that must be prepared, which takes the count away
    previous_.count_lost(server);
    text = substituted();
  }
  previous_use_ = sql::previous_none;
  if (!text) return false;
  if (prepared) {
    statement_ = &prepared_.stand_in(*statement_, *text);
    statement_->facts = facts_ = sql::classify(statement_->text, dialect());
  } else if (replace_text(*text)) {
    facts_ = sql::classify(command_text(), dialect());
  }
  return false;
}

}  // namespace wye::session
