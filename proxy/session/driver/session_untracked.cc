#include <algorithm>

#include "proxy/session/driver/commands.h"
#include "proxy/session/driver/session.h"
#include "proxy/sql/session_text.h"

// Servers without session trackers (MySQL before 5.7), and what MariaDB's don't report (SET @@x = ...): what a
// statement did is known from its text and the status flags.
namespace wye::session {

namespace {

constexpr std::uint32_t since_9 = 90'000;  // not tried on MySQL 8

/// Did it commit something, seen from outside? No GTID says so. In doubt: yes.
bool committed_unseen(const sql::Facts& facts, bool was_in_transaction, bool in_transaction, bool failed) {
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
      committed_unseen(facts_, attempt_.was_in_transaction, session_.in_transaction(), failed))
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

/// @@session_track_* are the client's for as long as a statement shows or sets them. A transaction refuses some of
/// wye's.
bool Session::shows_own_trackers(const pool::Backend& backend) const {
  if (!facts_.has(sql::fx_session_track) || command_[4] == com_stmt_prepare) return false;
  return !backend.key().to_replica && backend.tracks() && !session_.in_transaction();
}

Encoding Session::encoding(pool::Backend& backend) const {
  return {(capabilities_ & protocol::cap::deprecate_eof) != 0,
          (capabilities_ & protocol::cap::session_track) != 0,
          backend.deprecate_eof(),
          &session_.trackers(),
          context_.topology->flavour == topology::Flavour::mariadb,
          shows_own_trackers(backend),
          backend.state().tells_next,
          context_.topology->flavour == topology::Flavour::mysql && context_.greeting_version.number >= since_9,
          &session_.next()};
}

/// A statement that runs no routine and uses no schema. Only of interest to clients that track it on MariaDB.
bool Session::names_no_schema() const {
  if ((capabilities_ & protocol::cap::session_track) == 0 || facts_.several || facts_.has(sql::fx_stored_function))
    return false;
  if (command_[4] != com_query && command_[4] != com_stmt_execute) return false;
  switch (facts_.kind) {
    case sql::Kind::set:
    case sql::Kind::begin:
    case sql::Kind::commit:
    case sql::Kind::rollback:
    case sql::Kind::savepoint:
      return true;
    default:
      return facts_.why == sql::Why::ddl || facts_.has(sql::fx_temporary_table);
  }
}

void Session::send_own_trackers(pool::Backend& backend) {
  if (!shows_own_trackers(backend)) return;
  ++attempt_.ahead_left;
  const bool mariadb = context_.topology->flavour == topology::Flavour::mariadb;
  backend.submit(ahead_, protocol::Expect::query, backend.command(com_query, session_.own_trackers(mariadb)));
  session_.trackers_lost();
  backend.state().tells_next = false;
}

/// SET session_track_*, to whatever value: what they are now is asked before wye's are set again. What else the
/// statement has set is reported as the client wants it, so it is read back as well.
bool Session::ask_trackers(pool::Backend& backend) {
  const bool set = facts_.has(sql::fx_session_track) && facts_.kind == sql::Kind::set;
  if (!set || !backend.tracks() || command_[4] == com_stmt_prepare) return false;
  values_unknown_ = true;
  session_.trackers_lost();
  if (session_.in_transaction()) return false;  // where that of transactions can't be set
  backend.state().tells_next = false;
  const bool mariadb = context_.topology->flavour == topology::Flavour::mariadb;
  backend.submit(trackers_, protocol::Expect::query, backend.command(com_query, SessionState::ask_trackers(mariadb)));
  return true;
}

void Session::trackers_are(const RowCollector::Rows* rows) {
  const auto* settling = std::get_if<Settling>(&state_);
  auto* backend = held(server_);
  if (settling == nullptr || backend == nullptr || backend->dead()) return;
  if (rows != nullptr && rows->size() == 1) session_.trackers_are(rows->front());
  if (session_.take_tracker_change()) backend->settings_lost();
  client_->hold(false);
  finish(settling->failed);
}

/// MariaDB reports no SET @@x = ..., and what routines and EXECUTE run is not seen.
void Session::note_unseen() {
  const bool runs_others =
      facts_.runs_routines() || facts_.kind == sql::Kind::unknown || facts_.has(sql::fx_text_prepare);
  if (context_.topology->flavour != topology::Flavour::mariadb || !runs_others || !is_primary(server_)) return;
  if (command_[4] == com_query || command_[4] == com_stmt_execute) values_unknown_ = true;
}

/// What results depend on, as it is on the primary's connection by now. Only before a replica is needed: it costs the
/// values of the previous statement there. False: nothing to ask.
bool Session::read_back(topology::ServerId to) {
  const auto primary = context_.topology->primary;
  auto* backend = primary ? held(*primary) : nullptr;
  values_unknown_ = backend != nullptr && defaults_.values() != nullptr;
  if (!values_unknown_) return false;
  if (previous_.lives_on(*primary, true) && !recall_failed_) {
    recall(*primary, Recalling::Then::run, false);
    return true;
  }
  std::string sql;
  for (const auto& [variable, value] : *defaults_.values()) sql += (sql.empty() ? "SELECT @@" : ", @@") + variable;
  become(ReadingBack{to});
  backend->submit(values_, protocol::Expect::query, backend->command(com_query, sql));
  return true;
}

void Session::values_are(const RowCollector::Rows* rows) {
  const auto* reading = std::get_if<ReadingBack>(&state_);
  if (reading == nullptr) return;
  const auto to = reading->to;
  values_unknown_ = false;
  const auto primary = context_.topology->primary;
  auto* backend = primary ? held(*primary) : nullptr;
  if (backend == nullptr || backend->dead()) return;  // on_backend_lost() follows
  if (rows == nullptr || rows->size() != 1 || rows->front().size() != defaults_.values()->size()) {
    session_.pin(Pin::replay_failed);
    return run_on_primary(routing::Reason::pinned);
  }
  auto value = rows->front().begin();
  for (const auto& [variable, begun] : *defaults_.values()) session_.found(variable, *value++, begun);
  session_.adopt(backend->state());
  obtain(to);
}

}  // namespace wye::session
