#include <algorithm>

#include "proxy/protocol/result_set.h"
#include "proxy/protocol/wire.h"
#include "proxy/session/driver/explain_table.h"
#include "proxy/session/driver/session.h"

// The client's commands: cut from the stream, told apart, classified.
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_command_phase.html
namespace wye::session {

namespace {

// A command up to this size is kept whole: it is classified whole and can run again. What is longer streams by.
constexpr std::uint32_t gather_limit = std::uint32_t{1} << 20;
constexpr std::size_t prepare_limit = std::size_t{16} << 20;

enum Command : std::uint8_t {
  com_quit = 0x01,
  com_init_db = 0x02,
  com_query = 0x03,
  com_field_list = 0x04,
  com_statistics = 0x09,
  com_ping = 0x0e,
  com_change_user = 0x11,
  com_stmt_prepare = 0x16,
  com_stmt_execute = 0x17,
  com_stmt_send_long_data = 0x18,
  com_stmt_close = 0x19,
  com_stmt_reset = 0x1a,
  com_set_option = 0x1b,
  com_stmt_fetch = 0x1c,
  com_reset_connection = 0x1f,
};

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
    if (!upload_.complete() || !take_command()) {
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
  attempts_ = 0;
  statement_ = nullptr;
  facts_ = {};
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
      return done();
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
  session_.fill(dialect);
  return dialect;
}

void Session::count_pin(Pin before) {
  if (before == Pin::none && session_.pinned() != Pin::none) context_.metrics.pins[metric_of(session_.pinned())].add();
}

/// What the statement does to the session that no tracker reports.
void Session::note_statement() {
  const auto before = session_.pinned();
  session_.before(facts_);
  count_pin(before);
  primary_state_ = primary_state_ || session_.pinned() != Pin::none ||
                   (facts_.effects & (sql::fx_user_variable | sql::fx_text_prepare | sql::fx_user_lock)) != 0;
  // Names without a schema mean the session's, which the classifier does not know.
  if (facts_.replica_ok && facts_.has(sql::fx_mentions_table) && is_system_schema(session_.schema)) {
    facts_.replica_ok = false;
    facts_.why = sql::Why::system_schema;
  }
}

void Session::query() {
  facts_ = sql::classify(command_text(), dialect());
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
  if (transaction_is_broken()) return;
  note_statement();
  expect_ = protocol::Expect::query;
  route_and_run();
}

void Session::prepare() {
  if (!upload_.complete() || command_.size() > prepare_limit)
    return protocol_error(metrics::ProtocolError::oversized,
                          {1153, "08S01", "A statement to prepare may have 16 MiB at most"});
  if (transaction_is_broken()) return;
  if (prepared_.size() >= PreparedStatements::most)
    return fail({1461, "42000",
                 "Can't create more than max_prepared_stmt_count statements (current value: " +
                     std::to_string(PreparedStatements::most) + ")"});
  statement_ = &prepared_.add(std::string(command_text()));
  statement_->schema = session_.schema;
  statement_->facts = sql::classify(statement_->text, dialect());
  facts_ = statement_->facts;
  expect_ = protocol::Expect::prepare;
  route_and_run();
}

void Session::execute() {
  protocol::Reader in{command_payload()};
  in.skip(1);
  const std::uint32_t id = in.u32();
  statement_ = in.ok() ? prepared_.find(id) : nullptr;
  if (statement_ == nullptr)
    return fail({1243, "HY000",
                 "Unknown prepared statement handler (" + std::to_string(id) + ") given to mysqld_stmt_execute"});
  if (!note_types(command_payload(), *statement_)) {
    context_.metrics.protocol_errors[metrics::ProtocolError::malformed].add();
    const bool mariadb = context_.topology->flavour == topology::Flavour::mariadb;
    return fail({1210, "HY000",
                 std::string("Incorrect arguments to ") + (mariadb ? "mysqld_stmt_execute" : "COM_STMT_EXECUTE")});
  }
  facts_ = statement_->facts;
  if (transaction_is_broken()) return;
  note_statement();
  if (in.u8() != 0 && in.ok())
    facts_.replica_ok = false;  // a cursor stays where it is opened: FETCH goes to the primary
  expect_ = protocol::Expect::query;
  if (statement_->lost) {
    fail(*statement_->lost);
    statement_->lost.reset();
    return;
  }
  if (statement_->fixed) {
    const auto there = *statement_->fixed;
    statement_->fixed.reset();
    whole_ = false;  // its long data is on that connection only
    auto* backend = held(there);
    if (backend == nullptr || !backend->state().prepared.contains(statement_->key))
      return fail(
          {2013, "HY000", "The parameter data sent ahead was lost with the connection to " + server(there).name});
    reason_ = is_primary(there) ? routing::Reason::write : routing::Reason::replica_read;
    return obtain(there);
  }
  route_and_run();
}

void Session::long_data() {
  protocol::Reader in{command_payload()};
  in.skip(1);
  statement_ = prepared_.find(in.u32());
  if (!in.ok() || statement_ == nullptr) return;  // this command has no answer, so no error either
  facts_ = statement_->facts;
  expect_ = protocol::Expect::nothing;
  if (statement_->fixed) return obtain(*statement_->fixed);
  route_and_run();
}

void Session::close_statement() {
  protocol::Reader in{command_payload()};
  in.skip(1);
  const std::uint32_t id = in.u32();
  const auto* statement = in.ok() ? prepared_.find(id) : nullptr;
  if (statement == nullptr) return;
  for (auto* backend : held_) {
    auto& there = backend->state().prepared;
    const auto it = there.find(statement->key);
    if (it == there.end()) continue;
    base::Bytes payload{com_stmt_close}, framed;
    protocol::put_u32(payload, it->second.id);
    protocol::write_packet(framed, 0, payload);
    backend->submit(ahead_, protocol::Expect::nothing, framed);
    there.erase(it);
  }
  prepared_.remove(id);
}

void Session::reset_statement() {
  protocol::Reader in{command_payload()};
  in.skip(1);
  const std::uint32_t id = in.u32();
  statement_ = in.ok() ? prepared_.find(id) : nullptr;
  if (statement_ == nullptr)
    return fail(
        {1243, "HY000", "Unknown prepared statement handler (" + std::to_string(id) + ") given to mysqld_stmt_reset"});
  const auto where = statement_->fixed ? statement_->fixed : statement_->last;
  statement_->fixed.reset();
  auto* backend = where ? held(*where) : nullptr;
  if (backend == nullptr || !backend->state().prepared.contains(statement_->key))
    return done();  // nothing there to reset
  expect_ = protocol::Expect::ok_or_err;
  obtain(*where);
}

/// Rows of an open cursor: they are where the EXECUTE opened it.
void Session::fetch() {
  protocol::Reader in{command_payload()};
  in.skip(1);
  const std::uint32_t id = in.u32();
  statement_ = in.ok() ? prepared_.find(id) : nullptr;
  auto* backend = statement_ != nullptr && statement_->last ? held(*statement_->last) : nullptr;
  if (backend == nullptr || !backend->state().prepared.contains(statement_->key))
    return fail(
        {1243, "HY000", "Unknown prepared statement handler (" + std::to_string(id) + ") given to mysqld_stmt_fetch"});
  facts_ = statement_->facts;
  expect_ = protocol::Expect::rows;
  whole_ = false;
  reason_ = routing::Reason::pinned;
  obtain(*statement_->last);
}

void Session::reset_connection() {
  // Old servers don't know it: their own words, and nothing is reset.
  if (!topology::tracks_sessions(context_.greeting_version)) return plain(protocol::Expect::ok_or_err);
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
  session_.reset();
  // MySQL goes back to the server's default charset; MariaDB to the login's.
  if (context_.topology->flavour == topology::Flavour::mysql) session_.collation = 0;
  prepared_.clear();
  broken_transaction_ = primary_state_ = false;
  transaction_server_ = last_read_ = last_statement_ = std::nullopt;
  if (auto* backend = primary ? held(*primary) : nullptr; backend != nullptr) {
    backend->state().forget_session();
    plain(protocol::Expect::ok_or_err);
    // Ahead of the next statement, not of the reset, which would take them away again (and a transaction refuses some
    // of them).
    if (backend = held(*primary); backend != nullptr) backend->settings_lost();
    return;
  }
  done();
}

void Session::init_db() {
  facts_.kind = sql::Kind::use;
  if (transaction_is_broken()) return;
  expect_ = protocol::Expect::ok_or_err;
  run_on_primary(routing::Reason::use_schema);
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
  const auto facts = sql::classify(sql, dialect());
  routing::SessionView view;
  session_.fill(view);
  view.untracked = !topology::tracks_sessions(context_.greeting_version);
  view.transaction_server = transaction_server_;
  view.last_read = last_read_;
  view.last_statement = last_statement_;
  std::vector<routing::Candidate> candidates;
  const auto route = routing::explain(
      {facts, view, *context_.topology, context_.need, context_.options, context_.pool.load(), context_.loop.now()},
      candidates);
  if (!route) return fail(route.error());
  const auto table = explain_table(facts, *route, candidates, *context_.topology);
  base::Bytes out;
  protocol::write_result(out, 1, table,
                         {(capabilities_ & protocol::cap::deprecate_eof) != 0,
                          (capabilities_ & protocol::cap::session_track) != 0, session_.status()});
  client_->write(out);
}

}  // namespace wye::session
