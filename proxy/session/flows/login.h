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

/// A row of mysql.user as far as a login needs it: those of the client's name, and the anonymous ones, which may come
/// before them in the server's order.
struct AccountRow {
  std::string plugin;
  std::string authentication_string;
  std::string second{};       // what RETAIN CURRENT PASSWORD has kept; empty: nothing
  bool requires_tls = false;  // REQUIRE SSL, X509, ...
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

/// The client's side of authentication, as a pure machine. wye finds out the password (caching_sha2_password: full
/// authentication over TLS or by RSA key; sha256_password, mysql_clear_password over TLS), or stage 1
/// (mysql_native_password: from the account's row), or knows it (from before; accounts.source: file). Then the primary
/// decides, with its own error text. An account's plugin on the server does not matter to what the client is asked: any
/// client that can show wye the password can use any account (MariaDB's ed25519, PAM by clear text, ...).
/// https://dev.mysql.com/doc/dev/mysql-server/latest/page_caching_sha2_authentication_exchanges.html
class LoginFlow {
 public:
  struct Setup {
    bool secure = false;                                   // the client's connection is encrypted or a Unix socket
    bool can_switch = true;                                // it has cap::plugin_auth
    protocol::Nonce nonce{};                               // of the greeting, or of the AuthSwitch of a change of user
    std::string default_plugin = "caching_sha2_password";  // of the greeting
    /// The worker's accounts with a verified password; nullptr: none. With `listed`: the file's.
    std::function<AccountPtr(std::string_view user)> known;
    bool listed = false;  // accounts.source: file. `known` has all accounts; the servers' rows are never read
    std::string host;     // the client's, for "Access denied"
    const protocol::RsaKey* rsa = nullptr;
  };
  explicit LoginFlow(Setup setup) : x_(std::move(setup)) {}

  /// The first packet: user, plugin and its first answer.
  login::Action begin(std::string user, std::string_view plugin, Bytes auth);
  /// COM_CHANGE_USER: as the server does, asks for a new answer to a new nonce, whatever the client sent along.
  /// `plugin`: what the client speaks; empty if it did not say.
  login::Action begin_again(std::string user, std::string_view plugin, Bytes auth = {});
  login::Action on_packet(ByteView payload);
  /// nullopt: the rows can't be read (no privilege, no primary).
  login::Action on_rows(std::optional<std::vector<AccountRow>> rows);
  /// The primary has refused after it asked for several plugins: MariaDB accounts may have some (OR), each with a
  /// password of its own, and rows show the first one only. Absent: that was all.
  std::optional<login::Action> on_refused();
  /// The primary has accepted: what goes to the client before its OK (fast-path success), if anything.
  std::optional<Bytes> before_ok() const;
  const std::string& user() const { return user_; }
  bool used_known_password() const { return used_known_; }

 private:
  enum class State : std::uint8_t { fresh, switched, sha2_full, rsa, rows_choose, rows_native, rows_tls, done };
  login::Action first_answer(std::string_view plugin, Bytes auth);
  login::Action listed_answer(std::string_view plugin, const Bytes& auth);
  login::Action native_first(Bytes auth);
  login::Action sha2_first(const Bytes& auth);
  login::Action sha256_first(const Bytes& auth);
  login::Action choose_plugin();
  login::Action native_by_rows();
  login::Action clear(ByteView clear_with_nul);
  login::Action rsa_cipher(ByteView cipher);
  login::Action send_key();
  login::Action ask_for_clear();
  login::Action switch_to(std::string_view plugin);
  login::Action verify_clear(std::string_view password);
  login::Action verify(AccountPtr account);
  login::Action verify_nonsense();
  login::Action denied(bool with_password);
  AccountPtr known_that_answers(std::string_view plugin, ByteView auth);

  Setup x_;
  State state_ = State::fresh;
  std::string user_, plugin_, client_plugin_;
  Bytes native_;
  std::optional<std::vector<AccountRow>> rows_;
  bool rows_read_ = false;
  AccountPtr waiting_;  // for the rows
  bool used_known_ = false, fast_ = false;
};

}  // namespace wye::session
