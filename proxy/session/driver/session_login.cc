#include <algorithm>

#include "proxy/base/log.h"
#include "proxy/protocol/proxy_header.h"
#include "proxy/session/driver/commands.h"
#include "proxy/session/driver/session.h"

// The client's connection phase: greeting, TLS, authentication, COM_CHANGE_USER.
namespace wye::session {

namespace {

constexpr std::size_t max_login_packet = std::size_t{64} * 1024;
constexpr std::size_t ssl_request_size = 36;  // head included
namespace cap = protocol::cap;

/// What clients are offered: what a server of this version offers them.
std::uint32_t offered_by(const topology::Version& version) {
  std::uint32_t offered = cap::long_password | cap::found_rows | cap::long_flag | cap::connect_with_db |
                          cap::no_schema | cap::local_files | cap::ignore_space | cap::protocol_41 | cap::interactive |
                          cap::transactions | cap::secure_connection | cap::multi_statements | cap::multi_results |
                          cap::ps_multi_results | cap::plugin_auth | cap::connect_attrs | cap::plugin_auth_lenenc_data |
                          cap::can_handle_expired_passwords | cap::session_track | cap::deprecate_eof | cap::compress;
  if (!topology::tracks_sessions(version)) offered &= ~(cap::session_track | cap::deprecate_eof);
  if (version.flavour != topology::Flavour::mysql) return offered;
  if (version.number >= 80003) offered |= cap::optional_resultset_metadata;
  if (version.number >= 80018) offered |= cap::zstd;
  if (version.number >= 80023) offered |= cap::query_attributes;
  return offered;
}
/// The client's flags that change what a server answers (routing.md 4).
constexpr std::uint32_t passed_on = cap::found_rows | cap::local_files | cap::ignore_space | cap::interactive |
                                    cap::multi_statements | cap::can_handle_expired_passwords |
                                    cap::optional_resultset_metadata | cap::query_attributes;
constexpr std::uint32_t mariadb_passed_on =
    protocol::mariadb_cap::progress | protocol::mariadb_cap::bulk_operations | protocol::mariadb_cap::extended_metadata;

const char* default_plugin(const topology::Version& version) {
  const bool sha2 = version.flavour == topology::Flavour::mysql && version.number >= 80'004;
  return sha2 ? "caching_sha2_password" : "mysql_native_password";
}

/// The host of "10.0.0.1:1234" or "[::1]:1234", as a server names it in its errors.
std::string host_of(const std::string& peer) {
  const auto colon = peer.rfind(':');
  if (colon == std::string::npos) return "localhost";
  std::string host = peer.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  return host;
}

bool looks_like_http(base::ByteView bytes) {
  const auto text = base::chars_of(bytes);
  return text.starts_with("GET ") || text.starts_with("POST") || text.starts_with("HEAD") || text.starts_with("OPTI") ||
         text.starts_with("PUT ");
}

metrics::LoginFailure failure_of(std::uint16_t code) {
  switch (code) {
    case 1044:
    case 1049:
      return metrics::LoginFailure::unknown_schema;
    case 1045:
      return metrics::LoginFailure::wrong_password;
    case 1130:
      return metrics::LoginFailure::host_not_allowed;
    case 1820:
    case 1862:
      return metrics::LoginFailure::password_expired;
    case 3118:
    case 4151:
      return metrics::LoginFailure::account_locked;
    default:
      return metrics::LoginFailure::backend_refused;
  }
}

}  // namespace

void Session::start() {
  auto& login = std::get<LoggingIn>(state_);
  login.deadline = context_.loop.now() + context_.config.sessions.login_timeout;
  if (context_.open_sessions.load(std::memory_order_relaxed) > context_.config.sessions.max) {
    context_.metrics.sessions_total[metrics::SessionResult::refused_max].add();
    answer_sequence_ = 0;
    fail({1040, "08004", "Too many connections"});
    return close("sessions.max");
  }
  // Without any idea of the servers' version the greeting would be a guess, and its plugin the wrong one.
  if (context_.greeting_known) greet();
}

void Session::greet() {
  auto& login = std::get<LoggingIn>(state_);
  login.greeted = true;
  protocol::Greeting greeting;
  greeting.server_version = context_.greeting_version.text;
  greeting.connection_id = id_;
  greeting.nonce = login.nonce = nonce_ = protocol::make_nonce();
  greeting.capabilities = offered_by(context_.greeting_version) |
                          (context_.tls != nullptr && peer_.tls != config::Tls::off ? cap::ssl : 0U);
  login.offered = greeting.capabilities;
  const bool mariadb = context_.greeting_version.flavour == topology::Flavour::mariadb;
  greeting.plugin = default_plugin(context_.greeting_version);
  if (mariadb) {
    // As MariaDB 10 greets, for clients that know MySQL 5 only.
    if (context_.greeting_version.number < 110000) greeting.server_version.insert(0, "5.5.5-");
    greeting.capabilities &= ~cap::long_password;  // says that extended capabilities follow
    greeting.mariadb_capabilities = mariadb_passed_on;
  }
  base::Bytes payload;
  protocol::write_greeting(payload, greeting);
  send(payload, 0);
  login.proxy_header = peer_.trusted_proxy;
  client_->limit_reads(ssl_request_size);
}

/// A proxy in front may say whom it speaks for. False: not all of it is there, or it is malformed.
bool Session::take_proxy_header(LoggingIn& login) {
  const auto parsed = protocol::parse_proxy_header(in_.data());
  if (const auto* more = std::get_if<protocol::NeedMore>(&parsed)) {
    client_->limit_reads(more->at_least);
    return false;
  }
  login.proxy_header = false;
  if (const auto* bad = std::get_if<protocol::Malformed>(&parsed)) {
    answer_sequence_ = 1;
    protocol_error(metrics::ProtocolError::malformed, {1043, "08S01", std::string("PROXY protocol: ") + bad->why});
    return false;
  }
  if (const auto* header = std::get_if<protocol::ProxyHeader>(&parsed)) {
    if (header->from == protocol::ProxyHeader::From::ip) {
      log::debug("proxied", {{"session", id_}, {"client", header->source.text()}, {"by", peer_.name}});
      peer_.name = header->source.text();
      peer_.source = header->source;
      peer_.destination = header->destination;
    } else if (header->from == protocol::ProxyHeader::From::unix_socket) {
      peer_.name = "unix";
      peer_.source = peer_.destination = std::nullopt;
    }
    in_.consume(header->consumed);
  }
  return true;
}

void Session::login_bytes() {
  while (auto* login = std::get_if<LoggingIn>(&state_)) {
    if (login->verifying || !login->greeted) {
      if (in_.size() > max_login_packet)
        protocol_error(metrics::ProtocolError::unexpected_packet,
                       {1047, "08S01", "Unexpected packet during authentication"});
      return;
    }
    if (login->proxy_header && !take_proxy_header(*login)) return;
    const auto framed = protocol::next_packet(in_.data(), max_login_packet);
    answer_sequence_ = static_cast<std::uint8_t>(login->sequence + 1);
    if (std::holds_alternative<protocol::NeedMore>(framed)) {
      if (in_.size() >= 4 && !login->flow && looks_like_http(in_.data()))
        protocol_error(metrics::ProtocolError::http, {1043, "08S01", "This is a MySQL port, not HTTP"});
      else if (!login->flow && !client_->secure())  // not a byte of the TLS hello; longer: a login in clear
        client_->limit_reads(in_.size() < ssl_request_size ? ssl_request_size - in_.size() : SIZE_MAX);
      return;
    }
    if (std::holds_alternative<protocol::Malformed>(framed)) {
      const bool http = !login->flow && looks_like_http(in_.data());
      return protocol_error(http ? metrics::ProtocolError::http : metrics::ProtocolError::oversized,
                            {1043, "08S01", http ? "This is a MySQL port, not HTTP" : "Bad handshake"});
    }
    const auto packet = std::get<protocol::Packet>(framed);
    if (packet.sequence != login->sequence)
      return protocol_error(metrics::ProtocolError::out_of_sequence, {1156, "08S01", "Got packets out of order"});
    login->sequence = static_cast<std::uint8_t>(login->sequence + 1);
    base::Bytes payload(packet.payload.begin(), packet.payload.end());
    protocol::wipe(in_.mutable_data(), packet.consumed);
    in_.consume(packet.consumed);
    if (!login->flow) {
      on_first_packet(*login, {packet.sequence, payload, 0});
    } else {
      login->sequence = static_cast<std::uint8_t>(login->sequence + 1);
      perform(login->flow->on_packet(payload));
    }
    protocol::wipe(payload);
  }
}

void Session::begin_flow(LoggingIn& login) {
  LoginFlow::Setup setup;
  setup.secure = client_->secure();
  setup.can_switch = (capabilities_ & cap::plugin_auth) != 0;
  setup.nonce = login.nonce;
  setup.default_plugin = default_plugin(context_.greeting_version);
  setup.known = [this](std::string_view user) -> AccountPtr {
    if (context_.listed == nullptr) return context_.accounts.find(user);
    const auto it = context_.listed->find(std::string(user));
    return it == context_.listed->end() ? nullptr : it->second;
  };
  setup.listed = context_.listed != nullptr;
  setup.host = host_of(peer_.name);
  setup.rsa = context_.rsa;
  login.flow.emplace(std::move(setup));
}

/// What the servers hear of the client, where the configuration wants that.
void Session::pass_on(protocol::Attributes attributes) {
  const auto& wanted = context_.config.backend;
  if (wanted.attributes != "pass" && !wanted.proxy_protocol) return;
  pool::Passed passed;
  if (wanted.attributes == "pass") passed.attributes = std::move(attributes);
  if (wanted.proxy_protocol) protocol::write_proxy_header(passed.proxy_header, peer_.source, peer_.destination);
  passed_on_ = std::make_shared<const pool::Passed>(std::move(passed));
}

void Session::on_first_packet(LoggingIn& login, const protocol::Packet& packet) {
  auto parsed = protocol::parse_login(packet.payload, login.offered);
  auto* request = std::get_if<protocol::Login>(&parsed);
  if (request == nullptr) return protocol_error(metrics::ProtocolError::malformed, {1043, "08S01", "Bad handshake"});
  if (request->ssl_request) {
    // What follows the request in clear text is no part of the TLS conversation: somebody put it there.
    if (client_->secure() || context_.tls == nullptr || peer_.tls == config::Tls::off || !in_.empty())
      return protocol_error(metrics::ProtocolError::unexpected_packet, {1043, "08S01", "Bad handshake"});
    return client_->start_tls(context_.tls, true);
  }
  if (peer_.tls >= config::Tls::required && !client_->secure()) {
    login.sequence = static_cast<std::uint8_t>(login.sequence + 1);
    return refuse_login(
        {3159, "HY000", "Connections using insecure transport are prohibited by wye (listen.tls: required)."},
        metrics::LoginFailure::tls_required);
  }
  client_->limit_reads(SIZE_MAX);
  capabilities_ = request->capabilities & login.offered;
  client_flags_ = capabilities_ & passed_on;
  zstd_level_ = request->zstd_level;
  mariadb_flags_ = request->mariadb_capabilities & mariadb_passed_on;
  session_.collation = static_cast<std::uint8_t>(request->collation);
  session_.schema = request->schema;
  session_.ignore_space = (client_flags_ & cap::ignore_space) != 0;
  pass_on(std::move(request->attributes));
  begin_flow(login);
  login.sequence = static_cast<std::uint8_t>(login.sequence + 1);
  auto action = login.flow->begin(std::move(request->user), request->plugin, std::move(request->auth));
  perform(std::move(action));
}

void Session::perform(login::Action action) {
  auto& login = std::get<LoggingIn>(state_);
  // login.sequence is the next of the *client's*; ours is the one before.
  const auto own = static_cast<std::uint8_t>(login.sequence - 1);
  if (auto* out = std::get_if<login::Send>(&action)) {
    send(out->payload, own);
  } else if (std::holds_alternative<login::LookUp>(action)) {
    look_up();
  } else if (auto* check = std::get_if<login::Verify>(&action)) {
    account_ = std::move(check->account);
    verify();
  } else if (auto* refused = std::get_if<login::Refuse>(&action)) {
    refuse_login(refused->error, refused->error.code == 1045 ? metrics::LoginFailure::wrong_password
                                                             : metrics::LoginFailure::malformed);
  }
}

/// The primary decides; without one, any server that answers: they all replicate the accounts.
std::optional<topology::ServerId> Session::login_server() const {
  const auto& topology = *context_.topology;
  if (topology.primary) return topology.primary;
  for (topology::ServerId i = 0; i < topology.servers.size(); ++i) {
    if (topology.servers[i].state == topology::State::online || topology.servers[i].state == topology::State::lagging)
      return i;
  }
  return std::nullopt;
}

void Session::look_up() {
  auto& login = std::get<LoggingIn>(state_);
  login.verifying = true;
  const auto where = login_server();
  login.pending = where ? LoggingIn::Pending::nothing : LoggingIn::Pending::rows;
  if (!where) return;  // on_topology() tries again; the login's deadline ends it
  lookup_ = std::make_unique<AccountLookup>(context_, login.flow->user(), [this](const AccountLookup::Rows& rows) {
    // The lookup is on the stack above us.
    context_.loop.defer([gone = std::shared_ptr<AccountLookup>(std::move(lookup_))] {});
    auto* now = std::get_if<LoggingIn>(&state_);
    if (now == nullptr || !now->flow) return;
    now->verifying = false;
    perform(now->flow->on_rows(rows));
    login_bytes();
  });
  lookup_->start(*where, !is_primary(*where));
}

void Session::verify() {
  auto& login = std::get<LoggingIn>(state_);
  login.verifying = true;
  const auto where = login_server();
  login.pending = where ? LoggingIn::Pending::nothing : LoggingIn::Pending::verdict;
  if (!where) return;
  server_ = *where;
  pool::Wanted wanted;
  wanted.key = backend_key(*where);
  wanted.schema = session_.schema;
  wanted.new_login = true;
  context_.pool.acquire(wanted, *this);
}

void Session::logged_in(pool::Backend& backend) {
  auto& login = std::get<LoggingIn>(state_);
  auto sequence = static_cast<std::uint8_t>(login.sequence - 1);
  if (const auto before = login.flow->before_ok()) send(*before, sequence++);
  account_ = context_.accounts.keep(account_);
  const bool again = login.change_user;
  if (again) {
    release_all(true);
    prepared_.clear();
    session_.reset();
    last_read_ = transaction_server_ = std::nullopt;
    previous_.reset();
    user_variables_.reset();
    text_statements_.clear();
    primary_state_ = broken_transaction_ = reads_own_state_ = false;
    transaction_beside_ = transaction_untouched_ = values_unknown_ = read_only_lingers_ = savepoint_ = begun_unseen_ =
        drew_numbers_ = false;
    refused_changes_ = 0;
  }
  held_.push_back(&backend);
  begin_defaults();
  session_.apply_status(backend.login_status(), true);
  if (!again) context_.metrics.sessions_total[metrics::SessionResult::accepted].add();
  become(Idle{});
  answer_sequence_ = sequence;
  done();
  const auto compression = protocol::compression_of(capabilities_);
  if (!again && compression != protocol::Compression::none) {
    if (!in_.empty())  // in clear, although what comes behind the login is compressed
      return protocol_error(metrics::ProtocolError::unexpected_packet, {1156, "08S01", "Got packets out of order"});
    client_->start_compression(compression, zstd_level_);
  }
  next_command();
}

void Session::refuse_login(const base::Error& error, metrics::LoginFailure why) {
  context_.metrics.login_failures[why].add();
  context_.metrics.sessions_total[metrics::SessionResult::login_failed].add();
  const auto& login = std::get<LoggingIn>(state_);
  log::info("login_refused", {{"session", id_},
                              {"client", peer_.name},
                              {"user", login.flow ? login.flow->user() : ""},
                              {"code", error.code},
                              {"error", error.message}});
  answer_sequence_ = static_cast<std::uint8_t>(login.sequence - 1);
  fail(error);
  if (login.before) return go_on_as_before(error);
  close("login refused");
}

/// MariaDB resets the session, and leaves it to the user that it had.
void Session::go_on_as_before(const base::Error& error) {
  auto before = std::move(*std::get<LoggingIn>(state_).before);
  become(Idle{});
  account_ = std::move(before.account);
  passed_on_ = std::move(before.passed_on);
  session_.schema = std::move(before.schema);
  session_.collation = before.collation;
  ++refused_changes_;
  forget_state();
  previous_.failed_here(error);
  const auto primary = context_.topology->primary;
  if (auto* backend = primary ? held(*primary) : nullptr; backend != nullptr) {
    use_before_reset(*backend);
    backend->submit(ahead_, protocol::Expect::ok_or_err, backend->command(com_reset_connection));
    backend->orphan(ahead_);
    backend->state().forget_session();
    session_.used(backend->state(), backend->state().schema);
    backend->settings_lost();
  }
  next_command();
}

void Session::login_failed_at_server(const base::Error& error, bool several_plugins) {
  auto& login = std::get<LoggingIn>(state_);
  if (several_plugins && error.code == 1045 && login.flow) {
    if (auto again = login.flow->on_refused()) {
      login.verifying = false;
      perform(std::move(*again));
      return login_bytes();
    }
  }
  if (login.flow && login.flow->used_known_password()) context_.accounts.forget(login.flow->user());
  refuse_login(error, failure_of(error.code));
}

void Session::change_user() {
  auto parsed = protocol::parse_change_user(command_payload(), capabilities_);
  auto* request = std::get_if<protocol::ChangeUser>(&parsed);
  if (request == nullptr || !upload_.complete())
    return protocol_error(metrics::ProtocolError::malformed, {1835, "HY000", "Malformed communication packet."});
  constexpr unsigned most_refused = 3;
  if (refused_changes_ >= most_refused) return fail({1047, "08S01", "Unknown command"});
  LoggingIn login;
  login.change_user = login.greeted = true;
  if (context_.topology->flavour == topology::Flavour::mariadb) {
    login.before = LoggingIn::Before{account_, passed_on_, session_.schema, session_.collation};
    client_flags_ &= ~cap::ignore_space;  // of the login only: a change of user takes it out of sql_mode
  }
  login.nonce = nonce_;  // Connector/C's mysql_native_password answers the greeting's, whatever an AuthSwitch brings
  login.deadline = context_.loop.now() + context_.config.sessions.login_timeout;
  login.sequence = 2;  // our AuthSwitch is 1
  session_.collation = static_cast<std::uint8_t>(request->collation);
  session_.schema = request->schema;
  pass_on(std::move(request->attributes));
  begin_flow(login);
  become(std::move(login));
  auto& now = std::get<LoggingIn>(state_);
  perform(now.flow->begin_again(std::move(request->user), request->plugin, std::move(request->auth)));
}

}  // namespace wye::session
