#include "proxy/session/driver/session.h"

#include <algorithm>

#include "proxy/base/log.h"
#include "proxy/session/driver/commands.h"

namespace wye::session {

namespace {

metrics::SessionState gauge_of(std::size_t state_index) {
  switch (state_index) {
    case 0:
      return metrics::SessionState::login;
    case 1:
      return metrics::SessionState::idle;
    default:
      return metrics::SessionState::active;
  }
}
/// Statement text for the console. What may hold a password (CREATE USER, SET PASSWORD, CHANGE MASTER ...) is shown by
/// its verb only.
std::string shown(std::string_view text) {
  const auto holds = [&](std::string_view word) {
    return std::search(text.begin(), text.end(), word.begin(), word.end(),
                       [](char a, char b) { return (a >= 'a' && a <= 'z' ? a - 32 : a) == b; }) != text.end();
  };
  if (holds("IDENTIFIED") || holds("PASSWORD"))
    return std::string(text.substr(0, text.find_first_of(" \t\n"))) + " ... (hidden)";
  return std::string(text.substr(0, 1024));
}

constexpr std::size_t closed_index = std::variant_size_v<State> - 1;
constexpr base::milliseconds last_words{10'000};

}  // namespace

Session::Session(Context& context, SessionId id, Client client)
    : context_(context),
      id_(id),
      client_(std::make_unique<net::Stream>(context.loop, client.fd, *this)),
      peer_(std::move(client)),
      state_(LoggingIn{}),
      state_since_(context.loop.now()),
      session_(id),
      turn_(context.turns++) {
  context_.open_sessions.fetch_add(1, std::memory_order_relaxed);
  context_.metrics.sessions[metrics::SessionState::login].add();
}

Session::~Session() {
  if (!std::holds_alternative<Closed>(state_)) close("shutting down");
  context_.open_sessions.fetch_sub(1, std::memory_order_relaxed);
}

void Session::become(State state) {
  if (state_.index() != closed_index) context_.metrics.sessions[gauge_of(state_.index())].sub();
  if (std::holds_alternative<Holding>(state_)) context_.metrics.held_statements.sub();
  state_ = std::move(state);
  state_since_ = context_.loop.now();
  if (state_.index() != closed_index) context_.metrics.sessions[gauge_of(state_.index())].add();
  if (std::holds_alternative<Holding>(state_)) context_.metrics.held_statements.add();
}

void Session::send(base::ByteView payload, std::uint8_t sequence) {
  std::uint8_t head[protocol::header_size];
  protocol::write_head(head, {static_cast<std::uint32_t>(payload.size()), sequence});
  client_->out().append(head);
  client_->out().append(payload);
  client_->schedule();
}

void Session::fail(const base::Error& error) {
  if (command_.size() > 4 && command_[4] == com_stmt_send_long_data && statement_ != nullptr) {
    statement_->lost = error;  // SEND_LONG_DATA has no answer: the EXECUTE gets the error
    return;
  }
  if (command_.size() > 4) {
    const std::uint8_t command = command_[4];
    if (command == com_query || command == com_stmt_execute || command == com_stmt_prepare ||
        command == com_stmt_fetch || command == com_stmt_reset)
      previous_.failed_here(error);
    own_error_ = true;
  }
  base::Bytes payload;
  protocol::write_err(payload, {error.code, error.state, error.message});
  send(payload, answer_sequence_);
}

void Session::done() {
  base::Bytes payload;
  protocol::OkInfo ok;
  ok.status = session_.status();
  // PING tells how many conditions the statement before has left (tried on MySQL 9.7.4).
  if (command_.size() > 4 && command_[4] == com_ping && context_.topology->flavour == topology::Flavour::mysql)
    ok.warnings = static_cast<std::uint16_t>(std::min(previous_.last_warnings(), 0xffffU));
  protocol::write_ok(payload, ok, {false, (capabilities_ & protocol::cap::session_track) != 0});
  send(payload, answer_sequence_);
}

void Session::protocol_error(metrics::ProtocolError kind, const base::Error& error) {
  context_.metrics.protocol_errors[kind].add();
  if (const auto* login = std::get_if<LoggingIn>(&state_); login != nullptr && !login->change_user)
    context_.metrics.sessions_total[metrics::SessionResult::login_failed].add();
  log::info("protocol_error", {{"session", id_}, {"client", peer_.name}, {"error", error.message}});
  fail(error);
  close(error.message.c_str());
}

pool::Backend* Session::held(topology::ServerId id) {
  const auto it = std::find_if(held_.begin(), held_.end(), [&](const auto* b) { return b->key().server == id; });
  return it == held_.end() ? nullptr : *it;
}

/// Gives the backend connections back, or closes those whose state can't be taken back by a reset.
void Session::release_all(bool clean) {
  context_.pool.cancel(*this);
  auto all = std::move(held_);
  held_.clear();
  for (auto* backend : all) {
    const bool busy = backend->in_flight() > 0;
    backend->orphan(*this);
    backend->orphan(ahead_);
    backend->orphan(preparer_);
    backend->orphan(values_);
    backend->orphan(trackers_);
    backend->orphan(numbers_);
    backend->orphan(user_values_);
    backend->orphan(conditions_);
    backend->orphan(cleared_);
    // A primary's connection was the proof of the account's password; the next login needs a proof of its own.
    const auto id = backend->key().server;
    const bool useful = !is_primary(id) || (context_.pool.wanted(id) && may_hand_over(*backend));
    if (clean && !busy && !session_.in_transaction() && useful) {
      context_.pool.release(*backend);
    } else {
      context_.pool.discard(*backend);
    }
  }
}

void Session::close(const char* why) {
  if (std::holds_alternative<Closed>(state_)) return;
  const bool quiet = std::holds_alternative<Idle>(state_) || std::holds_alternative<LoggingIn>(state_);
  become(Closed{});
  log::debug("session_closed", {{"session", id_}, {"client", peer_.name}, {"why", why}});
  lookup_.reset();
  context_.waiters.cancel(*this);
  context_.commits.cancel(*this);
  if (!quiet) end_running_statements();
  release_all(quiet);
  context_.metrics.bytes.at(metrics::Side::client, metrics::Direction::in).add(client_->bytes_in());
  context_.metrics.bytes.at(metrics::Side::client, metrics::Direction::out).add(client_->bytes_out());
  client_->close();
  in_.clear();
  context_.reap(id_);
}

void Session::on_closed(const char* why) {
  if (const auto* login = std::get_if<LoggingIn>(&state_); login != nullptr && !login->change_user)
    context_.metrics.sessions_total[metrics::SessionResult::login_failed].add();
  close(why);
}

void Session::on_bytes(std::span<std::uint8_t> bytes) {
  in_.append(bytes);
  if (std::holds_alternative<LoggingIn>(state_)) {
    login_bytes();
    protocol::wipe(bytes.data(), bytes.size());  // nothing of a login stays behind, also not in the loop's memory
    base::Bytes().swap(command_);
    return;
  }
  if (!upload_.complete()) return pump_upload();
  if (infile_.active()) return pump_infile();
  if (std::holds_alternative<Idle>(state_)) return next_command();
  if (std::holds_alternative<Relaying>(state_) && expect_ == protocol::Expect::stream) return pass_to_stream();
  // The client pipelines: what comes beyond a little waits in its socket.
  if (in_.size() > net::Stream::low_water) client_->pause_reading();
}

void Session::on_drained() {
  for (auto* backend : held_) backend->stream().resume_reading();
  if (std::holds_alternative<Idle>(state_)) next_command();
}

void Session::on_backend_drained(pool::Backend&) {
  if (upload_.complete() && !infile_.active() && expect_ != protocol::Expect::stream) return;
  client_->resume_reading();
  if (!upload_.complete()) {
    pump_upload();
  } else if (infile_.active()) {
    pump_infile();
  }
}

std::string Session::servers_in_words() const {
  std::string words;
  for (const auto& s : context_.topology->servers) {
    if (s.removed) continue;
    if (!words.empty()) words += "; ";
    words += s.name + ": " + (s.reason.empty() ? topology::name(s.role) : s.reason.c_str());
  }
  return words;
}

void Session::close_when_sent() {
  close_at_ = context_.loop.now() + last_words;
  client_->close_after_flush();
}

void Session::tick() {
  const auto now = context_.loop.now();
  if (close_at_ && now > *close_at_) return close("its last answer was not taken");
  if (const auto* login = std::get_if<LoggingIn>(&state_); login != nullptr && now > login->deadline) {
    context_.metrics.sessions_total[metrics::SessionResult::login_timeout].add();
    context_.metrics.protocol_errors[metrics::ProtocolError::login_timeout].add();
    const bool waited = login->pending != LoggingIn::Pending::nothing || !login->greeted;
    // Where the client waits for us, our packet is the next; where we wait for it, it comes in place of the client's.
    const bool ours = waited || login->verifying;
    answer_sequence_ = static_cast<std::uint8_t>(!login->greeted ? 0 : ours ? login->sequence - 1 : login->sequence);
    if (waited) {
      context_.metrics.login_failures[metrics::LoginFailure::no_server].add();
      fail({2003, "HY000",
            "No server can check the login: " + (login->last_error.empty() ? servers_in_words() : login->last_error)});
    } else if (login->verifying && context_.pool.full(server_)) {
      fail({1040, "08004",
            "Too many connections: all " + std::to_string(context_.config.pool.max_per_server) +
                " of pool.max_per_server to server " + server(server_).name + " are in use"});
    } else {
      fail({1159, "08S01", "Login took longer than sessions.login_timeout"});
    }
    return close("login timed out");
  }
  if (std::holds_alternative<Idle>(state_) && now - state_since_ > context_.config.sessions.idle_timeout) {
    answer_sequence_ = 0;
    fail({4031, "HY000", "The client was disconnected by wye because of inactivity (sessions.idle_timeout)"});
    return close("idle");
  }
  if (std::holds_alternative<Idle>(state_) && now - state_since_ > context_.config.pool.idle)
    hand_over_what_others_need();
  if (std::holds_alternative<Recalling>(state_) && now - state_since_ > context_.config.pool.acquire_timeout)
    return give_up_recall();
  if (const auto* acquiring = std::get_if<Acquiring>(&state_); acquiring != nullptr && now > acquiring->deadline) {
    context_.pool.cancel(*this);
    fail({1040, "08004",
          "No connection to server " + server(server_).name + " within pool.acquire_timeout: all " +
              std::to_string(context_.config.pool.max_per_server) +
              " of pool.max_per_server are in use or still connecting"});
    return finish(true);
  }
  if (const auto* holding = std::get_if<Holding>(&state_); holding != nullptr && now > holding->deadline) {
    fail({2003, "HY000", "No primary within failover.hold: " + servers_in_words()});
    return finish(true);
  }
}

void Session::on_topology() {
  if (auto* login = std::get_if<LoggingIn>(&state_)) {
    if (!login->greeted && context_.greeting_known) return greet();
    if (login->pending == LoggingIn::Pending::rows) return look_up();
    if (login->pending == LoggingIn::Pending::verdict) return verify();
    return;
  }
  leave_frozen_replica();
  if (!std::holds_alternative<Holding>(state_)) return;
  if (context_.topology->primary) return to_primary_ ? run_on_primary(reason_) : route_and_run();
  if (facts_.replica_ok) route_and_run();  // a read that lost its replica: another one may serve it
}

bool Session::uses(topology::ServerId server) const {
  const bool busy = state_.index() >= 3 && !std::holds_alternative<Closed>(state_);
  return (busy && server_ == server) || std::any_of(held_.begin(), held_.end(), [&](const pool::Backend* backend) {
           return backend->key().server == server;
         });
}

Session::Row Session::row() const {
  static constexpr const char* states[] = {"login",     "idle",     "holding", "acquiring", "preparing",
                                           "running",   "asking",   "waiting", "settling",  "reading_back",
                                           "recalling", "learning", "closed"};
  Row row;
  row.id = id_;
  row.user = account_ != nullptr ? account_->user : "";
  row.client = peer_.name;
  row.schema = session_.schema;
  row.state = states[state_.index()];
  const bool active = state_.index() >= 3;
  if (active) {
    row.server = server(server_).name;
  } else if (previous_.last_server()) {
    row.server = server(*previous_.last_server()).name;
  }
  row.pinned_by = session_.pinned() == Pin::none ? "" : name(session_.pinned());
  row.keeps = session_.kept() == Keep::none ? "" : name(session_.kept());
  row.transaction = !session_.in_transaction()                                 ? ""
                    : transaction_server_ && !is_primary(*transaction_server_) ? "read only"
                                                                               : "read write";
  if (active && command_.size() > 5 && (command_[4] == com_query || command_[4] == com_stmt_prepare)) {
    row.statement = shown(command_text());
  } else if (active && statement_ != nullptr) {
    row.statement = shown(statement_->text);
  }
  row.seconds = std::chrono::duration<double>(context_.loop.now() - state_since_).count();
  return row;
}

}  // namespace wye::session
