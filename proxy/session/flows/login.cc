#include "proxy/session/flows/login.h"

namespace wye::session {

namespace {

constexpr std::string_view sha2_plugin = "caching_sha2_password";
constexpr std::string_view native_plugin = "mysql_native_password";
constexpr std::uint8_t more_data = 0x01, request_public_key = 0x02, fast_success = 0x03, full_authentication = 0x04;
constexpr std::size_t max_password = 4096;

login::Action refuse(std::uint16_t code, const char* state, std::string text) {
  return login::Refuse{base::Error{code, state, std::move(text)}};
}

}  // namespace

login::Action LoginFlow::begin(std::string user, std::string_view plugin, Bytes auth) {
  user_ = std::move(user);
  return first_answer(plugin, std::move(auth));
}

login::Action LoginFlow::begin_again(std::string user, std::string_view plugin) {
  user_ = std::move(user);
  return switch_to(plugin);
}

login::Action LoginFlow::first_answer(std::string_view plugin, Bytes auth) {
  const bool empty = auth.empty() || (auth.size() == 1 && auth[0] == 0);
  // Empty under a plugin that wye speaks: an empty password. Under another (libmariadb names a fallback while two
  // threads load the plugin at once): no answer yet, so the client is asked as a server would.
  if (empty && (plugin == sha2_plugin || plugin == native_plugin || plugin.empty())) return verify_clear("");
  if (plugin == sha2_plugin) return sha2_first(std::move(auth));
  if (plugin == native_plugin && auth.size() == 20) {
    native_ = std::move(auth);
    state_ = State::rows;
    return login::LookUp{};
  }
  return switch_to(sha2_plugin);
}

login::Action LoginFlow::switch_to(std::string_view plugin) {
  state_ = State::switched;
  plugin_ = plugin;
  Bytes payload;
  protocol::write_auth_switch(
      payload, protocol::make_auth_switch(plugin, x_.nonce));  // without its NUL, clients refuse the nonce
  return login::Send{std::move(payload)};
}

login::Action LoginFlow::on_rows(const std::optional<std::vector<AccountRow>>& rows) {
  if (!rows) return switch_to(sha2_plugin);
  bool native = false;
  for (const auto& row : *rows) {
    if (row.plugin != native_plugin) continue;
    native = true;
    const auto stage2 = protocol::parse_stage2(row.authentication_string);
    if (!stage2) continue;
    auto stage1 = protocol::native_recover(native_, *stage2, x_.nonce);
    if (!stage1) continue;
    auto account = std::make_shared<protocol::Account>(
        user_, protocol::Account::Kind::native_stage1,
        std::string_view{reinterpret_cast<const char*>(stage1->data()), stage1->size()});
    protocol::wipe(stage1->data(), stage1->size());
    state_ = State::done;
    return login::Verify{std::move(account)};
  }
  // Accounts of other plugins: their clear text comes by caching_sha2's full authentication, whatever the server's
  // plugin is.
  if (!native && !rows->empty()) return switch_to(sha2_plugin);
  // A wrong password or an unknown user: the primary says so in its own words.
  const auto nonsense = protocol::make_nonce();
  state_ = State::done;
  return login::Verify{std::make_shared<protocol::Account>(
      user_, protocol::Account::Kind::native_stage1,
      std::string_view{reinterpret_cast<const char*>(nonsense.data()), nonsense.size()})};
}

login::Action LoginFlow::sha2_first(Bytes auth) {
  if (auth.size() != 32) return refuse(1043, "08S01", "Bad handshake");
  if (auto account = x_.known ? x_.known(user_) : nullptr; account != nullptr &&
                                                           account->kind == protocol::Account::Kind::clear &&
                                                           protocol::sha2_verify(auth, account->digest2, x_.nonce)) {
    state_ = State::done;
    used_known_ = fast_ = true;
    return login::Verify{std::move(account)};
  }
  state_ = State::sha2_full;
  return login::Send{{more_data, full_authentication}};
}

login::Action LoginFlow::on_packet(ByteView payload) {
  switch (state_) {
    case State::switched:
      // A client that answers with another plugin's size has no such plugin: not asked twice.
      if (plugin_ == native_plugin && payload.size() > 1 && payload.size() != 20)
        return refuse(1043, "08S01", "Bad handshake");
      return first_answer(plugin_, Bytes(payload.begin(), payload.end()));
    case State::sha2_full:
      if (x_.secure) return sha2_clear(payload);
      if (payload.size() == 1 && payload[0] == request_public_key && x_.rsa != nullptr) {
        state_ = State::sha2_rsa;
        Bytes reply{more_data};
        base::append(reply, base::bytes_of(x_.rsa->public_pem()));
        return login::Send{std::move(reply)};
      }
      return sha2_rsa(payload);  // a client that has kept the key sends the cipher at once
    case State::sha2_rsa:
      return sha2_rsa(payload);
    default:
      return refuse(1047, "08S01", "Unexpected packet during authentication");
  }
}

login::Action LoginFlow::sha2_clear(ByteView clear_with_nul) {
  if (clear_with_nul.empty() || clear_with_nul.back() != 0 || clear_with_nul.size() > max_password)
    return refuse(1043, "08S01", "Bad handshake");
  return verify_clear(base::chars_of(clear_with_nul.first(clear_with_nul.size() - 1)));
}

login::Action LoginFlow::sha2_rsa(ByteView cipher) {
  if (x_.rsa == nullptr || cipher.size() > 1024) return refuse(1043, "08S01", "Bad handshake");
  auto plain = x_.rsa->decrypt(cipher);
  if (!plain) return refuse(1043, "08S01", "Bad handshake");
  auto clear = protocol::sha2_obfuscate(base::chars_of(*plain), x_.nonce);  // the XOR undoes itself
  auto action = sha2_clear(clear);
  protocol::wipe(*plain);
  protocol::wipe(clear);
  return action;
}

login::Action LoginFlow::verify_clear(std::string_view password) {
  state_ = State::done;
  return login::Verify{std::make_shared<protocol::Account>(user_, protocol::Account::Kind::clear, password)};
}

std::optional<Bytes> LoginFlow::before_ok() const {
  if (fast_) return Bytes{more_data, fast_success};
  return std::nullopt;
}

}  // namespace wye::session
