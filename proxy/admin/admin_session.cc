#include "proxy/admin/admin_session.h"

#include <poll.h>

#include <algorithm>

#include "proxy/base/log.h"
#include "proxy/protocol/auth.h"
#include "proxy/protocol/secret.h"
#include "proxy/protocol/wire.h"

namespace wye::admin {

namespace {

namespace cap = protocol::cap;
constexpr std::uint32_t offered =
    cap::long_password | cap::found_rows | cap::long_flag | cap::connect_with_db | cap::no_schema | cap::ignore_space |
    cap::protocol_41 | cap::interactive | cap::transactions | cap::secure_connection | cap::multi_results |
    cap::ps_multi_results | cap::plugin_auth | cap::connect_attrs | cap::plugin_auth_lenenc_data | cap::deprecate_eof;
constexpr std::size_t largest_login = std::size_t{64} * 1024;
constexpr const char* native = "mysql_native_password";
constexpr const char* caching_sha2 = "caching_sha2_password";

/// https://dev.mysql.com/doc/dev/mysql-server/latest/my__command_8h.html
namespace command {
constexpr std::uint8_t quit = 0x01, init_db = 0x02, query = 0x03, statistics = 0x09, ping = 0x0e, send_long_data = 0x18,
                       close_statement = 0x19, set_option = 0x1b, reset_connection = 0x1f;
}

}  // namespace

Session::Session(net::Loop& loop, const Context& context, const Limits& limits, int fd, Caller caller,
                 std::function<void()> gone)
    : context_{context},
      limits_{limits},
      caller_{std::move(caller)},
      gone_{std::move(gone)},
      fd_{fd},
      stream_{loop, fd, *this},
      deadline_{context.now() + limits.login} {}

void Session::start() {
  protocol::Greeting greeting;
  greeting.server_version = greeting_version(context_);
  greeting.connection_id = caller_.connection;
  greeting.nonce = protocol::make_nonce();
  greeting.capabilities = offered;
  greeting.plugin = native;
  base::Bytes payload;
  protocol::write_greeting(payload, greeting);
  send(payload);
}

void Session::tick() {
  const auto now = context_.now();
  if (state_ == State::closed) return;
  if (state_ != State::ready) {
    if (now >= deadline_) refuse({1159, "08S01", "no login in time"});
    return;
  }
  if (waiting_ && has_left()) return close("left before the answer");
  if (waiting_ && now >= deadline_) {
    answer(base::Error{1205, "HY000", "no answer from the workers in time"});
    work();
  }
  if (state_ == State::closed) return;
  if (stream_.out().empty() || stream_.bytes_out() != taken_) {
    taken_ = stream_.bytes_out();
    taken_at_ = now;
  } else if (now - taken_at_ >= limits_.stalled) {
    close("takes no answers");
  }
}

/// While an answer is waited for, nothing is read, so the end would not be seen either; nor behind a COM_QUIT.
bool Session::has_left() const {
  pollfd one{fd_, POLLRDHUP, 0};
  return ::poll(&one, 1, 0) > 0;
}

void Session::close(const char* why) {
  if (state_ == State::closed) return;
  stream_.close();
  on_closed(why);
}

void Session::on_closed(const char* why) {
  if (state_ == State::closed) return;
  log::debug("admin_closed", {{"connection", caller_.connection}, {"why", why}});
  state_ = State::closed;
  waiting_ = false;
  ++query_;
  gone_();
}

void Session::on_bytes(std::span<std::uint8_t> bytes) {
  in_.append(bytes);
  work();
}

void Session::on_drained() { work(); }

/// Takes packets while there are some and the client may be answered. Reads on only then: at most one packet and what
/// came with it is kept.
void Session::work() {
  if (working_) return;
  working_ = true;
  const auto may = [this] { return state_ != State::closed && !waiting_ && !stream_.congested(); };
  while (may() && take_packet()) {
  }
  working_ = false;
  if (state_ == State::closed) return;
  if (may()) {
    stream_.resume_reading();
  } else {
    stream_.pause_reading();
  }
}

bool Session::take_packet() {
  const bool ready = state_ == State::ready;
  if (in_.size() >= protocol::header_size) {
    const auto head = protocol::read_head(in_.data().data());
    const std::uint8_t expected = ready ? std::uint8_t{0} : sequence_;
    if (ready) sequence_ = static_cast<std::uint8_t>(head.sequence + 1);  // a refusal answers this packet
    if (head.sequence != expected) {
      refuse({1156, "08S01", "Got packets out of order"});
      return false;
    }
  }
  const auto framed = protocol::next_packet(in_.data(), ready ? limits_.packet : largest_login);
  if (std::holds_alternative<protocol::NeedMore>(framed)) return false;
  if (const auto* packet = std::get_if<protocol::Packet>(&framed)) {
    base::Bytes payload(packet->payload.begin(), packet->payload.end());
    // A login may hold a password, even if nobody asks for it here.
    if (!ready) protocol::wipe(in_.mutable_data(), packet->consumed);
    in_.consume(packet->consumed);
    sequence_ = static_cast<std::uint8_t>(packet->sequence + 1);
    switch (state_) {
      case State::greeted:
        on_login(payload);
        break;
      case State::switched:
        on_switched(payload);
        break;
      case State::ready:
        on_command(payload);
        break;
      case State::closed:
        break;
    }
    if (!ready) protocol::wipe(payload);
    return true;
  }
  refuse(ready ? base::Error{1153, "08S01", "Got a packet bigger than 'max_allowed_packet' bytes"}
               : base::Error{1043, "08S01", "Bad handshake"});
  return false;
}

void Session::refuse(const base::Error& error) {
  log::info("admin_refused", {{"connection", caller_.connection}, {"error", error.message}});
  send_error(error);
  close(error.message.c_str());
}

/// What makes every client happy: the plugin that it answered for decides. Who took the greeting's, or sends clear text
/// at once, is in. MySQL's own shell (which has no mysql_native_password since 9.0) sends nothing for the greeting's
/// and waits to be asked by its caching_sha2_password.
void Session::on_login(base::ByteView payload) {
  auto parsed = protocol::parse_login(payload, offered);
  auto* login = std::get_if<protocol::Login>(&parsed);
  if (login == nullptr) return refuse({1043, "08S01", "Bad handshake"});
  protocol::wipe(login->auth);
  capabilities_ = login->capabilities;
  caller_.user = login->user;
  caller_.schema = login->schema;
  const bool asks_nothing = (capabilities_ & cap::plugin_auth) == 0 || login->plugin.empty();
  if (asks_nothing || login->plugin == native || login->plugin == "mysql_clear_password") return logged_in();
  switched_to_sha2_ = login->plugin == caching_sha2 || login->plugin == "sha256_password";
  base::Bytes out;
  protocol::write_auth_switch(
      out, protocol::make_auth_switch(switched_to_sha2_ ? caching_sha2 : native, protocol::make_nonce()));
  state_ = State::switched;
  send(out);
}

/// An empty password is an empty answer, or one NUL; whatever else comes of caching_sha2_password is told that it was
/// found in the cache.
void Session::on_switched(base::ByteView payload) {
  static constexpr std::uint8_t fast_success[] = {0x01, 0x03};
  if (switched_to_sha2_ && payload.size() > 1) send(fast_success);
  logged_in();
}

void Session::logged_in() {
  state_ = State::ready;
  taken_at_ = context_.now();
  log::debug("admin_login", {{"connection", caller_.connection}, {"uid", caller_.uid}, {"user", caller_.user}});
  send_ok();
}

void Session::on_command(base::ByteView payload) {
  if (payload.empty()) return refuse({1835, "HY000", "Malformed communication packet."});
  const auto rest = payload.subspan(1);
  switch (payload[0]) {
    case command::quit:
      return close("quit");
    case command::query:
      return query(rest);
    case command::init_db:
      caller_.schema = base::chars_of(rest.first(std::min<std::size_t>(rest.size(), 64)));
      return send_ok();
    case command::reset_connection:
      caller_.schema.clear();
      return send_ok();
    case command::ping:
      return send_ok();
    case command::set_option: {
      base::Bytes eof;
      protocol::write_eof(eof, {0, protocol::status::autocommit});
      return send(eof);
    }
    case command::statistics:
      return send(base::bytes_of(statistics()));
      return send(base::bytes_of("wye " + context_.version));
    case command::close_statement:
    case command::send_long_data:
      return;  // have no answer
    default:
      return send_error({1047, "08S01", "The admin console knows COM_QUERY only"});
  }
}

/// Shells take the first number for seconds.
std::string Session::statistics() const {
  const auto up = std::chrono::duration_cast<base::seconds>(context_.now() - context_.started).count();
  return "Uptime: " + std::to_string(up) + "  wye " + context_.version;
}

void Session::query(base::ByteView text) {
  waiting_ = true;
  const auto number = ++query_;
  deadline_ = context_.now() + (changes_servers(base::chars_of(text)) ? limits_.change : limits_.answer);
  caller_.client = weak_from_this();
  run_statement(context_, caller_, base::chars_of(text), [weak = weak_from_this(), number](const Answer& given) {
    const auto self = weak.lock();
    if (!self || !self->waiting_ || self->query_ != number) return;  // too late
    self->answer(given);
    self->work();
  });
}

void Session::answer(const Answer& given) {
  waiting_ = false;
  if (const auto* table = std::get_if<protocol::Table>(&given)) return send_table(*table);
  if (const auto* error = std::get_if<base::Error>(&given)) return send_error(*error);
  send_ok();
}

void Session::send(base::ByteView payload) {
  base::Bytes framed;
  sequence_ = protocol::write_packet(framed, sequence_, payload);
  stream_.write(framed);
}

void Session::send_ok() {
  base::Bytes payload;
  protocol::OkInfo ok;
  ok.status = protocol::status::autocommit;
  protocol::write_ok(payload, ok, {});
  send(payload);
}

void Session::send_error(const base::Error& error) {
  base::Bytes payload;
  protocol::write_err(payload, {error.code, error.state, error.message});
  send(payload);
}

/// Not much else is unsent here: a client that has not taken its last answers is not read from.
void Session::send_table(const protocol::Table& table) {
  std::size_t cells = 0;
  for (const auto& row : table.rows) {
    for (const auto& cell : row) cells += cell ? cell->size() + 9 : 1;
  }
  if (cells > limits_.unsent) return send_error({1105, "HY000", "The answer is larger than the console gives"});
  base::Bytes out;
  protocol::write_result(out, sequence_, table,
                         {(capabilities_ & cap::deprecate_eof) != 0, false, protocol::status::autocommit});
  stream_.write(out);
}

}  // namespace wye::admin
