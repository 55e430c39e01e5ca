#include <algorithm>
#include <iterator>

#include "proxy/protocol/framing.h"
#include "proxy/protocol/wire.h"
#include "proxy/session/driver/commands.h"
#include "proxy/session/driver/session.h"
#include "proxy/sql/ascii.h"
#include "proxy/sql/previous.h"

// Warnings and errors of the statement before, for the statements that tell of them (routing.md 1): SHOW WARNINGS and
// SHOW ERRORS, GET DIAGNOSTICS, @@warning_count.
namespace wye::session {

namespace {

class Ignored final : public pool::ResponseSink {
 public:
  void on_raw(base::ByteView) override {}
  void on_packet(protocol::Part, std::uint8_t, base::ByteView, const protocol::ResponseTracker&) override {}
  void on_end(const protocol::ResponseTracker&) override {}
  void on_lost(const base::Error&) override {}
};
Ignored ignored;  // stateless

/// Something from outside ended it: it would not end so again, and might take long.
bool was_broken_off(const PreviousValues::Ran& ran) {
  static constexpr std::uint16_t codes[] = {1053, 1205, 1213, 1317, 1969, 3024};
  return ran.failed && std::find(std::begin(codes), std::end(codes), ran.error) != std::end(codes);
}

}  // namespace

/// A read on a replica that left conditions can be run again where GET DIAGNOSTICS runs, which writes user variables.
void Session::remember_maker() {
  constexpr std::size_t longest = std::size_t{64} << 10;
  maker_.reset();
  const bool execute = statement_ != nullptr && command_[4] == com_stmt_execute;
  if (is_primary(server_) || !previous_.has_conditions(server_) || !whole_ || command_.size() > longest) return;
  const bool refused = command_[4] == com_stmt_prepare;  // or it had left none
  const bool reads = facts_.replica_ok || facts_.why == sql::Why::previous_statement_value;
  if (!reads || was_broken_off(ran_) || (!execute && !refused && command_[4] != com_query)) return;
  if (execute && (prepared_.is_stand_in(*statement_) || opens_cursor())) return;
  maker_ = Maker{server_,
                 execute ? statement_->id : 0,
                 ran_.failed ? ran_.error : std::uint16_t{0},
                 had_conditions_,
                 command_,
                 session_.schema,
                 session_.reads_under()};
}

/// The command needs the conditions of the statement before on its own connection: it tells them in a way that wye
/// can't, or adds to them.
bool Session::needs_conditions_there() const {
  const bool not_stored =
      sql::same(facts_.verb, "get") || facts_.several || (statement_ != nullptr && !shows_conditions());
  // Whether a routine clears them, MariaDB decides by the tables in it; MySQL adds to them what a command says.
  const bool command = command_[4] == com_init_db || command_[4] == com_field_list;
  const bool mariadb = context_.topology->flavour == topology::Flavour::mariadb;
  const bool function = facts_.has(sql::fx_stored_function) && !facts_.has(sql::fx_mentions_table);
  const bool runs = facts_.kind == sql::Kind::call || function;
  const bool routine =
      (runs && command_[4] != com_stmt_prepare) || (command_[4] == com_query && sql::same(facts_.verb, "execute"));
  return (reads_conditions_ && not_stored) || (mariadb ? routine : command);
}

/// They are on another server, and only reading them back brings them along.
bool Session::must_recall_conditions() const { return needs_conditions_there() && !can_run_maker(); }

/// Under other settings it would be another statement.
bool Session::can_run_maker() const {
  if (!maker_ || maker_->under != session_.reads_under()) return false;
  return maker_->schema == session_.schema || (!maker_->schema.empty() && !session_.schema.empty());
}

bool Session::must_run_maker(const pool::Backend& backend) const {
  if (!needs_conditions_there() || !can_run_maker() || previous_.conditions_at(backend.key().server)) return false;
  const auto& stored = previous_.stored_conditions();
  return previous_.has_conditions(maker_->server) || (stored && !stored->rows.empty());
}

/// True: its PREPARE is on its way; run_on() goes on behind it.
bool Session::prepare_maker(pool::Backend& backend) {
  if (!must_run_maker(backend) || maker_->statement == 0) return false;
  auto* statement = prepared_.find(maker_->statement);
  if (statement == nullptr) maker_.reset();
  if (statement == nullptr || backend.state().prepared.contains(statement->key)) return false;
  prepare_on(backend, *statement);
  return true;
}

/// Its conditions are this connection's then, and its counts, unless a SELECT without a table has counted behind it.
void Session::run_maker(pool::Backend& backend) {
  auto* statement = maker_->statement != 0 ? prepared_.find(maker_->statement) : nullptr;
  const auto framed = statement != nullptr ? execute_frame(backend, *statement, maker_->command) : maker_->command;
  const bool prepare = framed.size() > 4 && framed[4] == com_stmt_prepare;
  const auto expect = prepare ? protocol::Expect::prepare : protocol::Expect::query;
  const auto server = backend.key().server;
  const bool elsewhere = maker_->schema != session_.schema;
  const auto use = [&](const std::string& schema) {
    backend.submit(ignored, protocol::Expect::ok_or_err, backend.command(com_init_db, schema));
  };
  if (elsewhere) use(maker_->schema);
  if (!framed.empty()) backend.submit(ignored, expect, framed);
  if (elsewhere) use(session_.schema);
  const bool mariadb = context_.topology->flavour == topology::Flavour::mariadb;
  if (mariadb && may_keep_found_rows() && previous_.found_one_row()) {  // MySQL's SELECT takes the conditions away
    backend.submit(ignored, protocol::Expect::query, backend.command(com_query, "SELECT 1"));
    previous_.found_rows_made(server);
  }
  backend.state().conditions = true;
  previous_.conditions_made(server);
  maker_.reset();
}

/// What may leave the conditions of the statement before, or adds to them, must not leave those of an older one. Ahead
/// of all else: it counts rows. SIGNAL takes them away by itself, and counts none.
void Session::drop_stale_conditions(pool::Backend& backend) {
  auto& there = backend.state();
  const auto id = backend.key().server;
  if (!there.conditions || reads_conditions_ || previous_.conditions_at(id) || !needs_conditions_there()) return;
  if (!must_run_maker(backend) && !conditions_to_make(id).empty()) return;
  backend.submit(ignored, protocol::Expect::query, backend.command(com_query, PreviousValues::clear));
  there.conditions = false;
  previous_.count_lost(id);
}

/// wye's own PREPARE has warned: MySQL's EXECUTE, if it is refused, adds its error to what is there. Left are those of
/// a session that had some: most likely of the same PREPARE, the client's.
void Session::drop_prepare_warnings(pool::Backend& backend, const PreparedStatement& statement) {
  const bool had = &statement == statement_ ? previous_.has_conditions() : maker_ && maker_->beside;
  if (had || context_.topology->flavour != topology::Flavour::mysql) return;
  // A SET takes them away and leaves FOUND_ROWS(), as no other statement that does nothing (tried on 9.7.4).
  constexpr std::string_view nothing = "SET @@session.div_precision_increment=@@session.div_precision_increment";
  backend.submit(ignored, protocol::Expect::query, backend.command(com_query, nothing));
  previous_.count_lost(backend.key().server);
}

/// SQL that makes those of the statement before this connection's. Empty: they are, or it can't.
std::string Session::conditions_to_make(topology::ServerId server) const {
  const bool makes = previous_.has_own_error() || needs_conditions_there();
  if (!makes || previous_.conditions_at(server)) return {};
  std::string sql = previous_.conditions_sql((session_.status() & protocol::status::no_backslash_escapes) != 0);
  const auto& stored = previous_.stored_conditions();
  const bool routine = context_.topology->flavour == topology::Flavour::mariadb && !reads_conditions_;
  if (sql.empty() && routine && stored && !stored->rows.empty()) sql = make_stand_in;
  return sql;
}

/// A statement that tells the conditions of the one before must not tell those of an older one, which are still there.
void Session::send_conditions(pool::Backend& backend) {
  if (must_run_maker(backend)) return run_maker(backend);
  if (!reads_conditions_ && !needs_conditions_there()) return;
  auto& there = backend.state();
  const auto id = backend.key().server;
  const std::string made = conditions_to_make(id);
  // Or one of what went ahead of it: SET NAMES utf8mb3 is deprecated.
  if (made.empty() && !reads_conditions_) return;
  const bool stale = there.conditions || attempt_.ahead_left > 0;
  const bool counts = sql::same(facts_.verb, "get") && previous_.counted_elsewhere(id);
  if (made.empty() && (previous_.conditions_at(id) || (!stale && !counts))) return;
  const std::string_view sql = made.empty() ? previous_.clear_sql(id) : std::string_view{made};
  backend.submit(ignored, protocol::Expect::query, backend.command(com_query, sql));
  there.conditions = !made.empty();
  if (!there.conditions || (reads_conditions_ && previous_.has_own_error())) return;
  if (made == make_stand_in) {
    previous_.stand_in_made(id);
  } else {
    previous_.conditions_made(id);
  }
  previous_.count_lost(id);
}

/// What a routine counts is the client's, and if it counts nothing, what was before it.
bool Session::may_keep_found_rows() const {
  if (command_[4] == com_stmt_prepare) return false;
  return facts_.kind == sql::Kind::call || (command_[4] == com_query && sql::same(facts_.verb, "execute"));
}

void Session::send_found_rows(pool::Backend& backend) {
  const auto server = backend.key().server;
  const bool mariadb = context_.topology->flavour == topology::Flavour::mariadb;
  if (mariadb && (previous_.has_conditions(server) || must_run_maker(backend))) return;  // it would take them away
  const std::string sql = may_keep_found_rows() ? previous_.found_rows_sql(server) : std::string{};
  if (sql.empty()) return;
  backend.submit(ignored, protocol::Expect::query, backend.command(com_query, sql));
  previous_.found_rows_made(server);
}

/// COM_SET_OPTION's answer: MySQL tells in it what the statement before has left, wherever that was.
base::Bytes Session::with_last_warnings(const protocol::EofInfo& eof) const {
  protocol::EofInfo told = eof;
  if (context_.topology->flavour == topology::Flavour::mysql)
    told.warnings = static_cast<std::uint16_t>(std::min(previous_.last_warnings(), 0xffffU));
  base::Bytes payload;
  protocol::write_eof(payload, told);
  return payload;
}

/// The packets of SHOW WARNINGS, for a client that asks after the connection is gone.
Conditions Session::conditions_of(const RowCollector& answer, const RowCollector::Rows& rows) {
  Conditions told;
  told.head = answer.head();
  base::ByteView rest = answer.frames();
  while (true) {
    const auto framed = protocol::next_packet(rest, rest.size());
    const auto* packet = std::get_if<protocol::Packet>(&framed);
    if (packet == nullptr) break;
    const bool definition = told.definitions.size() < answer.definitions();
    (definition ? told.definitions : told.rows).emplace_back(packet->payload.begin(), packet->payload.end());
    rest = rest.subspan(packet->consumed);
  }
  for (const auto& row : rows) told.is_error.push_back(!row.empty() && row[0].starts_with('E'));
  return told;
}

/// SHOW WARNINGS and its kind, as text or by an EXECUTE: any other command tells of conditions in a way that wye can't.
std::optional<ShowConditions> Session::shows_conditions() const {
  if ((previous_use_ & sql::previous_diagnostics) == 0 || facts_.several) return std::nullopt;
  if (command_[4] == com_query) return parse_show_conditions(command_text(), dialect());
  if (command_[4] != com_stmt_execute || statement_ == nullptr || opens_cursor()) return std::nullopt;
  return parse_show_conditions(statement_->text, statement_->read_as.dialect);
}

/// SHOW WARNINGS after the connection that had them went to another session. True: it is answered.
bool Session::answer_stored_conditions() {
  const auto show = shows_conditions();
  if (!show || !previous_.stored_conditions()) return false;
  const bool execute = statement_ != nullptr;
  if (show->count) {
    const std::string sql = std::string{"SELECT @@session."} + (show->errors_only ? "error_count" : "warning_count");
    previous_use_ = sql::previous_conditions;
    if (!execute) return !replace_text(sql);
    statement_ = &prepared_.stand_in(*statement_, sql);
    statement_->facts = facts_ = sql::classify(statement_->text, dialect());
    return false;
  }
  const auto& stored = *previous_.stored_conditions();
  const auto rows = rows_shown(stored, *show, execute);
  if (!rows) return false;
  base::Bytes out, payload;
  std::uint8_t sequence = 1;
  const auto put = [&](base::ByteView packet) { sequence = protocol::write_packet(out, sequence, packet); };
  const bool deprecate_eof = (capabilities_ & protocol::cap::deprecate_eof) != 0;
  put(stored.head);
  for (const auto& definition : stored.definitions) put(definition);
  protocol::write_eof(payload, {0, session_.status()});
  if (!deprecate_eof) put(payload);
  for (const auto& row : *rows) put(row);
  if (deprecate_eof) {
    payload.clear();
    protocol::OkInfo ok;
    ok.status = session_.status();
    protocol::write_ok(payload, ok, {true, (capabilities_ & protocol::cap::session_track) != 0});
  }
  put(payload);
  client_->write(out);
  previous_.showed_here();
  return true;
}

}  // namespace wye::session
