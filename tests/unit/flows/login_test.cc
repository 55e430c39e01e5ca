#include "proxy/session/flows/login.h"

#include "tests/unit/catch.h"

namespace wye::session {
namespace {

using protocol::Account;
using protocol::Nonce;

constexpr const char* sha2 = "caching_sha2_password";
constexpr const char* native = "mysql_native_password";

Nonce nonce_for_tests() {
  Nonce nonce{};
  for (std::size_t i = 0; i < nonce.size(); ++i) nonce[i] = static_cast<std::uint8_t>(i + 1);
  return nonce;
}

/// Without TLS, the rows of a name are read ahead of the login.
login::Action past_rows(LoginFlow& flow, login::Action action, std::vector<AccountRow> rows = {}) {
  REQUIRE(std::holds_alternative<login::LookUp>(action));
  return flow.on_rows(std::move(rows));
}

LoginFlow::Setup setup(bool secure = false, std::string known_password = {}) {
  LoginFlow::Setup s;
  s.secure = secure;
  s.nonce = nonce_for_tests();
  s.known = [known_password](std::string_view user) -> AccountPtr {
    if (known_password.empty()) return nullptr;
    return std::make_shared<Account>(std::string(user), Account::Kind::clear, known_password);
  };
  return s;
}

Bytes scramble(std::string_view password) {
  const auto s = protocol::sha2_scramble(password, nonce_for_tests());
  return {s.begin(), s.end()};
}
Bytes native_answer(std::string_view password) {
  const auto s = protocol::native_scramble(protocol::native_stage1(password), nonce_for_tests());
  return {s.begin(), s.end()};
}
std::string stored(std::string_view password) {
  std::string text = "*";
  for (const auto b : protocol::native_stage2(protocol::native_stage1(password))) {
    text += "0123456789ABCDEF"[b >> 4];
    text += "0123456789ABCDEF"[b & 15];
  }
  return text;
}
Bytes with_nul(std::string_view password) {
  Bytes out(password.begin(), password.end());
  out.push_back(0);
  return out;
}

template <class T>
bool is(const login::Action& action) {
  return std::holds_alternative<T>(action);
}
Bytes sent(const login::Action& action) {
  REQUIRE(is<login::Send>(action));
  return std::get<login::Send>(action).payload;
}
const Account& verified(const login::Action& action) {
  REQUIRE(is<login::Verify>(action));
  return *std::get<login::Verify>(action).account;
}
std::uint16_t refused(const login::Action& action) {
  REQUIRE(is<login::Refuse>(action));
  return std::get<login::Refuse>(action).error.code;
}
/// An AuthSwitch as clients accept it: libmysqlclient wants 20 bytes and a NUL.
void check_switch(const login::Action& action, const std::string& plugin) {
  const auto parsed = protocol::parse_auth_switch(sent(action));
  const auto* request = std::get_if<protocol::AuthSwitch>(&parsed);
  REQUIRE(request != nullptr);
  CHECK(request->plugin == plugin);
  REQUIRE(request->data.size() == 21);
  CHECK(protocol::nonce_of(request->data) == nonce_for_tests());
  CHECK(request->data.back() == 0);
}

const protocol::RsaKey& rsa() {
  static const auto key = protocol::RsaKey::make();
  REQUIRE(key != nullptr);
  return *key;
}

TEST_CASE("caching_sha2: a known password takes the fast path") {
  LoginFlow flow(setup(true, "secret"));
  const auto action = flow.begin("app", sha2, scramble("secret"));
  CHECK(verified(action).secret.view() == "secret");
  CHECK(flow.used_known_password());
  CHECK(flow.before_ok() == Bytes{1, 3});
  CHECK(flow.user() == "app");
}

TEST_CASE("caching_sha2: full authentication over TLS, for an unknown password and for one that has changed") {
  for (const auto* known : {"", "old"}) {
    LoginFlow flow(setup(true, known));
    CHECK(sent(flow.begin("app", sha2, scramble("secret"))) == Bytes{1, 4});
    const auto action = flow.on_packet(with_nul("secret"));
    CHECK(verified(action).user == "app");
    CHECK(verified(action).kind == Account::Kind::clear);
    CHECK(verified(action).secret.view() == "secret");
    CHECK_FALSE(flow.before_ok());
    CHECK_FALSE(flow.used_known_password());
  }
}

TEST_CASE("caching_sha2: full authentication by RSA, the key asked for or kept from before") {
  for (const bool asks : {true, false}) {
    auto s = setup();
    s.rsa = &rsa();
    LoginFlow flow(std::move(s));
    CHECK(sent(flow.begin("app", sha2, scramble("secret"))) == Bytes{1, 4});
    if (asks) {
      const auto key = sent(flow.on_packet(Bytes{2}));
      CHECK(key[0] == 1);
      CHECK(base::chars_of(base::ByteView{key}.subspan(1)) == rsa().public_pem());
    }
    const auto cipher = protocol::sha2_encrypt(rsa().public_pem(), "secret", nonce_for_tests());
    REQUIRE(cipher);
    const auto action = past_rows(flow, flow.on_packet(*cipher));
    CHECK(verified(action).secret.view() == "secret");
  }
}

TEST_CASE("caching_sha2: what can't be a password is refused") {
  SECTION("in clear text, without a NUL, empty, too long") {
    for (const auto& bad : {Bytes{'x'}, Bytes{}, Bytes(20000, 0)}) {
      LoginFlow flow(setup(true));
      flow.begin("app", sha2, scramble("secret"));
      CHECK(refused(flow.on_packet(bad)) == 1043);
    }
  }
  SECTION("clear text without TLS, a damaged cipher, a huge one") {
    for (const auto& bad : {with_nul("secret"), Bytes(256, 7), Bytes(5000, 7), Bytes{}}) {
      auto s = setup();
      s.rsa = &rsa();
      LoginFlow flow(std::move(s));
      flow.begin("app", sha2, scramble("secret"));
      CHECK(refused(flow.on_packet(bad)) == 1043);
    }
  }
  SECTION("a first answer of another size") {
    LoginFlow flow(setup());
    CHECK(refused(flow.begin("app", sha2, Bytes(31, 7))) == 1043);
  }
  SECTION("no key to send") {
    LoginFlow flow(setup());
    flow.begin("app", sha2, scramble("secret"));
    CHECK(refused(flow.on_packet(Bytes{2})) == 1043);
  }
}

TEST_CASE("an empty password needs no exchange") {
  for (const auto* plugin : {sha2, ""}) {
    for (const auto& auth : {Bytes{}, Bytes{0}}) {
      LoginFlow flow(setup(true));
      const auto action = flow.begin("app", plugin, auth);
      CHECK(verified(action).secret.view().empty());
    }
  }
}

TEST_CASE("an empty answer of a plugin that was not greeted asks for a nonce") {
  for (const auto* plugin : {native, "sha256_password"}) {
    LoginFlow flow(setup(true));
    check_switch(flow.begin("app", plugin, {}), plugin);
    CHECK(verified(flow.on_packet(Bytes{0})).secret.view().empty());
  }
  auto s = setup(true);
  s.default_plugin = native;
  LoginFlow flow(std::move(s));
  check_switch(flow.begin("app", sha2, {}), sha2);
  CHECK(sent(flow.on_packet(scramble("secret"))) == Bytes{1, 4});
}

TEST_CASE("native: stage 1 is recovered from the row whose hash fits") {
  LoginFlow flow(setup());
  CHECK(is<login::LookUp>(flow.begin("app", native, native_answer("secret"))));
  const auto action =
      flow.on_rows(std::vector<AccountRow>{{native, stored("other")}, {sha2, "$A$005$x"}, {native, stored("secret")}});
  const auto stage1 = protocol::native_stage1("secret");
  CHECK(verified(action).kind == Account::Kind::native_stage1);
  CHECK(verified(action).secret.view() == base::chars_of(stage1));
}

TEST_CASE("native: the password that RETAIN CURRENT PASSWORD has kept fits too") {
  LoginFlow flow(setup());
  const auto action =
      past_rows(flow, flow.begin("app", native, native_answer("old")), {{native, stored("new"), stored("old"), false}});
  CHECK(verified(action).secret.view() == base::chars_of(protocol::native_stage1("old")));
}

TEST_CASE("native: a known password needs no rows over TLS") {
  for (const bool fits : {true, false}) {
    LoginFlow flow(setup(true, fits ? "secret" : "old"));
    const auto action = flow.begin("app", native, native_answer("secret"));
    CHECK(is<login::Verify>(action) == fits);
    CHECK(is<login::LookUp>(action) == !fits);
    CHECK(flow.used_known_password() == fits);
    CHECK_FALSE(flow.before_ok());
  }
}

TEST_CASE("native: a row of another plugin beside one whose password does not fit asks for the password") {
  LoginFlow flow(setup(true));
  check_switch(past_rows(flow, flow.begin("app", native, native_answer("secret")),
                         {{native, stored("other")}, {"ed25519", "x"}}),
               sha2);
  LoginFlow socket(setup(true));
  CHECK(is<login::Verify>(past_rows(socket, socket.begin("app", native, native_answer("secret")),
                                    {{native, stored("other")}, {"unix_socket", ""}})));
}

TEST_CASE("refused by one of several plugins, a native client is asked for the password, once") {
  LoginFlow flow(setup(true));
  past_rows(flow, flow.begin("app", native, native_answer("secret")), {{native, stored("other")}});
  auto again = flow.on_refused();
  REQUIRE(again);
  check_switch(*again, sha2);
  CHECK(sent(flow.on_packet(scramble("secret"))) == Bytes{1, 4});
  CHECK(verified(flow.on_packet(with_nul("secret"))).secret.view() == "secret");
  CHECK_FALSE(flow.on_refused());
  LoginFlow modern(setup(true));
  modern.begin("app", sha2, scramble("secret"));
  modern.on_packet(with_nul("secret"));
  CHECK_FALSE(modern.on_refused());
}

TEST_CASE("sha256_password is asked for where it is the account's own") {
  for (const bool secure : {true, false}) {
    auto s = setup(secure);
    s.rsa = &rsa();
    LoginFlow flow(std::move(s));
    check_switch(past_rows(flow, flow.begin("app", native, native_answer("secret")), {{"sha256_password", "$5$x"}}),
                 "sha256_password");
    if (secure) {
      CHECK(verified(flow.on_packet(with_nul("secret"))).secret.view() == "secret");
      continue;
    }
    CHECK(sent(flow.on_packet(Bytes{1})).size() > 200);
    const auto cipher = protocol::sha2_encrypt(rsa().public_pem(), "secret", nonce_for_tests());
    CHECK(verified(flow.on_packet(*cipher)).secret.view() == "secret");
  }
}

TEST_CASE("clear text is taken over TLS only") {
  LoginFlow secure(setup(true));
  CHECK(verified(secure.begin("app", "mysql_clear_password", with_nul("secret"))).secret.view() == "secret");
  LoginFlow later(setup(true));
  check_switch(later.begin("app", "mysql_clear_password", {}), "mysql_clear_password");
  CHECK(verified(later.on_packet(with_nul("secret"))).secret.view() == "secret");
  LoginFlow open(setup(false));
  check_switch(open.begin("app", "mysql_clear_password", with_nul("secret")), sha2);
}

TEST_CASE("REQUIRE SSL is kept towards clients without TLS, if all accounts of the name ask for it") {
  const AccountRow with{native, stored("secret"), "", true}, without{native, stored("secret"), "", false};
  LoginFlow all(setup());
  CHECK(refused(past_rows(all, all.begin("app", native, native_answer("secret")), {with, with})) == 1045);
  LoginFlow some(setup());
  CHECK(is<login::Verify>(past_rows(some, some.begin("app", native, native_answer("secret")), {with, without})));
  LoginFlow secure(setup(true));
  CHECK(is<login::Verify>(past_rows(secure, secure.begin("app", native, native_answer("secret")), {with, with})));
  LoginFlow known(setup(false, "secret"));
  const auto sha2_row = AccountRow{sha2, "$A$005$x", "", true};
  CHECK(refused(past_rows(known, known.begin("app", sha2, scramble("secret")), {sha2_row})) == 1045);
}

std::string denied(const login::Action& action) {
  REQUIRE(is<login::Refuse>(action));
  return std::get<login::Refuse>(action).error.message;
}

TEST_CASE("accounts.source: file: the flow decides itself, and never asks for rows") {
  const auto listed = [](std::string_view plugin, Bytes auth, bool secure = false) {
    auto s = setup(secure);
    s.listed = true;
    s.host = "10.0.0.9";
    s.rsa = &rsa();
    s.default_plugin = std::string(plugin);
    s.known = [](std::string_view user) -> AccountPtr {
      return user == "app" ? std::make_shared<Account>("app", Account::Kind::clear, "secret") : nullptr;
    };
    LoginFlow flow(std::move(s));
    auto action = flow.begin("app", plugin, std::move(auth));
    CHECK(flow.before_ok().has_value() == (is<login::Verify>(action) && plugin == sha2));
    return action;
  };
  CHECK(verified(listed(sha2, scramble("secret"))).secret.view() == "secret");
  CHECK(verified(listed(native, native_answer("secret"))).secret.view() == "secret");
  CHECK(verified(listed("", native_answer("secret"))).secret.view() == "secret");
  CHECK(verified(listed("mysql_clear_password", with_nul("secret"), true)).secret.view() == "secret");
  CHECK(denied(listed(sha2, scramble("wrong"))) == "Access denied for user 'app'@'10.0.0.9' (using password: YES)");
  CHECK(denied(listed(native, native_answer("wrong"))) ==
        "Access denied for user 'app'@'10.0.0.9' (using password: YES)");
  CHECK(denied(listed(native, {})) == "Access denied for user 'app'@'10.0.0.9' (using password: NO)");
  CHECK(denied(listed("mysql_clear_password", with_nul("wrong"), true)) ==
        "Access denied for user 'app'@'10.0.0.9' (using password: YES)");
  check_switch(listed("mysql_clear_password", with_nul("secret"), false), sha2);
  check_switch(listed("client_ed25519", Bytes(64, 1)), sha2);
  CHECK(refused(listed(sha2, Bytes(20, 1))) == 1043);
}

TEST_CASE("accounts.source: file: an unknown user is refused like a wrong password") {
  auto s = setup();
  s.listed = true;
  s.host = "localhost";
  LoginFlow flow(std::move(s));
  CHECK(denied(flow.begin("nobody", sha2, scramble("x"))) ==
        "Access denied for user 'nobody'@'localhost' (using password: YES)");
}

TEST_CASE("a client from before plugins can't be asked again") {
  auto s = setup();
  s.can_switch = false;
  LoginFlow flow(std::move(s));
  CHECK(refused(past_rows(flow, flow.begin("app", "", native_answer("x")), {{sha2, "$A$005$x"}})) == 1251);
}

TEST_CASE("native: a wrong password or an unknown user goes to the primary with an account that can't be right") {
  for (const auto& rows : {std::vector<AccountRow>{}, std::vector<AccountRow>{{native, stored("other")}},
                           std::vector<AccountRow>{{native, "junk"}}}) {
    LoginFlow flow(setup());
    flow.begin("app", native, native_answer("secret"));
    const auto action = flow.on_rows(rows);
    CHECK(verified(action).secret.view() != base::chars_of(protocol::native_stage1("secret")));
  }
}

TEST_CASE("native: accounts of other plugins, or rows that can't be read, switch to caching_sha2") {
  for (const bool readable : {true, false}) {
    LoginFlow flow(setup(true));
    flow.begin("app", native, native_answer("secret"));
    check_switch(readable ? flow.on_rows(std::vector<AccountRow>{{sha2, "$A$005$x"}}) : flow.on_rows(std::nullopt),
                 sha2);
    CHECK(sent(flow.on_packet(scramble("secret"))) == Bytes{1, 4});
    const auto action = flow.on_packet(with_nul("secret"));
    CHECK(verified(action).secret.view() == "secret");
  }
}

TEST_CASE("an unknown plugin is switched, once") {
  LoginFlow flow(setup(true));
  check_switch(flow.begin("app", "dialog", Bytes{1, 2, 3}), sha2);
  CHECK(refused(flow.on_packet(Bytes{1, 2, 3})) == 1043);
}

TEST_CASE("COM_CHANGE_USER asks anew, by the plugin that the account needs") {
  const auto begun = [](LoginFlow& flow, std::string_view plugin, std::vector<AccountRow> rows) {
    auto action = flow.begin_again("other", plugin);
    CHECK(flow.user() == "other");
    return past_rows(flow, std::move(action), std::move(rows));
  };
  auto s = setup(true);
  s.default_plugin = native;
  LoginFlow flow(std::move(s));
  const std::vector<AccountRow> native_row{{native, stored("secret")}};
  SECTION("native: the rows are known by then") {
    check_switch(begun(flow, native, native_row), native);
    CHECK(verified(flow.on_packet(native_answer("secret"))).kind == Account::Kind::native_stage1);
  }
  SECTION("native, with a nonsensical answer") {
    begun(flow, native, native_row);
    CHECK(refused(flow.on_packet(Bytes(7, 1))) == 1043);
  }
  SECTION("native, with an empty password") {
    begun(flow, native, native_row);
    CHECK(verified(flow.on_packet({})).secret.view().empty());
  }
  SECTION("an unknown user") { check_switch(begun(flow, native, {}), native); }
  SECTION("an account of another plugin") { check_switch(begun(flow, native, {{"ed25519", "x"}}), sha2); }
  SECTION("an account of sha256_password") {
    check_switch(begun(flow, native, {{"sha256_password", "x"}}), "sha256_password");
  }
  SECTION("several accounts of the name") {
    check_switch(begun(flow, native, {{"ed25519", "x"}, {native, stored("x")}}), native);
  }
  SECTION("caching_sha2 asks for no rows") {
    LoginFlow modern(setup(true));
    check_switch(modern.begin_again("other", sha2), sha2);
    CHECK(sent(modern.on_packet(scramble("secret"))) == Bytes{1, 4});
  }
}

TEST_CASE("a packet that nobody waits for is refused") {
  LoginFlow fresh(setup());
  CHECK(refused(fresh.on_packet(Bytes{1})) == 1047);
  LoginFlow rows(setup());
  rows.begin("app", native, native_answer("x"));
  CHECK(refused(rows.on_packet(Bytes{1})) == 1047);
  LoginFlow done(setup(true));
  done.begin("app", sha2, {});
  CHECK(refused(done.on_packet(Bytes{1})) == 1047);
}

}  // namespace
}  // namespace wye::session
