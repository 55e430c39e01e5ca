#pragma once
#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "proxy/base/result.h"
#include "proxy/protocol/auth.h"
#include "proxy/protocol/handshake.h"
#include "proxy/protocol/secret.h"

namespace wye::session {

using protocol::AccountPtr;
using protocol::Bytes;
using protocol::ByteView;

/// A row of mysql.user as far as a login with mysql_native_password needs it.
struct AccountRow {
  std::string plugin;
  std::string authentication_string;
};

namespace login {
// What the driver does next. Bytes are payloads; the driver frames and numbers them.
struct Send {
  Bytes payload;
};                 // to the client; then its next packet comes to on_packet()
struct Wait {};    // nothing to send: the client's next packet comes to on_packet()
struct LookUp {};  // read the rows of `user()` with the monitor's account, then on_rows()
struct Verify {
  AccountPtr account;
};  // log in to the primary with it, then on_verdict()
struct Refuse {
  base::Error error;
};  // ERR, close
using Action = std::variant<Send, Wait, LookUp, Verify, Refuse>;
}  // namespace login

/// The client's side of authentication, as a pure machine. wye has no user list: it finds out the password
/// (caching_sha2: full authentication over TLS or by RSA; known from before: fast path) or stage 1
/// (mysql_native_password: from the account's row), then the primary decides, with its own error text.
/// https://dev.mysql.com/doc/dev/mysql-server/latest/page_caching_sha2_authentication_exchanges.html
class LoginFlow {
 public:
  struct Setup {
    bool secure = false;      // the client's connection is encrypted or a Unix socket
    protocol::Nonce nonce{};  // of the greeting, or of the AuthSwitch of a change of user
    std::function<AccountPtr(std::string_view user)>
        known;  // the worker's accounts with a verified password; nullptr: none
    const protocol::RsaKey* rsa = nullptr;
  };
  explicit LoginFlow(Setup setup) : x_(std::move(setup)) {}

  /// The first packet: user, plugin and its first answer.
  login::Action begin(std::string user, std::string_view plugin, Bytes auth);
  /// COM_CHANGE_USER: as the server does, asks for a new answer to a new nonce, whatever the client sent along.
  login::Action begin_again(std::string user, std::string_view plugin);
  login::Action on_packet(ByteView payload);
  /// nullopt: the rows can't be read (no privilege, no primary).
  login::Action on_rows(const std::optional<std::vector<AccountRow>>& rows);
  /// The primary has accepted: what goes to the client before its OK (fast-path success), if anything.
  std::optional<Bytes> before_ok() const;
  const std::string& user() const { return user_; }
  bool used_known_password() const { return used_known_; }

 private:
  enum class State : std::uint8_t { fresh, switched, sha2_full, sha2_rsa, rows, done };
  login::Action sha2_first(Bytes auth);
  login::Action sha2_clear(ByteView clear_with_nul);
  login::Action sha2_rsa(ByteView cipher);
  login::Action first_answer(std::string_view plugin, Bytes auth);
  login::Action switch_to(std::string_view plugin);
  login::Action verify_clear(std::string_view password);
  Setup x_;
  State state_ = State::fresh;
  std::string user_, plugin_;
  Bytes native_;
  bool used_known_ = false, fast_ = false;
};

}  // namespace wye::session
