#include <algorithm>

#include "proxy/protocol/query_attributes.h"
#include "proxy/protocol/result_set.h"
#include "proxy/session/driver/commands.h"
#include "proxy/session/driver/explain_table.h"
#include "proxy/session/driver/session.h"
#include "proxy/sql/connection_id.h"
#include "proxy/sql/previous.h"
#include "proxy/sql/tables.h"

// The client's commands: cut from the stream, told apart, classified.
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_command_phase.html
namespace wye::session {

namespace {

// A command up to this size is kept whole: it is classified whole and can run again. What is longer streams by.
constexpr std::uint32_t gather_limit = std::uint32_t{1} << 20;

bool is_system_schema(const std::string& schema) {
  std::string lower;
  for (const char c : schema) lower += static_cast<char>(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
  return lower == "mysql" || lower == "information_schema" || lower == "performance_schema" || lower == "sys";
}

metrics::Pin metric_of(Pin pin) {
  switch (pin) {
    case Pin::temporary_table:
      return metrics::Pin::temporary_table;
    case Pin::lock_tables:
      return metrics::Pin::lock_tables;
    case Pin::xa:
      return metrics::Pin::xa;
    case Pin::handler:
      return metrics::Pin::handler;
    case Pin::sticky_setting:
    case Pin::untracked_setting:
      return metrics::Pin::session_variable;
    case Pin::next_transaction:
      return metrics::Pin::set_transaction;
    default:
      return metrics::Pin::unknown;
  }
}

const base::Error unknown_command{1047, "08S01", "Unknown command"};
const base::Error malformed{1835, "HY000", "Malformed communication packet."};

}  // namespace

void Session::next_command() {
  // A loop, not a recursion: commands that wye answers itself may come by the thousand in one chunk.
  if (dispatching_) return;
  dispatching_ = true;
  while (std::holds_alternative<Idle>(state_)) {
    if (!upload_.complete()) pump_upload();  // the rest of a command that was refused
    // A client that does not take its answers is asked for no more commands: on_drained() goes on.
    if (client_->congested()) {
      client_->pause_reading();
      break;
    }
    if (!upload_.complete() || infile_.active() || !take_command()) {
      if (!std::holds_alternative<Closed>(state_)) client_->resume_reading();
      break;
    }
    dispatch();
  }
  dispatching_ = false;
}

/// Moves the next command's beginning from in_ to command_. False: not enough bytes yet, or closed.
bool Session::take_command() {
  if (in_.size() < protocol::header_size) return false;
  const auto head = protocol::read_head(in_.data().data());
  answer_sequence_ = 1;
  if (head.sequence != 0) {
    protocol_error(metrics::ProtocolError::out_of_sequence, {1156, "08S01", "Got packets out of order"});
    return false;
  }
  if (head.length > context_.config.sessions.max_packet) {
    protocol_error(metrics::ProtocolError::oversized,
                   {1153, "08S01", "Got a packet bigger than 'sessions.max_packet' bytes"});
    return false;
  }
  if (head.length == 0) {
    protocol_error(metrics::ProtocolError::malformed, malformed);
    return false;
  }
  if (in_.size() < protocol::header_size + 1) return false;
  const bool keep_whole = in_.data()[4] == com_stmt_prepare;  // its text is needed again on other servers
  const std::uint32_t wanted = keep_whole ? head.length : std::min(head.length, gather_limit);
  if (in_.size() < protocol::header_size + wanted) return false;
  const auto view = in_.data().first(protocol::header_size + wanted);
  command_.assign(view.begin(), view.end());
  in_.consume(view.size());
  upload_.begin(head.length - wanted, head.length == protocol::max_frame, head.length);
  started_ = context_.loop.now();
  whole_ = wanted == head.length && head.length != protocol::max_frame;
  hold_until_.reset();
  acquire_until_.reset();
  previous_use_ = sql::previous_none;
  reads_conditions_ = command_[4] == com_init_db;  // its OK tells how many there are
  own_error_ = false;
  ran_ = {};
  goal_.reset();
  token_column_.reset();
  asked_primary_ = asked_shown_ = false;
  attempts_ = 0;
  begin_attempt();
  statement_ = nullptr;
  text_execute_ = nullptr;
  text_statements_.failed();  // the PREPARE before may have had no server's answer
  kill_.reset();
  text_at_ = protocol::header_size + 1;
  facts_ = {};
  tally_ = {};
  side_effects_ = {};
  rule_.forget();
  return true;
}

void Session::dispatch() {
  switch (command_[4]) {
    case com_quit:
      return close("quit");
    case com_query:
      return query();
    case com_stmt_prepare:
      return prepare();
    case com_stmt_execute:
      return execute();
    case com_stmt_send_long_data:
      return long_data();
    case com_stmt_close:
      return close_statement();
    case com_stmt_reset:
      return reset_statement();
    case com_stmt_fetch:
      return fetch();
    case com_init_db:
      return init_db();
    case com_ping:
      previous_.counted_nothing();
      return session_.transaction_in_doubt() || begun_unseen_ ? plain(protocol::Expect::ok_or_err) : done();
    case com_reset_connection:
      return reset_connection();
    case com_change_user:
      return change_user();
    case com_statistics:
      return plain(protocol::Expect::text);
    case com_field_list:
      return plain(protocol::Expect::definitions);
    case com_set_option:
      session_.pin(Pin::set_option);
      return plain(protocol::Expect::eof_or_err);
    case com_process_info:
      return plain(protocol::Expect::query);
    case com_debug:
    case com_refresh:
    case com_shutdown:
    case com_register_slave:
      return plain(protocol::Expect::eof_or_err);
    case com_process_kill:
      return is_own_kill() ? ask_kill_target() : plain(protocol::Expect::ok_or_err);
    case com_binlog_dump:
    case com_binlog_dump_gtid:
      whole_ = false;
      return plain(protocol::Expect::stream);
    case com_stmt_bulk_execute:
      if ((mariadb_flags_ & protocol::mariadb_cap::bulk_operations) != 0) return execute();
      [[fallthrough]];
    default:
      context_.metrics.protocol_errors[metrics::ProtocolError::unsupported_command].add();
      return fail(unknown_command);
  }
}

bool Session::transaction_is_broken() {
  if (!broken_transaction_) return false;
  if (facts_.kind == sql::Kind::rollback || facts_.kind == sql::Kind::commit) {
    broken_transaction_ = false;
    if (facts_.kind == sql::Kind::rollback) {
      done();
      return true;
    }
  }
  fail({1105, "40000", "The transaction was lost with the connection to its server; nothing runs until ROLLBACK"});
  return true;
}

sql::Dialect Session::dialect() const {
  sql::Dialect dialect;
  dialect.mariadb = context_.topology->flavour == topology::Flavour::mariadb;
  dialect.version = context_.greeting_version.number;
  session_.fill(dialect, defaults_.values());
  return dialect;
}

void Session::count_pin(Pin before) {
  if (before == Pin::none && session_.pinned() != Pin::none) context_.metrics.pins[metric_of(session_.pinned())].add();
}

void Session::begin_defaults() {
  defaults_.begin(base::Clock::now());
  know_defaults();
}

void Session::know_defaults() {
  if (defaults_.known()) return;
  const bool may_be_known = defaults_.look(*context_.topology, context_.globals_set);
  if (defaults_.known()) session_.look_again();  // connections from before may have others
  if (may_be_known) return;
  const auto before = session_.pinned();
  session_.pin(Pin::untracked_setting);
  count_pin(before);
}

/// Of what other sessions must know, once it has happened: what is refused must not cost them anything.
void Session::note_side_effects() {
  if (side_effects_.globals) context_.globals_set.note(base::Clock::now());
  if (side_effects_.accounts) context_.accounts_changed.note(base::Clock::now());
  if (side_effects_.routines) context_.routines_changed.note(base::Clock::now());
}

/// What the statement does to the session that no tracker reports.
void Session::note_statement() {
  const auto before = session_.pinned();
  know_defaults();
  know_routines();
  session_.before(facts_);
  note_user_variables();
  const std::string_view text = statement_ != nullptr ? std::string_view{statement_->text} : command_text();
  side_effects_ = {sets_globals(facts_), may_change_accounts(facts_, text), may_change_routines(facts_, text)};
  count_pin(before);
  primary_state_ = primary_state_ || session_.pinned() != Pin::none ||
                   (facts_.effects & (sql::fx_user_variable | sql::fx_text_prepare | sql::fx_user_lock)) != 0;
  drew_numbers_ = drew_numbers_ || facts_.has(sql::fx_sequence);
  reads_own_state_ = reads_own_state_ || (facts_.effects & (sql::fx_user_variable | sql::fx_text_prepare)) != 0;
  // Names without a schema mean the session's, which the classifier does not know.
  if (facts_.replica_ok && facts_.has(sql::fx_mentions_table) && is_system_schema(session_.schema)) {
    facts_.replica_ok = false;
    facts_.why = sql::Why::system_schema;
  }
  correct(facts_, tally_.as.digest);
}

/// Finds the text behind the attributes. False: there is none, the client has been told.
bool Session::parse_attributes() {
  const auto parsed = protocol::parse_query_head(command_payload());
  const auto* head = std::get_if<protocol::QueryHead>(&parsed);
  if (head == nullptr) {
    context_.metrics.protocol_errors[metrics::ProtocolError::malformed].add();
    fail(malformed);
    return false;
  }
  text_at_ = protocol::header_size + head->text_offset;
  return true;
}

/// The command gets another text. False, and nothing changed: it would need another frame.
bool Session::replace_text(std::string_view text) {
  if (text_at_ - protocol::header_size + text.size() >= protocol::max_frame) return false;
  command_.resize(text_at_);
  base::append(command_, base::bytes_of(text));
  protocol::write_head(command_.data(), {static_cast<std::uint32_t>(command_.size() - protocol::header_size), 0});
  return true;
}

/// CONNECTION_ID() is the client's number, but where it is compared with the servers' own lists of connections, and in
/// what is stored to be run later.
void Session::put_own_connection_id() {
  if (!facts_.has(sql::fx_connection_id) || facts_.has(sql::fx_system_schema)) return;
  if (is_system_schema(session_.schema)) {
    const auto tables = sql::tables_of(command_text(), dialect());
    const auto of_schema = [](const sql::TableName& table) { return table.schema.empty(); };
    if (std::any_of(tables.begin(), tables.end(), of_schema)) return;
  }
  if (facts_.why == sql::Why::ddl) return;
  if (const auto changed = sql::with_connection_id(command_text(), dialect(), id_)) replace_text(*changed);
}

void Session::query() {
  if (query_attributes() && !parse_attributes()) return;
  facts_ = classified(command_text(), tally_.as);
  if (facts_.has(sql::fx_connection_id) && whole_) {
    put_own_connection_id();
    facts_ = classified(command_text(), tally_.as);
  }
  if (!upload_.complete()) {
    // The end is not seen. What it could do to the session stays on the primary, for good where it could be anything.
    facts_.replica_ok = false;
    const bool one = (capabilities_ & protocol::cap::multi_statements) == 0 && !facts_.several;
    if (!one || (facts_.kind != sql::Kind::write && facts_.kind != sql::Kind::read)) {
      session_.pin(Pin::unseen_text);
      primary_state_ = true;
    }
    facts_.effects |= sql::fx_may_commit_unreported;
  }
  if (facts_.has(sql::fx_explain_route)) return explain_route(command_text());
  if (token_query()) return;
  if (facts_.has(sql::fx_kill) && is_own_kill()) return ask_kill_target();
  if (transaction_is_broken() || !take_rule(true)) return;
  know_text_statements();
  note_statement();
  if ((facts_.effects & (sql::fx_previous_result | sql::fx_last_insert_id)) != 0 && whole_) {
    note_previous_use(command_text());
    if (answer_stored_conditions()) return;
  }
  expect_ = protocol::Expect::query;
  route_and_run();
}

void Session::reset_connection() {
  // Old servers don't know it: their own words, and nothing is reset.
  if (!topology::tracks_sessions(context_.greeting_version)) return plain(protocol::Expect::ok_or_err);
  forget_state();
  const auto primary = context_.topology->primary;
  if (auto* backend = primary ? held(*primary) : nullptr; backend != nullptr) {
    use_before_reset(*backend);
    plain(protocol::Expect::ok_or_err);
    // Ahead of the next statement, not of the reset, which would take them away again (and a transaction refuses some
    // of them). The schema stays, and its rights.
    if (backend = held(*primary); backend != nullptr) {
      backend->state().forget_session();
      session_.used(backend->state(), backend->state().schema);
      backend->settings_lost();
    }
    return;
  }
  done();
}

/// The schema outlives the reset, also one that the primary's connection has not seen yet. Nothing else goes ahead.
void Session::use_before_reset(pool::Backend& backend) {
  if (session_.must_use(backend.state(), session_.schema)) {
    backend.submit(ahead_, protocol::Expect::ok_or_err, backend.command(com_init_db, session_.schema));
    backend.orphan(ahead_);
  }
  backend.state().insert_id = previous_.insert_id();  // the reset makes it so
  backend.state().next_transaction.clear();
  session_.adopt(backend.state());
}

/// All but the primary's connection, which resets itself, the account and the schema.
void Session::forget_state() {
  const auto primary = context_.topology->primary;
  auto all = held_;
  for (auto* backend : all) {
    if (primary == backend->key().server) continue;
    held_.erase(std::find(held_.begin(), held_.end(), backend));
    if (backend->idle() && !session_.in_transaction()) {
      context_.pool.release(*backend);
    } else {
      context_.pool.discard(*backend);
    }
  }
  session_.reset(true);
  maker_.reset();
  pending_trackers_.clear();
  // MySQL goes back to the server's default charset; MariaDB to the login's.
  if (context_.topology->flavour == topology::Flavour::mysql) session_.collation = 0;
  // MariaDB takes what the login put there out of sql_mode.
  if (context_.topology->flavour == topology::Flavour::mariadb) client_flags_ &= ~protocol::cap::ignore_space;
  begin_defaults();
  prepared_.clear();
  broken_transaction_ = primary_state_ = reads_own_state_ = false;
  transaction_beside_ = transaction_untouched_ = values_unknown_ = read_only_lingers_ = savepoint_ = begun_unseen_ =
      drew_numbers_ = false;
  transaction_server_ = last_read_ = std::nullopt;
  previous_.reset();
  user_variables_.reset();
  text_statements_.clear();
}

void Session::init_db() {
  facts_.kind = sql::Kind::use;
  facts_.why = sql::Why::use_schema;
  if (transaction_is_broken()) return;
  expect_ = protocol::Expect::ok_or_err;
  route_and_run();
}

void Session::plain(protocol::Expect expect) {
  expect_ = expect;
  run_on_primary(routing::Reason::server_state);
}

void Session::explain_route(std::string_view text) {
  constexpr std::string_view word = "route";
  const auto at =
      std::search(text.begin(), text.end(), word.begin(), word.end(), [](char a, char b) { return (a | 0x20) == b; });
  std::string_view sql = text.substr(static_cast<std::size_t>(at - text.begin()));
  sql.remove_prefix(std::min(word.size(), sql.size()));
  ReadAs as;
  auto facts = classified(sql, as);
  know_routines(facts, sql, as, session_.schema);
  std::shared_ptr<const TextStatements::Statement> prepared;
  if (facts.has(sql::fx_text_prepare) && !facts.several)
    prepared = go_by_inner_text(facts, sql::parse_text_prepare(sql, as.dialect));
  correct(facts, as.digest);
  std::vector<routing::Candidate> candidates;
  const auto need = levels(facts);
  const routing::Rule* const rule = context_.rules != nullptr ? rule_for(sql, as) : nullptr;
  const auto route = routing::explain(
      {facts, view(), *context_.topology, need, context_.options, context_.pool.load(), context_.loop.now(), rule},
      candidates);
  if (!route) return fail(route.error());
  const auto table = explain_table(facts, *route, candidates, *context_.topology, rule);
  base::Bytes out;
  protocol::write_result(
      out, 1, table,
      {(capabilities_ & protocol::cap::deprecate_eof) != 0, (capabilities_ & protocol::cap::session_track) != 0,
       session_.status(), (capabilities_ & protocol::cap::optional_resultset_metadata) != 0});
  client_->write(out);
}

}  // namespace wye::session
