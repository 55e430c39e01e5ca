#include "proxy/protocol/wire.h"
#include "proxy/session/driver/commands.h"
#include "proxy/session/driver/session.h"
#include "proxy/sql/token_query.h"

// Binary prepared statements: https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_command_phase_ps.html
namespace wye::session {

namespace {

constexpr std::size_t prepare_limit = std::size_t{16} << 20;

}  // namespace

void Session::prepare() {
  if (!upload_.complete() || command_.size() > prepare_limit)
    return protocol_error(metrics::ProtocolError::oversized,
                          {1153, "08S01", "A statement to prepare may have 16 MiB at most"});
  if (transaction_is_broken()) return;
  if (prepared_.size() >= PreparedStatements::most)
    return fail({1461, "42000",
                 "Can't create more than max_prepared_stmt_count statements (current value: " +
                     std::to_string(PreparedStatements::most) + ")"});
  facts_ = sql::classify(command_text(), dialect());
  put_own_connection_id();
  const auto token_column = sql::token_column(command_text());
  if (token_column) replace_text(token_statement(*token_column, {}));
  statement_ = &prepared_.add(std::string(command_text()));
  statement_->token_column = token_column;
  statement_->schema = session_.schema;
  statement_->under = session_.reads_under();
  statement_->facts = facts_ = classified(statement_->text, statement_->read_as);
  tally_.as = statement_->read_as;
  know_routines();
  if (!take_rule(false)) return prepared_.remove(statement_->id);
  expect_ = protocol::Expect::prepare;
  route_and_run();
}

void Session::execute() {
  protocol::Reader in{command_payload()};
  in.skip(1);
  const std::uint32_t id = in.u32();
  statement_ = in.ok() ? prepared_.find(id) : nullptr;
  if (statement_ == nullptr) return fail(unknown_statement(id, "execute"));
  if (!note_types(command_payload(), *statement_, query_attributes())) {
    context_.metrics.protocol_errors[metrics::ProtocolError::malformed].add();
    const bool mariadb = context_.topology->flavour == topology::Flavour::mariadb;
    return fail({1210, "HY000",
                 std::string("Incorrect arguments to ") + (mariadb ? "mysqld_stmt_execute" : "COM_STMT_EXECUTE")});
  }
  facts_ = statement_->facts;
  tally_.as = statement_->read_as;
  if (transaction_is_broken() || !take_rule(true)) return;
  note_statement();
  statement_->cursor = false;
  if (command_[4] == com_stmt_bulk_execute) {
    facts_.replica_ok = false;
    facts_.effects |= sql::fx_may_commit_unreported;
  } else if (opens_cursor()) {
    facts_.replica_ok = false;  // a cursor stays where it is opened: FETCH goes to the primary
    statement_->cursor = true;
  }
  if ((facts_.effects & (sql::fx_previous_result | sql::fx_last_insert_id)) != 0) note_previous_use(statement_->text);
  if (!statement_->lost && answer_stored_conditions()) return;
  expect_ = protocol::Expect::query;
  if (statement_->lost) {
    fail(*statement_->lost);
    statement_->lost.reset();
    return;
  }
  if (statement_->token_column) {
    token_column_ = statement_->token_column;
    return answer_token();
  }
  if (statement_->fixed) return execute_with_long_data();
  route_and_run();
}

bool Session::opens_cursor() const {
  constexpr std::size_t flags_at = protocol::header_size + 5;
  constexpr std::uint8_t cursor = 0x07;  // its type; above it, PARAMETER_COUNT_AVAILABLE
  return command_.size() > flags_at && command_[4] == com_stmt_execute && (command_[flags_at] & cursor) != 0;
}

/// Parameters were sent ahead: the statement runs where they are, or not at all.
void Session::execute_with_long_data() {
  const auto there = *statement_->fixed;
  statement_->fixed.reset();
  whole_ = false;
  auto* backend = held(there);
  if (backend == nullptr || !backend->state().prepared.contains(statement_->key))
    return fail({2013, "HY000", "The parameter data sent ahead was lost with the connection to " + server(there).name});
  reason_ = is_primary(there) ? routing::Reason::write : routing::Reason::replica_read;
  obtain(there);
}

/// In the server's words: MySQL 8 checks in one place.
base::Error Session::unknown_statement(std::uint32_t id, const char* command) const {
  const auto& version = context_.greeting_version;
  const bool prechecks = version.flavour == topology::Flavour::mysql && version.number >= 80000;
  return {1243, "HY000",
          "Unknown prepared statement handler (" + std::to_string(id) + ") given to " +
              (prechecks ? "mysql_stmt_precheck" : std::string("mysqld_stmt_") + command)};
}

/// The command as this server knows the statement: with its own id, and with the parameters' types if it has not seen
/// them. Empty: malformed.
base::Bytes Session::execute_frame(pool::Backend& backend, PreparedStatement& statement, const base::Bytes& command) {
  auto& there = backend.state().prepared[statement.key];
  const auto head = protocol::read_head(command.data());
  const auto payload = base::ByteView(command).subspan(protocol::header_size);
  base::Bytes framed(protocol::header_size);
  if (command[4] != com_stmt_execute && command[4] != com_stmt_bulk_execute) {
    framed.assign(command.begin(), command.end());
    for (int i = 0; i < 4; ++i)
      framed[protocol::header_size + 1 + static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(there.id >> (8 * i));
    return framed;
  }
  const auto rewritten = rewrite_execute(payload, statement, there, query_attributes());
  const auto grown = rewritten ? rewritten->prefix.size() - payload.size() : 0;
  const auto length = head.length + grown;
  // A payload that would need another frame: nobody binds 16 MB without naming the types.
  if (!rewritten || length > protocol::max_frame || (grown > 0 && length == protocol::max_frame)) return {};
  protocol::write_head(framed.data(), {static_cast<std::uint32_t>(length), 0});
  base::append(framed, rewritten->prefix);
  return framed;
}

void Session::prepare_on(pool::Backend& backend, PreparedStatement& statement) {
  attempt_.preparing = true;
  preparing_for_ = &statement;
  become(Preparing{});
  backend.submit(preparer_, protocol::Expect::prepare, backend.command(com_stmt_prepare, statement.text));
}

void Session::long_data() {
  protocol::Reader in{command_payload()};
  in.skip(1);
  statement_ = prepared_.find(in.u32());
  if (!in.ok() || statement_ == nullptr) return;  // this command has no answer, so no error either
  facts_ = statement_->facts;
  tally_.as = statement_->read_as;
  if (!take_rule(false)) return;
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
  for (auto* backend : held_) close_there(*backend, statement->key);
  if (maker_ && maker_->statement == id) maker_.reset();  // can't run again
  prepared_.remove(id);
}

void Session::close_there(pool::Backend& backend, std::uint64_t key) {
  auto& there = backend.state().prepared;
  const auto it = there.find(key);
  if (it == there.end()) return;
  base::Bytes payload{com_stmt_close}, framed;
  protocol::put_u32(payload, it->second.id);
  protocol::write_packet(framed, 0, payload);
  backend.submit(ahead_, protocol::Expect::nothing, framed);
  there.erase(it);
}

/// It was for this EXECUTE only.
void Session::close_stand_in() {
  if (statement_ == nullptr || !prepared_.is_stand_in(*statement_)) return;
  if (auto* backend = held(server_); backend != nullptr) close_there(*backend, statement_->key);
  statement_ = nullptr;
}

void Session::reset_statement() {
  protocol::Reader in{command_payload()};
  in.skip(1);
  const std::uint32_t id = in.u32();
  statement_ = in.ok() ? prepared_.find(id) : nullptr;
  if (statement_ == nullptr) return fail(unknown_statement(id, "reset"));
  previous_.counted_nothing();
  const auto where = statement_->fixed ? statement_->fixed : statement_->last;
  statement_->fixed.reset();
  statement_->cursor = false;
  auto* backend = where ? held(*where) : nullptr;
  if (backend == nullptr || !backend->state().prepared.contains(statement_->key))
    return done();  // nothing there to reset
  expect_ = protocol::Expect::ok_or_err;
  reason_ = routing::Reason::pinned;
  obtain(*where);
}

/// Rows of an open cursor: they are where the EXECUTE opened it.
void Session::fetch() {
  protocol::Reader in{command_payload()};
  in.skip(1);
  const std::uint32_t id = in.u32();
  statement_ = in.ok() ? prepared_.find(id) : nullptr;
  if (statement_ == nullptr) return fail(unknown_statement(id, "fetch"));
  const char* const dot = context_.topology->flavour == topology::Flavour::mysql ? "." : "";
  auto* backend = statement_->last ? held(*statement_->last) : nullptr;
  if (backend == nullptr || !backend->state().prepared.contains(statement_->key))
    return fail({1421, "HY000", "The statement (" + std::to_string(id) + ") has no open cursor" + dot});
  facts_ = statement_->facts;
  expect_ = protocol::Expect::rows;
  whole_ = false;
  reason_ = routing::Reason::pinned;
  obtain(*statement_->last);
}

}  // namespace wye::session
