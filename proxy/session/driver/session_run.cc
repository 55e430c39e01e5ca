#include <algorithm>

#include "proxy/base/log.h"
#include "proxy/protocol/wire.h"
#include "proxy/session/driver/commands.h"
#include "proxy/session/driver/session.h"
#include "proxy/sql/ascii.h"
#include "proxy/sql/previous.h"

// One statement's way: route, connection, session state ahead, statement, and what happens when a server is lost.
namespace wye::session {

routing::SessionView Session::view() const {
  routing::SessionView view;
  session_.fill(view);
  defaults_.fill(view, *context_.topology);
  view.untracked = !topology::tracks_sessions(context_.greeting_version);
  view.transaction_server = transaction_server_;
  const bool may_move = command_.size() > 4 && (command_[4] == com_query || command_[4] == com_stmt_execute);
  view.transaction_untouched = transaction_untouched_ && may_move;
  view.transaction_beside = transaction_beside_;
  view.reads_own_state = reads_own_state_;
  view.autocommit = view.autocommit && !read_only_lingers_;
  view.last_read = last_read_;
  view.turn = turn_;
  view.last_statement =
      previous_use_ != sql::previous_none ? previous_.common_place(previous_use_) : previous_.last_server();
  return view;
}

void Session::route_and_run() {
  to_primary_ = false;
  std::optional<routing::FrozenNeed> frozen;
  if (goal_) frozen.emplace(context_.need, *goal_);
  const auto own = levels(facts_);
  const routing::Need& need = frozen ? static_cast<const routing::Need&>(*frozen) : own;
  const auto route = routing::route({facts_, view(), *context_.topology, need, context_.options, context_.pool.load(),
                                     context_.loop.now(), rule_.rule});
  if (learn(own, !route, route ? &*route : nullptr)) return;
  if (!route) {
    fail(route.error());
    return finish(true);
  }
  level_ = route->level;
  if (wait_for_replica(*route, own)) return;
  reason_ = route->reason;
  const bool in_vain = goal_ && wait_outcome_ == metrics::WaitOutcome::timeout;
  if (in_vain && reason_ == routing::Reason::replicas_behind) reason_ = routing::Reason::wait_timeout;
  if (!route->server) return hold("no primary");
  if (recall_for(*route->server)) return;
  obtain(*route->server);
}

/// True: it will be routed again when one of the replicas has what it needs by now, or its time is over.
bool Session::wait_for_replica(const routing::Route& route, const routing::LevelNeed& need) {
  if (goal_) return false;
  if (route.reason == routing::Reason::replicas_behind && context_.options.wait.count() > 0)
    context_.waiters.passed_over();
  if (route.wait.count == 0) return false;
  goal_ = need.freeze(route.level);
  if (!goal_->attainable) {  // another worker's statement has just made it so
    wait_outcome_ = metrics::WaitOutcome::failed;
    route_and_run();
    return true;
  }
  server_ = route.wait.servers[0];
  become(Waiting{});
  context_.waiters.wait(*this, *goal_, route.wait);
  return true;
}

void Session::on_wait_over(metrics::WaitOutcome outcome) {
  if (!std::holds_alternative<Waiting>(state_)) return;
  wait_outcome_ = outcome;
  const auto kind =
      outcome == metrics::WaitOutcome::covered ? metrics::RouteKind::replica : metrics::RouteKind::primary;
  context_.metrics.statement_seconds.at(kind, metrics::Phase::wait).observe(context_.loop.now() - state_since_);
  if (outcome == metrics::WaitOutcome::timeout)
    context_.metrics.consistency_fallbacks[metrics::ConsistencyFallback::wait_timeout].add();
  route_and_run();
}

void Session::run_on_primary(routing::Reason reason) {
  reason_ = reason;
  to_primary_ = true;
  if (!context_.topology->primary) return hold("no primary");
  obtain(*context_.topology->primary);
}

void Session::hold(const char* why) {
  if (std::holds_alternative<Holding>(state_)) return;  // its deadline stands
  log::debug("statement_held", {{"session", id_}, {"why", why}});
  if (!hold_until_) hold_until_ = context_.loop.now() + context_.config.failover.hold;
  become(Holding{*hold_until_});
}

void Session::obtain(topology::ServerId id) {
  server_ = id;
  if (wait_for_primary(id)) return;
  if (values_unknown_ && !is_primary(id) && read_back(id)) return;
  if (auto* backend = held(id)) {
    // A replica that has become the primary, or the reverse: this connection was opened for the other role.
    // Or the session's schema was dropped: no statement takes that of a connection away.
    const bool no_schema = session_.schema.empty() && !backend->state().schema.empty();
    const bool keeps_schema = no_schema && !is_primary(id) && !session_.in_transaction();
    if (backend->key().to_replica != is_primary(id) && !keeps_schema) return run_on(*backend);
    held_.erase(std::find(held_.begin(), held_.end(), backend));
    context_.pool.discard(*backend);
  }
  pool::Wanted wanted;
  wanted.key = backend_key(id);
  wanted.schema = session_.schema;
  wanted.session = &session_;
  if (!acquire_until_) acquire_until_ = context_.loop.now() + context_.config.pool.acquire_timeout;
  become(Acquiring{*acquire_until_});
  if (auto* backend = context_.pool.acquire(wanted, *this)) on_backend_ready(*backend);
}

void Session::on_backend_ready(pool::Backend& backend) {
  if (auto* login = std::get_if<LoggingIn>(&state_); login != nullptr && login->verifying) {
    logged_in(backend);
    return;
  }
  if (!std::holds_alternative<Acquiring>(state_) || held(backend.key().server) != nullptr)
    return context_.pool.discard(backend);
  held_.push_back(&backend);
  context_.metrics.statement_seconds
      .at(is_primary(server_) ? metrics::RouteKind::primary : metrics::RouteKind::replica, metrics::Phase::queue)
      .observe(context_.loop.now() - state_since_);
  run_on(backend);
}

/// After a reset @@collation_database is the server's, until the next USE.
bool Session::must_reset(pool::Backend& backend) const {
  return !session_.has_used(backend.state()) && session_.schema_forgotten();
}

/// What differs between the session and this connection goes ahead, in the same write. `under`: for a statement that is
/// prepared here, and was read under that; nullptr: for one that runs.
void Session::send_state(pool::Backend& backend, const std::string& schema, const ReadUnder* under) {
  auto& there = backend.state();
  const bool resets = must_reset(backend);
  if (session_.must_use(there, schema)) {
    ++attempt_.ahead_left;
    backend.submit(ahead_, protocol::Expect::ok_or_err, backend.command(com_init_db, schema));
  }
  if (resets) backend.reset_before_next();
  session_.used(there, schema.empty() ? there.schema : schema);
  if (const auto& id = previous_.insert_id(); !backend.key().to_replica && id && there.insert_id != id) {
    ++attempt_.ahead_left;
    backend.submit(ahead_, protocol::Expect::query, backend.command(com_query, "SET last_insert_id=" + *id));
    there.insert_id = id;
  }
  // A setting that nothing has told of could not be put back.
  const bool blind = session_.pinned() == Pin::untracked_setting;
  const bool as_then = under != nullptr && *under != session_.reads_under() && !blind;
  const std::string sql = as_then                   ? session_.difference_to(*under, there, defaults_.values())
                          : session_.differs(there) ? session_.difference(there, defaults_.values())
                                                    : std::string{};
  if (!sql.empty()) {
    settings_went_ahead_ = true;
    ++attempt_.ahead_left;
    backend.submit(ahead_, protocol::Expect::query, backend.command(com_query, sql));
  }
  send_user_variables(backend);
  send_next_transaction(backend);
}

void Session::begin_attempt() {
  attempt_ = {};
  attempt_.was_in_transaction = session_.in_transaction();
}

void Session::run_on(pool::Backend& backend) {
  begin_attempt();
  ahead_.error = preparer_.error = {};
  const std::uint8_t command = command_[4];
  const bool by_statement = statement_ != nullptr && command != com_stmt_prepare;
  if (by_statement && (must_reset(backend) || !backend.state().prepared.contains(statement_->key))) {
    send_state(backend, statement_->schema, &statement_->under);
    if (reads_conditions_ && attempt_.ahead_left > 0)
      backend.state().conditions = true;  // a SET may warn, and PREPARE leaves it
    return prepare_on(backend, *statement_);
  }
  send_state(backend, session_.schema);
  if (attempt_.ahead_left > 0) previous_.count_lost(backend.key().server);
  if (prepare_maker(backend)) return;
  send_text_statement(backend);
  if (begins_on_primary()) send_begin(backend);  // first: it takes conditions away
  drop_stale_conditions(backend);
  send_found_rows(backend);
  send_conditions(backend);
  send_own_trackers(backend);
  answer_ = Answer(encoding(backend));
  // A write must not run where the session's state could not be set: it waits for that answer. A read can be dropped
  // and run again.
  if (attempt_.ahead_left > 0 && !backend.key().to_replica) return become(Preparing{});
  send_statement(backend);
}

void Session::send_statement(pool::Backend& backend) {
  note_routine(backend);
  if (begins_on_primary()) move_transaction();
  leave_transaction_elsewhere();
  attempt_.was_in_transaction = session_.in_transaction();
  had_conditions_ = previous_.has_conditions();
  sent_ = context_.loop.now();
  ++attempts_;
  become(Relaying{});
  auto& load = context_.pool.load()[server_];
  ++load.outstanding;
  context_.metrics.server(server_).queries.add();
  if (statement_ != nullptr && command_[4] != com_stmt_prepare) {
    const auto framed = execute_frame(backend, *statement_, command_);
    if (framed.empty()) {
      fail({1835, "HY000", "Malformed communication packet."});
      return finish(true);
    }
    backend.submit(*this, expect_, framed);
  } else {
    backend.submit(*this, expect_, command_);
  }
  if (!upload_.complete()) {
    pump_upload();
  } else if (expect_ == protocol::Expect::stream) {
    if (!in_.empty()) pass_to_stream();
  } else if (expect_ == protocol::Expect::nothing) {
    finish(false);
  }
}

void Session::run_again(routing::Reason reason, metrics::Retry kind) {
  if (rule_.over) return timed_out();
  if (auto* backend = held(server_); backend != nullptr) backend->state().conditions = true;  // what failed there
  context_.metrics.retries[kind].add();
  leave_server();
  log::info("statement_runs_again", {{"session", id_}, {"server", server(server_).name}, {"why", metrics::name(kind)}});
  run_on_primary(reason);
}

void Session::leave_server() {
  if (!std::holds_alternative<Relaying>(state_)) return;
  auto& load = context_.pool.load()[server_];
  if (load.outstanding > 0) --load.outstanding;
}

/// The statement is over for the client: count, remember, go on.
void Session::finish(bool failed) {
  const bool ran = std::holds_alternative<Relaying>(state_) || std::holds_alternative<Preparing>(state_) ||
                   std::holds_alternative<Settling>(state_);
  const auto kind = is_primary(server_) ? metrics::RouteKind::primary : metrics::RouteKind::replica;
  const auto now = base::Clock::now();
  leave_server();
  if (ran) {
    context_.metrics.statements.at(kind, reason_).add();
    context_.metrics.statement_seconds.at(kind, metrics::Phase::total).observe(now - started_);
    count_digest(failed, kind == metrics::RouteKind::replica, now);
    note_previous(failed);
    note_other_schema();
    settings_went_ahead_ = false;
    if (!std::holds_alternative<Settling>(state_)) note_seen(now);
    if (kind == metrics::RouteKind::replica) last_read_ = server_;
    if (statement_ != nullptr) statement_->last = server_;
    settle_transaction();
    note_lingering();
    if (session_.in_transaction() && !transaction_server_) transaction_server_ = server_;
    if (!session_.in_transaction()) transaction_server_.reset();
    note_untouched(failed);
  }
  if (command_[4] == com_stmt_send_long_data && statement_ != nullptr && ran) statement_->fixed = server_;
  close_stand_in();
  if (failed && command_[4] == com_stmt_prepare && statement_ != nullptr) prepared_.remove(statement_->id);
  statement_ = nullptr;
  if (command_.capacity() > net::Stream::low_water) base::Bytes(command_.begin(), command_.begin() + 5).swap(command_);
  become(Idle{});
  if (ran) count_kept();
  hand_over_what_others_need();
  next_command();
}

/// What the statement has left on its connection.
void Session::note_previous(bool failed) {
  const std::uint8_t command = command_[4];
  const bool statement =
      command == com_query || command == com_stmt_execute || command == com_stmt_bulk_execute ||
      (failed && (command == com_stmt_prepare || command == com_stmt_fetch || command == com_set_option));
  if (own_error_) return;
  if (command == com_stmt_prepare && !failed) {
    const bool mysql = context_.topology->flavour == topology::Flavour::mysql;
    const bool shows = statement_ != nullptr && sql::same(facts_.verb, "show") &&
                       !facts_.has(sql::fx_previous_result) &&
                       !sql::shows_without_table(statement_->text, statement_->read_as.dialect);
    if (mysql || shows || facts_.has(sql::fx_mentions_table)) previous_.prepared(server_, ran_.warnings);
    return;
  }
  ran_.server = server_;
  ran_.primary = is_primary(server_);
  ran_.failed = failed;
  if (command == com_init_db || command == com_field_list) {
    previous_.ran_command(ran_, command == com_field_list, context_.topology->flavour == topology::Flavour::mariadb);
    if (auto* backend = held(server_); backend != nullptr) backend->state().conditions = true;  // maybe
  }
  if (!statement) return;
  sql::Dialect words;  // enough to tell INSERT ... SELECT from INSERT ... VALUES
  words.mariadb = context_.topology->flavour == topology::Flavour::mariadb;
  const std::string_view text = statement_ != nullptr ? std::string_view{statement_->text} : command_text();
  const bool left_older = !previous_.ran(ran_, facts_, text, words);
  if (!left_older) remember_maker();
  if (auto* backend = held(server_); backend != nullptr) {
    if (left_older && words.mariadb && settings_went_ahead_)
      backend->state().conditions = true;  // a SET may have warned
    if (backend->settings_are_due()) previous_.count_lost(server_);
    // On MariaDB many a statement without a table leaves an older error there: it counts until it is cleared.
    auto& conditions = backend->state().conditions;
    if (previous_.conditions_at(server_))
      conditions = previous_.has_conditions(server_) || (words.mariadb && conditions);
    if (ran_.primary && !previous_.insert_id()) backend->state().insert_id.reset();
  }
}

}  // namespace wye::session
