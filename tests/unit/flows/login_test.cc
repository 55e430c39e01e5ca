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
  LoginFlow flow(setup(false, "secret"));
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
    const auto action = flow.on_packet(*cipher);
    CHECK(verified(action).secret.view() == "secret");
  }
}

TEST_CASE("caching_sha2: what can't be a password is refused") {
  SECTION("in clear text, without a NUL, empty, too long") {
    for (const auto& bad : {Bytes{'x'}, Bytes{}, Bytes(5000, 0)}) {
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
  for (const auto* plugin : {sha2, native, ""}) {
    for (const auto& auth : {Bytes{}, Bytes{0}}) {
      LoginFlow flow(setup());
      const auto action = flow.begin("app", plugin, auth);
      CHECK(verified(action).secret.view().empty());
    }
  }
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

TEST_CASE("native: a wrong password or an unknown user goes to the primary with an account that can't be right") {
  for (const auto& rows : {std::vector<AccountRow>{}, std::vector<AccountRow>{{native, stored("other")}},
                           std::vector<AccountRow>{{native, "junk"}}}) {
    LoginFlow flow(setup());
    flow.begin("app", native, native_answer("secret"));
    const auto action = flow.on_rows(rows);
    CHECK(verified(action).secret.view().size() == 20);
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

TEST_CASE("COM_CHANGE_USER asks anew for either plugin") {
  LoginFlow flow(setup(true));
  SECTION("native") {
    check_switch(flow.begin_again("other", native), native);
    CHECK(is<login::LookUp>(flow.on_packet(native_answer("secret"))));
    CHECK(flow.user() == "other");
  }
  SECTION("native, with a nonsensical answer") {
    flow.begin_again("other", native);
    CHECK(refused(flow.on_packet(Bytes(7, 1))) == 1043);
  }
  SECTION("native, with an empty password") {
    flow.begin_again("other", native);
    CHECK(verified(flow.on_packet({})).secret.view().empty());
  }
  SECTION("caching_sha2") {
    check_switch(flow.begin_again("other", sha2), sha2);
    CHECK(sent(flow.on_packet(scramble("secret"))) == Bytes{1, 4});
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
