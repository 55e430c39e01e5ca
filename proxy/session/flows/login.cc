#include "proxy/session/flows/login.h"

#include <algorithm>

namespace wye::session {

namespace {

using protocol::Account;

constexpr std::string_view sha2_plugin = "caching_sha2_password";
constexpr std::string_view sha256_plugin = "sha256_password";
constexpr std::string_view native_plugin = "mysql_native_password";
constexpr std::string_view clear_plugin = "mysql_clear_password";
constexpr std::uint8_t more_data = 0x01, sha256_request_key = 0x01, sha2_request_key = 0x02, fast_success = 0x03,
                       full_authentication = 0x04;
constexpr std::size_t max_password = std::size_t{16} * 1024;  // the servers have limits of their own

login::Action refuse(std::uint16_t code, const char* state, std::string text) {
  return login::Refuse{base::Error{code, state, std::move(text)}};
}
login::Action bad_handshake() { return refuse(1043, "08S01", "Bad handshake"); }

bool is_native(const AccountRow& row) { return row.plugin == native_plugin || row.plugin.empty(); }

/// Nobody who comes over the network gets in by these: such a row is no reason to ask for a password in clear.
bool is_local(const AccountRow& row) {
  return row.plugin == "unix_socket" || row.plugin == "auth_socket" || row.plugin == "mysql_no_login";
}

bool is_empty(const Bytes& auth) { return auth.empty() || (auth.size() == 1 && auth[0] == 0); }

bool fits_native(const Account& account, ByteView scramble, const protocol::Nonce& nonce) {
  const auto secret = account.secret.view();
  protocol::Sha1 stage1{};
  if (account.kind == Account::Kind::clear) {
    stage1 = protocol::native_stage1(secret);
  } else {
    std::copy_n(secret.begin(), std::min(secret.size(), stage1.size()), stage1.begin());
  }
  auto recovered = protocol::native_recover(scramble, protocol::native_stage2(stage1), nonce);
  protocol::wipe(stage1.data(), stage1.size());
  if (!recovered) return false;
  protocol::wipe(recovered->data(), recovered->size());
  return true;
}

}  // namespace

login::Action LoginFlow::begin(std::string user, std::string_view plugin, Bytes auth) {
  user_ = std::move(user);
  client_plugin_ = plugin;
  // A client from before plugins speaks the native one.
  return first_answer(!x_.can_switch ? native_plugin : plugin, std::move(auth));
}

login::Action LoginFlow::begin_again(std::string user, std::string_view plugin, Bytes auth) {
  user_ = std::move(user);
  client_plugin_ = plugin;
  // A client that knows no plugins answers the greeting's nonce again.
  if (!x_.can_switch) return first_answer(native_plugin, std::move(auth));
  // Many clients take one switch and no second one, so it has to be to the right plugin.
  const bool sha2 = x_.default_plugin == sha2_plugin && (plugin == sha2_plugin || plugin.empty());
  if (sha2 || x_.listed) return switch_to(x_.default_plugin);
  state_ = State::rows_choose;
  return login::LookUp{};
}

login::Action LoginFlow::first_answer(std::string_view plugin, Bytes auth) {
  const bool speaks = plugin == sha2_plugin || plugin == native_plugin || plugin == sha256_plugin || plugin.empty() ||
                      (plugin == clear_plugin && x_.secure);
  // A client whose own plugin is not the greeted one has no nonce for it yet: its empty answer asks for one.
  const bool unasked = state_ == State::fresh && plugin != x_.default_plugin && !plugin.empty() && x_.can_switch;
  if (speaks && is_empty(auth)) return unasked ? switch_to(plugin) : verify_clear("");
  if (x_.listed && speaks) return listed_answer(plugin, auth);
  if (plugin == sha2_plugin) return sha2_first(auth);
  if ((plugin == native_plugin || plugin.empty()) && auth.size() == 20) return native_first(std::move(auth));
  if (plugin == sha256_plugin) return sha256_first(auth);
  if (plugin == clear_plugin && speaks) return clear(auth);
  if (state_ == State::switched && plugin_ == native_plugin) return bad_handshake();  // it has no such plugin
  return ask_for_clear();
}

/// The password is known beforehand: right or wrong is decided here, and the primary checks what is right.
login::Action LoginFlow::listed_answer(std::string_view plugin, const Bytes& auth) {
  if (plugin == sha256_plugin) return sha256_first(auth);
  if (plugin == clear_plugin) return clear(auth);
  if (plugin == sha2_plugin ? auth.size() != 32 : auth.size() != 20) return bad_handshake();
  auto account = known_that_answers(plugin, auth);
  if (account == nullptr) return denied(true);
  fast_ = plugin == sha2_plugin;
  return verify(std::move(account));
}

AccountPtr LoginFlow::known_that_answers(std::string_view plugin, ByteView auth) {
  auto account = x_.known ? x_.known(user_) : nullptr;
  if (account == nullptr) return nullptr;
  const bool fits = plugin == sha2_plugin ? account->kind == Account::Kind::clear &&
                                                protocol::sha2_verify(auth, account->digest2, x_.nonce)
                                          : fits_native(*account, auth, x_.nonce);
  if (!fits) return nullptr;
  used_known_ = true;
  return account;
}

login::Action LoginFlow::switch_to(std::string_view plugin) {
  state_ = State::switched;
  plugin_ = plugin;
  Bytes payload;
  protocol::write_auth_switch(
      payload, protocol::make_auth_switch(plugin, x_.nonce));  // without its NUL, clients refuse the nonce
  return login::Send{std::move(payload)};
}

/// Whatever the account's plugin is, its clear text comes by caching_sha2_password's full authentication, or by
/// sha256_password, which older clients have, where that is the account's own.
login::Action LoginFlow::ask_for_clear() {
  if (!x_.can_switch)
    return refuse(1251, "08004",
                  "Client does not support authentication protocol requested by server; consider upgrading MySQL "
                  "client");
  const auto has = [&](std::string_view plugin) {
    return rows_ && std::any_of(rows_->begin(), rows_->end(), [&](const auto& row) { return row.plugin == plugin; });
  };
  return switch_to(has(sha256_plugin) && !has(sha2_plugin) ? sha256_plugin : sha2_plugin);
}

login::Action LoginFlow::on_rows(std::optional<std::vector<AccountRow>> rows) {
  rows_ = std::move(rows);
  rows_read_ = true;
  switch (state_) {
    case State::rows_choose:
      return choose_plugin();
    case State::rows_native:
      return native_by_rows();
    case State::rows_tls:
      return verify(std::move(waiting_));
    default:
      return refuse(1047, "08S01", "Unexpected packet during authentication");
  }
}

login::Action LoginFlow::choose_plugin() {
  if (!rows_) return switch_to(x_.default_plugin);
  const auto foreign = [](const AccountRow& row) { return !is_native(row) && !is_local(row); };
  const bool others = std::any_of(rows_->begin(), rows_->end(), foreign);
  const bool native = std::any_of(rows_->begin(), rows_->end(), is_native);
  if (others && (!native || client_plugin_ == sha2_plugin)) return ask_for_clear();
  return switch_to(native ? native_plugin : std::string_view(x_.default_plugin));
}

login::Action LoginFlow::native_first(Bytes auth) {
  // Whoever needs the rows anyway reads them; for the others a password that fits saves the question.
  if (x_.secure) {
    if (auto account = known_that_answers(native_plugin, auth)) return verify(std::move(account));
  }
  native_ = std::move(auth);
  if (rows_read_ && rows_) return native_by_rows();
  state_ = State::rows_native;
  return login::LookUp{};
}

login::Action LoginFlow::native_by_rows() {
  if (!rows_) {
    if (auto account = known_that_answers(native_plugin, native_)) return verify(std::move(account));
    return ask_for_clear();
  }
  for (const auto& row : *rows_) {
    if (!is_native(row)) continue;
    for (const auto& stored : {row.authentication_string, row.second}) {
      const auto stage2 = protocol::parse_stage2(stored);
      if (!stage2) continue;
      auto stage1 = protocol::native_recover(native_, *stage2, x_.nonce);
      if (!stage1) continue;
      auto account =
          std::make_shared<Account>(user_, Account::Kind::native_stage1,
                                    std::string_view{reinterpret_cast<const char*>(stage1->data()), stage1->size()});
      protocol::wipe(stage1->data(), stage1->size());
      return verify(std::move(account));
    }
  }
  if (auto account = known_that_answers(native_plugin, native_)) return verify(std::move(account));
  if (std::any_of(rows_->begin(), rows_->end(), [](const auto& row) { return !is_native(row) && !is_local(row); }))
    return ask_for_clear();
  return verify_nonsense();  // a wrong password or an unknown user: the primary says so in its own words
}

login::Action LoginFlow::sha2_first(const Bytes& auth) {
  if (auth.size() != 32) return bad_handshake();
  if (auto account = known_that_answers(sha2_plugin, auth)) {
    fast_ = true;
    return verify(std::move(account));
  }
  state_ = State::sha2_full;
  return login::Send{{more_data, full_authentication}};
}

/// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase_authentication_methods_sha256_password_authentication.html
login::Action LoginFlow::sha256_first(const Bytes& auth) {
  if (x_.secure) return clear(auth);
  if (auth.size() == 1 && auth[0] == sha256_request_key) return send_key();
  return rsa_cipher(auth);
}

login::Action LoginFlow::send_key() {
  if (x_.rsa == nullptr) return bad_handshake();
  state_ = State::rsa;
  Bytes reply{more_data};
  base::append(reply, base::bytes_of(x_.rsa->public_pem()));
  return login::Send{std::move(reply)};
}

login::Action LoginFlow::on_packet(ByteView payload) {
  switch (state_) {
    case State::switched:
      // A client that answers with another plugin's size has no such plugin: not asked twice.
      if (plugin_ == native_plugin && payload.size() > 1 && payload.size() != 20) return bad_handshake();
      return first_answer(plugin_, Bytes(payload.begin(), payload.end()));
    case State::sha2_full:
      if (x_.secure) return clear(payload);
      if (payload.size() == 1 && payload[0] == sha2_request_key) return send_key();
      return rsa_cipher(payload);  // a client that has kept the key sends the cipher at once
    case State::rsa:
      return rsa_cipher(payload);
    default:
      return refuse(1047, "08S01", "Unexpected packet during authentication");
  }
}

login::Action LoginFlow::clear(ByteView clear_with_nul) {
  if (clear_with_nul.empty() || clear_with_nul.back() != 0 || clear_with_nul.size() > max_password)
    return bad_handshake();
  return verify_clear(base::chars_of(clear_with_nul.first(clear_with_nul.size() - 1)));
}

login::Action LoginFlow::rsa_cipher(ByteView cipher) {
  if (x_.rsa == nullptr || cipher.size() > 1024) return bad_handshake();
  auto plain = x_.rsa->decrypt(cipher);
  if (!plain) return bad_handshake();
  auto text = protocol::sha2_obfuscate(base::chars_of(*plain), x_.nonce);  // the XOR undoes itself
  auto action = clear(text);
  protocol::wipe(*plain);
  protocol::wipe(text);
  return action;
}

login::Action LoginFlow::verify_clear(std::string_view password) {
  if (!x_.listed) return verify(std::make_shared<Account>(user_, Account::Kind::clear, password));
  auto account = x_.known ? x_.known(user_) : nullptr;
  if (account == nullptr || protocol::sha2_digest2(password) != account->digest2) return denied(!password.empty());
  used_known_ = true;
  return verify(std::move(account));
}

/// Some password that nobody has: the server asks for it by the plugin of its choice (for an unknown user MySQL takes
/// one at random) and refuses it.
login::Action LoginFlow::verify_nonsense() {
  const auto nonsense = protocol::make_nonce();
  return verify(std::make_shared<Account>(
      user_, Account::Kind::clear, std::string_view{reinterpret_cast<const char*>(nonsense.data()), nonsense.size()}));
}

/// REQUIRE SSL is about the client, and the server sees only wye's own connection: it is kept here, where the rows can
/// be read and every account of that name asks for it.
login::Action LoginFlow::verify(AccountPtr account) {
  if (!x_.secure && !x_.listed) {
    if (!rows_read_) {
      waiting_ = std::move(account);
      state_ = State::rows_tls;
      return login::LookUp{};
    }
    const auto tls = [](const AccountRow& row) { return row.requires_tls; };
    if (rows_ && !rows_->empty() && std::all_of(rows_->begin(), rows_->end(), tls))
      return denied(!(account->kind == Account::Kind::clear && account->secret.view().empty()));
  }
  state_ = State::done;
  return login::Verify{std::move(account)};
}

login::Action LoginFlow::denied(bool with_password) {
  state_ = State::done;
  return refuse(
      1045, "28000",
      "Access denied for user '" + user_ + "'@'" + x_.host + "' (using password: " + (with_password ? "YES)" : "NO)"));
}

std::optional<login::Action> LoginFlow::on_refused() {
  if (x_.listed || native_.empty() || !x_.can_switch || plugin_ == sha2_plugin || plugin_ == sha256_plugin)
    return std::nullopt;
  return ask_for_clear();
}

std::optional<Bytes> LoginFlow::before_ok() const {
  if (fast_) return Bytes{more_data, fast_success};
  return std::nullopt;
}

}  // namespace wye::session
