#include <algorithm>

#include "proxy/base/log.h"
#include "proxy/session/driver/commands.h"
#include "proxy/session/driver/session.h"

// What comes back from the servers: the client's answers, those of wye's own statements, and lost connections
// (routing.md 7).
namespace wye::session {

using protocol::Part;

namespace {

/// What a server answers to a statement while it shuts down or closes the connection: as good as a lost one.
bool says_goodbye(std::uint16_t code) {
  return code == 1053 /* shutdown in progress */ || code == 1927 || code == 3169 /* connection or session was killed */;
}

base::Bytes read_only_transaction_error(bool mariadb) {
  base::Bytes payload;
  protocol::write_err(payload, {1792, "25006",
                                mariadb ? "Cannot execute statement in a READ ONLY transaction"
                                        : "Cannot execute statement in a READ ONLY transaction."});
  return payload;
}

}  // namespace

void Session::on_definitions_end(std::uint8_t next_sequence) {
  answer_.definitions_end(client_->out(), next_sequence, session_.status());
  client_->schedule();
}

void Session::on_raw(base::ByteView frames) {
  if (attempt_.spoiled != Spoiled::no) return;
  attempt_.passed = true;
  tally_.out += frames.size();
  client_->write(frames);
  // The server waits as long as its client is slow; the client's on_drained() wakes it.
  if (client_->congested()) {
    if (auto* backend = held(server_)) backend->stream().pause_reading();
  }
}

void Session::on_packet(Part part, std::uint8_t sequence, base::ByteView payload,
                        const protocol::ResponseTracker& tracker) {
  if (attempt_.spoiled != Spoiled::no) return;
  const bool rows_end = part == Part::ok_of_result || (part == Part::eof && !tracker.between_packets_of_rows());
  if (part == Part::ok || rows_end) ++ran_.results;
  if (attempt_.first) {
    attempt_.first = false;
    const auto waited = std::chrono::duration_cast<base::microseconds>(base::Clock::now() - sent_);
    auto& server_metrics = context_.metrics.server(server_);
    server_metrics.latency.observe(waited);
    context_.pool.load()[server_].latency_us =
        static_cast<std::uint32_t>(std::min<std::int64_t>(server_metrics.latency.value().count(), UINT32_MAX));
    context_.metrics.statement_seconds
        .at(is_primary(server_) ? metrics::RouteKind::primary : metrics::RouteKind::replica, metrics::Phase::server)
        .observe(waited);
  }
  protocol::OkInfo ok;
  const protocol::OkInfo* known = nullptr;
  base::Bytes renumbered;
  std::optional<std::uint8_t> asked_sequence;
  bool joined = false;  // trackers of earlier results
  switch (part) {
    case Part::err: {
      const auto parsed = protocol::parse_err(payload);
      const auto* err = std::get_if<protocol::ErrInfo>(&parsed);
      if (err == nullptr) break;
      const bool read_only = err->code == 1290 || err->code == 1792 || err->code == 1836;
      if (read_only && !is_primary(server_) && !attempt_.was_in_transaction && can_run_again()) {
        attempt_.spoiled = Spoiled::read_only_replica;  // a write after all, and proof that nothing changed
        return;
      }
      if (says_goodbye(err->code) && !is_primary(server_) && !attempt_.was_in_transaction && can_run_again()) {
        attempt_.spoiled = Spoiled::leaving_replica;
        return;
      }
      if (err->code == 1820 && !is_primary(server_) && !attempt_.was_in_transaction && can_run_again()) {
        attempt_.spoiled = Spoiled::expired_on_replica;  // the password may have been changed meanwhile, on the primary
        return;
      }
      if (kills_own(*err)) {
        attempt_.spoiled = Spoiled::kill_of_own;  // the primary does not know the number, wye does
        return;
      }
      note_error(*err);
      if (tells_timeout(*err, renumbered)) payload = renumbered;
      if (kill_) {
        renumbered = with_client_id(*err);
        payload = renumbered;
      }
      if (err->code == 1290 && !is_primary(server_) && attempt_.was_in_transaction) {
        // super_read_only speaks up before the READ ONLY transaction does; one server would have had only the latter.
        renumbered = read_only_transaction_error(context_.topology->flavour == topology::Flavour::mariadb);
        payload = renumbered;
      }
      break;
    }
    case Part::ok:
    case Part::ok_of_result: {
      auto parsed = protocol::parse_ok(payload, true);
      if (auto* info = std::get_if<protocol::OkInfo>(&parsed)) {
        ok = *info;
        ran_.result_set = part == Part::ok_of_result;
        ran_.affected_rows = ok.affected_rows;
        ran_.insert_id = std::max(ran_.insert_id, ok.insert_id);
        ran_.warned(ok.warnings);
        const bool mysql = context_.topology->flavour == topology::Flavour::mysql;
        const bool tells_last = command_[4] == com_init_db || command_[4] == com_set_option;
        if (tells_last && mysql && !previous_.knows_warnings(server_) && ok.warnings != previous_.last_warnings()) {
          ok.warnings = static_cast<std::uint16_t>(std::min(previous_.last_warnings(), 0xffffU));
          answer_.changed();
        }
        known = &ok;
        const bool quiet = part == Part::ok && names_no_schema();
        const std::string schema = quiet ? session_.schema : std::string{};
        note_ok(ok);
        if (quiet && schema == session_.schema && keep_schema(encoding(*held(server_)), ok, pending_trackers_)) {
          answer_.changed();
          break;
        }
        joined = carry_trackers(part, encoding(*held(server_)), ok, pending_trackers_, session_.schema);
        if (joined) answer_.joined();
      }
      break;
    }
    case Part::eof:
      if (const auto parsed = protocol::parse_eof(payload); const auto* eof = std::get_if<protocol::EofInfo>(&parsed)) {
        session_.apply_status(eof->status, is_primary(server_));
        ran_.result_set = true;
        ran_.warned(eof->warnings);
        if (command_[4] == com_set_option) payload = renumbered = with_last_warnings(*eof);
      }
      break;
    case Part::prepare_ok:
      if (payload.size() >= 12) ran_.warnings = static_cast<unsigned>(payload[10] | (payload[11] << 8));
      // The id that the client holds is the session's, wherever the statement runs.
      renumbered.assign(payload.begin(), payload.end());
      for (int i = 0; statement_ != nullptr && i < 4; ++i)
        renumbered[static_cast<std::size_t>(1 + i)] = static_cast<std::uint8_t>(statement_->id >> (8 * i));
      payload = renumbered;
      break;
    case Part::local_infile:
      asked_sequence = static_cast<std::uint8_t>(sequence + answer_.shift());
      break;
    default:
      break;
  }
  const bool definitions_end =
      part == Part::eof && (expect_ == protocol::Expect::prepare || tracker.between_packets_of_rows());
  if (expect_ == protocol::Expect::stream) part = Part::event;  // no answer to adapt: as it is
  tally_.out += protocol::header_size + payload.size();
  if (known != nullptr) tally_.rows += ok.affected_rows;
  answer_.packet(client_->out(), part, sequence, payload, definitions_end, known);
  if (joined) pending_trackers_.clear();
  client_->schedule();
  attempt_.passed = true;
  if (asked_sequence) begin_infile(*asked_sequence);
}

/// Before the OK goes out: what was committed is known to every reader from here on.
void Session::note_ok(const protocol::OkInfo& ok) {
  const bool primary = is_primary(server_);
  bool named = false;
  if (!ok.session_state.empty()) {
    protocol::for_each_tracker(ok.session_state, [&](const protocol::TrackerItem& item) {
      if (item.type == protocol::TrackerType::gtids) {
        if (const auto set = topology::GtidSet::parse(topology::Flavour::mysql, item.value)) {
          context_.frontier.raise(*set);
          if (primary) position_.wrote(context_.frontier, *set, server_, sent_);
          named = true;
        }
      } else if (item.type == protocol::TrackerType::system_variable && item.name == "last_gtid" &&
                 !item.value.empty()) {
        if (const auto gtid = topology::GtidSet::parse(topology::Flavour::mariadb, item.value)) {
          context_.frontier.raise(*gtid);
          if (primary) position_.wrote(context_.frontier, *gtid, server_, sent_);
          named = true;
        }
      }
    });
  }
  note_side_effects();
  text_statements_.succeeded();
  // MariaDB names only the last of several commits.
  const bool mariadb = context_.topology->flavour == topology::Flavour::mariadb;
  if (primary && mariadb && (facts_.kind == sql::Kind::call || (facts_.several && !facts_.replica_ok))) {
    const bool last = (ok.status & protocol::status::more_results) == 0;
    attempt_.unreported = last;
    if (!last && !named) warn_of_commits();  // an answer that has not ended must not wait
  }
  // Under the client's trackers nothing is named.
  const bool may_write = facts_.kind != sql::Kind::read && facts_.kind != sql::Kind::set;
  if (primary && facts_.has(sql::fx_session_track) && may_write) attempt_.unreported = true;
  const auto before = session_.pinned();
  session_.apply(ok, command_[4] == com_query || command_[4] == com_stmt_execute ? &facts_ : nullptr, primary);
  count_pin(before);
  primary_state_ = primary_state_ || session_.pinned() != Pin::none;
  auto* backend = held(server_);
  if (backend == nullptr) return;
  session_.adopt(backend->state());
  note_next(*backend, ok, false);
}

void Session::note_error(const protocol::ErrInfo& err) {
  attempt_.failed = true;
  ran_.error = err.code;
  tally_.no_syntax = err.code == 1064;
  session_.after_error(&facts_);
  text_statements_.failed();
  const bool refused = err.code == 1227 || err.code == 1044 || err.code == 1142 || err.code == 1064;
  if (!refused) note_side_effects();
  attempt_.unreported = is_primary(server_) && may_have_committed(err);
}

/// Errors carry no GTID. An implicit commit may have gone ahead of it, the first of several statements, of a routine's
/// or, in an engine without transactions, of a statement's rows.
bool Session::may_have_committed(const protocol::ErrInfo& err) const {
  const std::uint8_t command = command_[4];
  if (command != com_query && command != com_stmt_execute && command != com_stmt_bulk_execute) return false;
  constexpr std::uint32_t runs_others = sql::fx_stored_function | sql::fx_text_prepare;
  const bool one = !facts_.several && (facts_.effects & runs_others) == 0;
  constexpr std::uint16_t parse_error = 1064;
  if (err.code == parse_error && one && facts_.kind != sql::Kind::call) return false;  // nothing of it has run
  switch (facts_.kind) {
    case sql::Kind::read:
    case sql::Kind::savepoint:
    case sql::Kind::use:
    case sql::Kind::empty:
      return !one;
    case sql::Kind::set:
    case sql::Kind::begin:
      return !one || attempt_.was_in_transaction || facts_.has(sql::fx_may_commit_unreported);
    default:
      return true;
  }
}

void Session::on_end(const protocol::ResponseTracker& tracker) {
  auto* backend = held(server_);
  if (attempt_.spoiled == Spoiled::read_only_replica) {
    remember_writer();
    return run_again(routing::Reason::write, metrics::Retry::read_only_replica);
  }
  if (attempt_.spoiled == Spoiled::leaving_replica)
    return run_again(routing::Reason::replicas_offline, metrics::Retry::replica_lost);
  if (attempt_.spoiled == Spoiled::timed_out) {
    fail(timeout_error());
    return waits_for_kill(true) ? void() : finish(true);
  }
  if (attempt_.spoiled == Spoiled::kill_of_own) {
    leave_server();
    return ask_kill_target();
  }
  if (attempt_.spoiled == Spoiled::replay_failed || attempt_.spoiled == Spoiled::expired_on_replica) {
    session_.pin(Pin::replay_failed);
    return run_again(routing::Reason::pinned, metrics::Retry::reprepare);
  }
  if (backend != nullptr && statement_ != nullptr && expect_ == protocol::Expect::prepare && !tracker.failed() &&
      tracker.statement_id() != 0) {
    statement_->parameters = tracker.parameters();
    statement_->columns = tracker.columns();
    backend->state().prepared[statement_->key] = {tracker.statement_id(), 0};
    prepared_.succeeded(statement_->id);
  }
  tally_.rows += tracker.rows();
  const bool unreported = facts_.has(sql::fx_unreported_setting);
  note_unseen();
  if (backend != nullptr && (!backend->tracks() || unreported)) note_untracked(tracker.failed());
  const bool failed = tracker.failed() || (expect_ == protocol::Expect::prepare && tracker.statement_id() == 0);
  if (backend != nullptr && is_primary(server_) && ask_trackers(*backend)) return wait_with_answer(failed);
  // The client has set trackers of its own. Without wye's, commits would go unseen: they are set again ahead of the
  // next statement; inside a transaction the server refuses some of wye's.
  if (backend != nullptr && is_primary(server_) && !session_.in_transaction() && session_.take_tracker_change())
    backend->settings_lost();
  if (attempt_.unreported && settle(failed)) return;
  if (kill_) return kill_answered(tracker.failed());
  if (!upload_.complete() || infile_.active()) {
    // The server answered before it had everything and reads no further; it closes. So does a server seen directly.
    close_when_sent();
    return finish_unread();
  }
  if (!waits_for_kill(failed)) finish(failed);
}

/// Before the answer passes, readers need what it does not name. True: it waits until they do.
bool Session::settle(bool failed) {
  const bool may_wait = !kill_ && upload_.complete() && !infile_.active();
  if (!may_wait) warn_of_commits();
  asking_since_ = base::Clock::now();
  position_.wrote_unnamed(server_, asking_since_);
  if (!may_wait || !context_.commits.ask(*this, Commits::Why::commit)) return false;
  wait_with_answer(failed);
  return true;
}

void Session::wait_with_answer(bool failed) {
  client_->hold(true);
  leave_server();
  become(Settling{failed});
}

void Session::on_commits_known() {
  if (const auto* learning = std::get_if<Learning>(&state_)) {
    if (learning->shown) return primary_caught_up();
    note_known();
    return token_column_ ? answer_token() : route_and_run();
  }
  if (!std::holds_alternative<Settling>(state_)) return;
  note_known();
  client_->hold(false);
  const bool failed = std::get<Settling>(state_).failed;
  if (!waits_for_kill(failed)) finish(failed);
}

void Session::finish_unread() {
  leave_server();
  become(Idle{});
}

void Session::Ahead::on_packet(Part part, std::uint8_t, base::ByteView payload, const protocol::ResponseTracker&) {
  if (auto* backend = session_.held(session_.server_); part == Part::ok && backend != nullptr && !prepare_) {
    const auto parsed = protocol::parse_ok(payload, true);
    if (const auto* ok = std::get_if<protocol::OkInfo>(&parsed)) session_.note_next(*backend, *ok, true);
  }
  if (part != Part::err) return;
  const auto parsed = protocol::parse_err(payload);
  if (const auto* err = std::get_if<protocol::ErrInfo>(&parsed))
    error = base::Error{err->code, err->state.empty() ? "HY000" : std::string(err->state), std::string(err->message)};
}

void Session::Ahead::on_end(const protocol::ResponseTracker& tracker) {
  if (prepare_) {
    session_.prepared_ahead(tracker);
  } else {
    session_.state_ahead(tracker.failed());
  }
}

/// wye's own statement for the session's state is done. On a replica the client's statement is right behind it.
void Session::state_ahead(bool failed) {
  if (attempt_.ahead_left > 0) --attempt_.ahead_left;
  if (failed) {
    log::warning("session_state_refused",
                 {{"session", id_}, {"server", server(server_).name}, {"error", ahead_.error.message}});
    attempt_.ahead_failed = true;
    if (std::holds_alternative<Relaying>(state_)) attempt_.spoiled = Spoiled::replay_failed;
  }
  if (!std::holds_alternative<Preparing>(state_) || attempt_.ahead_left > 0 || attempt_.preparing) return;
  auto* backend = held(server_);
  if (backend == nullptr) return;
  if (!attempt_.ahead_failed) return send_statement(*backend);
  // The state can't be had here. A replica is not needed; a primary's refusal is the client's answer.
  if (!is_primary(server_)) {
    session_.pin(Pin::replay_failed);
    return run_again(routing::Reason::pinned, metrics::Retry::reprepare);
  }
  fail(ahead_.error);
  finish(true);
}

void Session::prepared_ahead(const protocol::ResponseTracker& tracker) {
  attempt_.preparing = false;
  auto* backend = held(server_);
  auto* statement = std::exchange(preparing_for_, nullptr);
  if (!std::holds_alternative<Preparing>(state_) || backend == nullptr || statement == nullptr) return;
  if (tracker.failed()) backend->state().conditions = true;
  if (statement != statement_ && tracker.failed()) {
    // It says what its EXECUTE has said.
    if (maker_ && maker_->error == preparer_.error.code) previous_.conditions_made(server_);
    maker_.reset();
    return run_on(*backend);
  }
  if (tracker.failed() || attempt_.ahead_failed) {
    if (!is_primary(server_)) return run_again(routing::Reason::replicas_behind, metrics::Retry::reprepare);
    fail(tracker.failed() ? preparer_.error : ahead_.error);
    return finish(true);
  }
  backend->state().prepared[statement->key] = {tracker.statement_id(), 0};
  if (tracker.prepare_warnings() > 0) drop_prepare_warnings(*backend, *statement);
  run_on(*backend);
}

void Session::on_backend_lost(pool::Backend& backend, const base::Error& error, bool server_said_so) {
  context_.pool.forget(backend);
  const auto kind = server_said_so       ? metrics::BackendError::login
                    : error.code == 2003 ? metrics::BackendError::connect_refused
                    : error.code == 2027 ? metrics::BackendError::protocol
                                         : metrics::BackendError::closed;
  context_.metrics.server(backend.key().server).errors[kind].add();
  if (auto* login = std::get_if<LoggingIn>(&state_); login != nullptr && held(backend.key().server) != &backend) {
    if (!login->verifying) return;
    if (server_said_so) return login_failed_at_server(error, backend.asked_for_several_plugins());
    // Nobody has said no: with the next picture of the servers it is tried again, until the login's deadline.
    login->last_error = error.message;
    login->pending = LoggingIn::Pending::verdict;
    return;
  }
  const auto it = std::find(held_.begin(), held_.end(), &backend);
  if (it == held_.end()) return not_opened(backend, error, server_said_so);
  held_.erase(it);
  if (const auto* recalling = std::get_if<Recalling>(&state_);
      recalling != nullptr && recalling->from == backend.key().server) {
    lost_while_idle(backend.key());
    if (std::holds_alternative<Recalling>(state_)) recall_lost(backend.key().server);
    return;
  }
  const bool running = std::holds_alternative<Relaying>(state_) || std::holds_alternative<Preparing>(state_);
  log::info("backend_lost", {{"session", id_},
                             {"server", server(backend.key().server).name},
                             {"running", running},
                             {"passed", running && attempt_.passed},
                             {"error", error.message}});
  if (running && backend.key().server == server_) return statement_lost(backend, error);
  lost_while_idle(backend.key());
  if (const auto* reading = std::get_if<ReadingBack>(&state_); reading != nullptr) return obtain(reading->to);
  if (std::holds_alternative<Settling>(state_) && backend.key().server == server_) {
    context_.commits.cancel(*this);
    on_commits_known();
  }
}

/// A replica that stopped answering holds a read up: another server runs it.
void Session::leave_frozen_replica() {
  const auto* recalling = std::get_if<Recalling>(&state_);
  if (recalling != nullptr && server(recalling->from).state == topology::State::offline && !is_primary(recalling->from))
    return give_up_recall();
  const bool waiting = std::holds_alternative<Relaying>(state_) || std::holds_alternative<Preparing>(state_);
  auto* backend = waiting ? held(server_) : nullptr;
  if (backend == nullptr || !backend->key().to_replica || server(server_).state != topology::State::offline) return;
  if (attempt_.was_in_transaction || !can_run_again()) return;
  held_.erase(std::find(held_.begin(), held_.end(), backend));
  backend->orphan(*this);
  backend->orphan(ahead_);
  backend->orphan(preparer_);
  context_.pool.discard(*backend);
  run_again(routing::Reason::replicas_offline, metrics::Retry::replica_lost);
}

/// The connection that the statement waits for could not be had. Nothing was written.
void Session::not_opened(const pool::Backend& backend, const base::Error& error, bool server_said_so) {
  if (!std::holds_alternative<Acquiring>(state_)) return;
  ++attempts_;
  if (backend.key().to_replica && !session_.in_transaction())
    return run_again(routing::Reason::replicas_offline, metrics::Retry::replica_lost);
  if (!server_said_so && !backend.key().to_replica) return hold(error.message.c_str());
  fail(error);
  finish(true);
}

/// routing.md 7: what the client sees of a server that dies while its statement is there.
void Session::statement_lost(const pool::Backend& backend, const base::Error& error) {
  const bool replica = backend.key().to_replica;
  const bool sent = std::holds_alternative<Relaying>(state_);
  if (replica && !attempt_.was_in_transaction && (!sent || can_run_again()))
    return run_again(routing::Reason::replicas_offline, metrics::Retry::replica_lost);
  if (attempt_.passed && backend.inside_packet()) return close("server lost inside a packet");
  if (!sent && !replica && !session_.in_transaction() && !primary_state_) {
    leave_server();
    return hold(error.message.c_str());
  }
  if (attempt_.passed) answer_sequence_ = static_cast<std::uint8_t>(backend.last_sequence() + 1 + answer_.shift());
  const bool transaction = session_.in_transaction();
  lose_transaction();
  // It would have ended the transaction whatever its answer.
  const bool ends_it = facts_.kind == sql::Kind::commit || facts_.kind == sql::Kind::rollback;
  if (ends_it && !facts_.several) broken_transaction_ = false;
  if (!replica) warn_of_commits();
  note_side_effects();
  const bool read_only = facts_.kind == sql::Kind::read && !transaction;
  const base::Error told{
      2013, "HY000",
      error.message + (replica || read_only ? "" : ": the outcome of the statement is unknown, it was not sent again")};
  if (infile_.active()) {
    lost_infile_ = {told, !replica && primary_state_};
    return finish_unread();
  }
  fail(told);
  if (!replica && primary_state_) return close_when_sent();
  if (!upload_.complete() && !replica) return close_when_sent();
  finish(true);
}

void Session::lost_while_idle(const pool::BackendKey& key) {
  previous_.lost(key.server, !key.to_replica);
  const bool here = transaction_server_ == key.server || (!key.to_replica && !transaction_server_);
  if (session_.in_transaction() && here) lose_transaction();
  if (!key.to_replica) transaction_beside_ = false;
  // User variables, temporary tables, locks: gone, as with a server's crash.
  if (!key.to_replica && primary_state_) close("its state was lost with the primary's connection");
}

}  // namespace wye::session
