#include <charconv>

#include "proxy/protocol/wire.h"
#include "proxy/session/driver/commands.h"
#include "proxy/session/driver/session.h"
#include "proxy/sql/connection_id.h"

// KILL with an id that wye gave (routing.md 3). Whether it is allowed decides the primary, with its own rules and
// words: it is asked to kill the connection that the victim's session has there. What runs elsewhere the victim's own
// worker ends then.
namespace wye::session {

namespace {

constexpr std::uint32_t first_own_id = 0x80000000;
// A KILL that was asked for may be on its way to the connection that it named: so long it serves no other session.
constexpr base::milliseconds kill_in_flight{10'000};

}  // namespace

/// The command is a KILL of a session of wye's: kill_ is set.
bool Session::is_own_kill() {
  if (!whole_) return false;  // what is still to come could not follow another text
  if (command_[4] == com_process_kill) {
    protocol::Reader in{command_payload()};
    in.skip(1);
    const std::uint32_t id = in.u32();
    if (in.ok() && id >= first_own_id) kill_ = Kill{id, false, 0};
  } else if (const auto parsed = sql::parse_kill(command_text(), dialect());
             parsed && !parsed->of_query && parsed->id >= first_own_id && parsed->id <= UINT32_MAX) {
    kill_ = Kill{static_cast<std::uint32_t>(parsed->id), parsed->query, 0};
  }
  return kill_.has_value();
}

/// KILL @a, KILL 1 + 2, KILL ? or any KILL by EXECUTE: what the number was the server's error says. True: it is of a
/// session of wye's, and the command is now a KILL of that; kill_ is set.
bool Session::kills_own(const protocol::ErrInfo& err) {
  constexpr std::uint16_t er_no_such_thread = 1094;
  if (err.code != er_no_such_thread || kill_ || !facts_.has(sql::fx_kill) || facts_.several) return false;
  const bool prepared = command_[4] == com_stmt_execute && statement_ != nullptr;
  if (!whole_ || attempt_.passed || (command_[4] != com_query && !prepared)) return false;
  if (!prepared && sql::parse_kill(command_text(), dialect())) return false;  // a plain number: wye has looked already
  const auto at = err.message.find_last_not_of("0123456789");
  const std::string_view digits = at == std::string_view::npos ? err.message : err.message.substr(at + 1);
  std::uint64_t id = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), id);
  if (id < first_own_id || id > UINT32_MAX) return false;
  const auto text = sql::kill_of(prepared ? statement_->text : command_text(), dialect(), id);
  if (!text) return false;
  if (prepared) become_query();
  if (!replace_text(*text)) return false;
  facts_ = sql::classify(command_text(), dialect());
  return is_own_kill();
}

/// An EXECUTE becomes a COM_QUERY without attributes, whose text is still to come; both have the same OK and ERR.
void Session::become_query() {
  command_.assign({0, 0, 0, 0, com_query});
  if (query_attributes()) base::append(command_, base::Bytes{0, 1});
  text_at_ = command_.size();
  statement_ = nullptr;
}

void Session::ask_kill_target() {
  become(Asking{});
  context_.ask_kill_target(kill_->session, id_);
}

KillTarget Session::kill_target() {
  if (std::holds_alternative<LoggingIn>(state_) || std::holds_alternative<Closed>(state_) || account_ == nullptr)
    return {};
  KillTarget target{true, account_->user, std::nullopt};
  for (const auto* backend : held_) {
    if (is_primary(backend->key().server)) target.primary_thread = backend->thread_id();
  }
  keeps_until_ = context_.loop.now() + kill_in_flight;
  return target;
}

void Session::on_kill_target(const KillTarget& target) {
  if (!std::holds_alternative<Asking>(state_) || !kill_) return;
  if (!target.found) {  // the primary has no such number either, and says so
    kill_.reset();
    expect_ = command_[4] == com_process_kill ? protocol::Expect::ok_or_err : protocol::Expect::query;
    return run_on_primary(routing::Reason::server_state);
  }
  if (target.primary_thread) return kill_through(*target.primary_thread);
  if (kill_->session == id_ && kill_->query) {  // as a server that has a statement to interrupt: this one
    fail({1317, "70100", "Query execution was interrupted"});
    kill_.reset();
    return finish(true);
  }
  // Without the primary there is nobody to ask: one's own sessions only.
  if (account_->user != target.user) {
    fail({1095, "HY000", "You are not owner of thread " + std::to_string(kill_->session)});
    return finish(true);
  }
  done();
  if (context_.topology->flavour == topology::Flavour::mariadb) {
    previous_.counted_nothing();  // without a table: the conditions stay
  } else {
    previous_.done_here();
  }
  kill_answered(false);
}

/// The same statement, with the number that the primary knows.
void Session::kill_through(std::uint32_t thread_id) {
  kill_->thread = thread_id;
  std::string text;
  if (command_[4] == com_process_kill) {
    for (int i = 0; i < 4; ++i) text += static_cast<char>(thread_id >> (8 * i));
  } else if (const auto parsed = sql::parse_kill(command_text(), dialect())) {
    text = command_text();
    text.replace(parsed->id_begin, parsed->id_end - parsed->id_begin, std::to_string(thread_id));
  }
  replace_text(text);
  facts_ = command_[4] == com_process_kill ? sql::Facts{} : sql::classify(command_text(), dialect());
  expect_ = command_[4] == com_process_kill ? protocol::Expect::ok_or_err : protocol::Expect::query;
  run_on_primary(routing::Reason::server_state);
}

/// The primary's words, with the number that the client knows.
base::Bytes Session::with_client_id(const protocol::ErrInfo& err) const {
  std::string message(err.message);
  const std::string theirs = std::to_string(kill_->thread);
  if (const auto at = message.find(theirs); at != std::string::npos)
    message.replace(at, theirs.size(), std::to_string(kill_->session));
  base::Bytes payload;
  protocol::write_err(payload, {err.code, err.state, message});
  return payload;
}

void Session::kill_answered(bool refused) {
  const Kill kill = *kill_;
  const bool self = kill.session == id_;
  finish(refused);
  if (!refused && !self) context_.kill(kill.session, kill.query);
  if (self && !kill.query && !std::holds_alternative<Closed>(state_)) close_when_sent();
}

/// KILL QUERY, where the primary has nothing to end: a read on a replica, or a statement that waits in wye.
void Session::interrupt() {
  const bool waits = std::holds_alternative<Holding>(state_) || std::holds_alternative<Acquiring>(state_) ||
                     std::holds_alternative<Waiting>(state_) || std::holds_alternative<Learning>(state_);
  if (waits) {
    context_.pool.cancel(*this);
    context_.waiters.cancel(*this);
    context_.commits.cancel(*this);
    fail({1317, "70100", "Query execution was interrupted"});
    return finish(true);
  }
  auto* backend = std::holds_alternative<Relaying>(state_) ? held(server_) : nullptr;
  if (backend == nullptr || is_primary(server_)) return;
  keeps_until_ = context_.loop.now() + kill_in_flight;
  context_.killer.kill(*backend, true);
}

/// The client is gone. Servers notice that when they write; a statement that computes or waits would go on.
void Session::end_running_statements() {
  for (const auto* backend : held_) {
    if (backend->in_flight() > 0 && !backend->dead()) context_.killer.kill(*backend, false);
  }
}

}  // namespace wye::session
