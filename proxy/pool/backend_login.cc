#include <algorithm>

#include "proxy/pool/backend.h"
#include "proxy/protocol/ed25519.h"

// The connection phase towards a server, wye being the client.
namespace wye::pool {

using protocol::Account;

namespace {

constexpr std::size_t max_login_packet = std::size_t{64} * 1024;
// What every backend connection asks for; the client's own flags come on top.
constexpr std::uint32_t wanted =
    protocol::cap::long_password | protocol::cap::long_flag | protocol::cap::protocol_41 | protocol::cap::transactions |
    protocol::cap::secure_connection | protocol::cap::multi_results | protocol::cap::ps_multi_results |
    protocol::cap::plugin_auth | protocol::cap::plugin_auth_lenenc_data | protocol::cap::session_track |
    protocol::cap::deprecate_eof | protocol::cap::connect_attrs;

Error refused(std::string text) { return Error{2012, "HY000", std::move(text)}; }

}  // namespace

void Backend::login_bytes(ByteView bytes) {
  login_in_.append(bytes);
  while (phase_ != Phase::ready && phase_ != Phase::dead) {
    const auto framed = protocol::next_packet(login_in_.data(), max_login_packet);
    if (std::holds_alternative<protocol::NeedMore>(framed)) return;
    if (const auto* bad = std::get_if<protocol::Malformed>(&framed)) return malformed(bad->why);
    const auto packet = std::get<protocol::Packet>(framed);
    const auto alive = alive_;
    on_login_packet(packet);
    if (!*alive) return;
    login_in_.consume(packet.consumed);
    // Clear text behind the greeting may be anybody's: TLS vouches only for what comes through it.
    if (phase_ == Phase::securing && !login_in_.empty()) return malformed("bytes ahead of TLS");
  }
  const bool more = !login_in_.empty();
  login_in_.clear();
  if (more && phase_ == Phase::ready) malformed("nothing was asked");
}

void Backend::on_login_packet(const protocol::Packet& packet) {
  if (packet.payload.empty()) return malformed("empty packet during login");
  if (packet.payload[0] == 0xff) {
    const auto parsed = protocol::parse_err(packet.payload);
    const auto* err = std::get_if<protocol::ErrInfo>(&parsed);
    if (err == nullptr) return malformed("malformed error packet");
    return lost(Error{err->code, err->state.empty() ? "HY000" : std::string(err->state), std::string(err->message)},
                true);
  }
  if (phase_ == Phase::greeting) return on_greeting(packet.payload);
  on_auth_packet(packet);
}

void Backend::on_greeting(ByteView payload) {
  auto parsed = protocol::parse_greeting(payload);
  if (const auto* bad = std::get_if<protocol::Malformed>(&parsed)) return malformed(bad->why);
  greeting_ = std::move(std::get<protocol::Greeting>(parsed));
  nonce_ = greeting_.nonce;
  plugin_ = greeting_.plugin.empty() ? "mysql_native_password" : greeting_.plugin;
  capabilities_ = (wanted | key_.client_flags) & greeting_.capabilities;
  if (lacks_what_the_client_has())
    return lost(refused("server " + server_name_ + " is older than the primary: it lacks what the client was offered"),
                false);
  if (!schema_.empty()) capabilities_ |= protocol::cap::connect_with_db;
  const bool unix_socket = !address_.path.empty();
  const bool offered = (greeting_.capabilities & protocol::cap::ssl) != 0;
  const bool want = options_.tls != BackendOptions::Tls::off && !unix_socket && options_.tls_context != nullptr;
  if (want && offered) {
    capabilities_ |= protocol::cap::ssl;
    protocol::Login request;
    request.capabilities = capabilities_;
    request.max_packet = protocol::max_frame + 1;
    request.collation = key_.collation;
    request.mariadb_capabilities = key_.mariadb_flags & greeting_.mariadb_capabilities;
    Bytes bytes;
    protocol::write_ssl_request(bytes, request);
    send_login_packet(1, bytes, false);
    phase_ = Phase::securing;
    stream_->start_tls(options_.tls_context.get(), false,
                       options_.tls == BackendOptions::Tls::verify ? address_.certified_name() : std::string{},
                       options_.tls_session);
    return;
  }
  if (!unix_socket && (options_.tls == BackendOptions::Tls::required || options_.tls == BackendOptions::Tls::verify))
    return lost(refused("server " + server_name_ + " offers no TLS, and backend.tls asks for it"), false);
  send_login();
}

void Backend::on_secure() { send_login(); }

/// Flags that change how commands or answers are laid out can't be made up for.
bool Backend::lacks_what_the_client_has() const {
  constexpr std::uint32_t layout = protocol::cap::query_attributes | protocol::cap::optional_resultset_metadata;
  constexpr std::uint32_t mariadb_layout =
      protocol::mariadb_cap::extended_metadata | protocol::mariadb_cap::bulk_operations;
  return (key_.client_flags & layout & ~greeting_.capabilities) != 0 ||
         (key_.mariadb_flags & mariadb_layout & ~greeting_.mariadb_capabilities) != 0;
}

/// The first answer to the plugin's data. False: wye can't speak this plugin with what it knows of the account.
bool Backend::answer_plugin(ByteView data, Bytes& to) const {
  const Account& account = *key_.account;
  const auto secret = account.secret.view();
  const bool clear = account.kind == Account::Kind::clear;
  if (clear && secret.empty()) return true;  // an empty password is an empty answer in every plugin
  if (plugin_ == "mysql_native_password") {
    protocol::Sha1 stage1;
    if (clear) {
      stage1 = protocol::native_stage1(secret);
    } else {
      std::copy(secret.begin(), secret.end(), stage1.begin());
    }
    const auto scramble = protocol::native_scramble(stage1, nonce_);
    protocol::wipe(stage1.data(), stage1.size());
    to.assign(scramble.begin(), scramble.end());
    return true;
  }
  if (plugin_ == "mysql_old_password") {  // of before 4.1: nobody gets in, but the server says why after an answer
    base::append(to, base::bytes_of("--------"));
    to.push_back(0);
    return true;
  }
  if (plugin_ == "client_ed25519" && data.size() >= protocol::ed25519_nonce_size) {
    // Without the password a signature that fits nothing: of several plugins of an account (OR), MariaDB asks for the
    // next one then.
    const auto signature =
        protocol::ed25519_sign(clear ? secret : std::string_view("\0", 1), data.first(protocol::ed25519_nonce_size));
    to.assign(signature.begin(), signature.end());
    return true;
  }
  if (!clear) return false;
  if (plugin_ == "caching_sha2_password") {
    const auto scramble = protocol::sha2_scramble(secret, nonce_);
    to.assign(scramble.begin(), scramble.end());
    return true;
  }
  // MySQL asks unknown users for a random plugin, also sha256_password: its own words of refusal come only after an
  // answer.
  if (plugin_ == "sha256_password" && !private_way()) {
    to.push_back(0x01);  // asks for its public key
    return true;
  }
  if (plugin_ == "sha256_password" || ((plugin_ == "mysql_clear_password" || plugin_ == "dialog") && private_way())) {
    base::append(to, base::bytes_of(secret));  // dialog: PAM's first question, which is for the password
    to.push_back(0);
    return true;
  }
  return false;
}

/// Why answer_plugin() had none, and what helps.
Error Backend::no_answer() const {
  std::string why = "wye does not speak the authentication plugin '" + plugin_ + "' of server " + server_name_;
  if (plugin_ == "mysql_clear_password" || plugin_ == "dialog") {
    why = "server " + server_name_ + " asks for the password in clear text ('" + plugin_ +
          "'), which wye sends over TLS only: see backend.tls";
  } else if (key_.account->kind != Account::Kind::clear) {
    why = "server " + server_name_ + " asks for the plugin '" + plugin_ +
          "', for which wye needs the password itself, and mysql_native_password did not tell it: connect with a "
          "client that speaks caching_sha2_password";
  }
  return Error{1251, "08004", std::move(why)};
}

/// Over a Unix socket a server may let wye in for being who it is, without a password: that says nothing of the client.
bool Backend::trusted_by_socket() const {
  return !address_.path.empty() && key_.account.get() != options_.own &&
         (switches_ == 0 || key_.account->user == options_.system_user);
}

void Backend::send_login() {
  protocol::Login login;
  login.capabilities = capabilities_;
  login.max_packet = protocol::max_frame + 1;
  login.collation = key_.collation;
  login.mariadb_capabilities = key_.mariadb_flags & greeting_.mariadb_capabilities;
  login.user = key_.account->user;
  login.schema = schema_;
  // No plugin at all: the server must ask for the account's own, unless that one needs no answer (see
  // trusted_by_socket()).
  if (!address_.path.empty()) plugin_ = "none";
  login.plugin = plugin_;
  const bool passed = key_.passed != nullptr && key_.passed->attributes;
  login.attributes = passed ? *key_.passed->attributes : options_.attributes;
  if (!answer_plugin({}, login.auth)) login.auth.clear();  // the server will ask to switch to the account's own plugin
  Bytes bytes;
  protocol::write_login(bytes, login);
  send_login_packet(stream_->secure() ? 2 : 1, bytes, true);
  protocol::wipe(login.auth);
  phase_ = Phase::authenticating;
}

void Backend::send_login_packet(std::uint8_t sequence, ByteView payload, bool secret) {
  Bytes framed;
  protocol::write_packet(framed, sequence, payload);
  stream_->write(framed);
  if (secret) protocol::wipe(framed);
}

void Backend::on_auth_packet(const protocol::Packet& packet) {
  switch (packet.payload[0]) {
    case 0x00: {
      const auto parsed = protocol::parse_ok(packet.payload, (capabilities_ & protocol::cap::session_track) != 0);
      const auto* ok = std::get_if<protocol::OkInfo>(&parsed);
      if (ok == nullptr) return malformed("malformed OK packet at login");
      if (trusted_by_socket())
        return lost(Error{1698, "28000",
                          "Access denied for user '" + key_.account->user + "': server " + server_name_ +
                              " trusts the operating system's user that wye runs as, not the client"},
                    true);
      login_status_ = ok->status;
      phase_ = Phase::ready;
      state_.schema = schema_;
      since_ = loop_.now();
      if (holder_ != nullptr) holder_->on_backend_ready(*this);
      return;
    }
    case 0x01:
      return on_auth_more(packet);
    case 0xfe:
      return on_auth_switch(packet);
    case 0x02:  // AuthNextFactor; or a second question of PAM
    case 0x04:
      return lost(Error{1251, "08004",
                        "server " + server_name_ +
                            " asks for more than a password, which wye can't pass on: use an "
                            "account with one factor"},
                  true);
    default:
      return malformed("unexpected packet at login");
  }
}

void Backend::on_auth_switch(const protocol::Packet& packet) {
  auto parsed = protocol::parse_auth_switch(packet.payload);
  if (const auto* bad = std::get_if<protocol::Malformed>(&parsed)) return malformed(bad->why);
  const auto& request = std::get<protocol::AuthSwitch>(parsed);
  plugin_ = request.plugin;
  if (request.data.size() >= nonce_.size()) std::copy_n(request.data.begin(), nonce_.size(), nonce_.begin());
  Bytes answer;
  ++switches_;
  if (!answer_plugin(request.data, answer)) return lost(no_answer(), true);
  send_login_packet(static_cast<std::uint8_t>(packet.sequence + 1), answer, true);
  protocol::wipe(answer);
}

void Backend::on_auth_more(const protocol::Packet& packet) {
  const auto data = packet.payload.subspan(1);
  const auto next = static_cast<std::uint8_t>(packet.sequence + 1);
  const auto secret = key_.account->secret.view();
  if ((plugin_ != "caching_sha2_password" && plugin_ != "sha256_password") || data.empty() ||
      key_.account->kind != Account::Kind::clear)
    return malformed("unexpected authentication data");
  if (data.size() == 1 && data[0] == 0x03) return;  // fast path: OK follows
  if (data.size() == 1 && data[0] == 0x04) {        // full authentication
    if (private_way()) {
      Bytes clear(secret.begin(), secret.end());
      clear.push_back(0);
      send_login_packet(next, clear, true);
      protocol::wipe(clear);
    } else {
      const std::uint8_t ask = 0x02;
      send_login_packet(next, {&ask, 1}, false);
    }
    return;
  }
  const auto cipher = protocol::sha2_encrypt(base::chars_of(data), secret, nonce_);
  if (!cipher) return malformed("the server's public key is not usable");
  send_login_packet(next, *cipher, false);
}

}  // namespace wye::pool
