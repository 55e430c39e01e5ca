// Backend's login against a scripted server.
#include <csignal>

#include "proxy/net/tls.h"
#include "tests/unit/pool/backend_support.h"

namespace wye::pool {
namespace {

using test::Connected;
using test::run_until;
using How = test::ScriptedServer::How;
using Tls = BackendOptions::Tls;

struct Keys {
  Keys() {
    std::signal(SIGPIPE, SIG_IGN);  // as wye does
    server = net::server_tls("", "", folder.path(), error);
    client = net::client_tls("", error);
    rsa = protocol::RsaKey::make();
  }
  test::TemporaryFolder folder;
  std::string error;
  net::TlsContext server, client;
  std::unique_ptr<protocol::RsaKey> rsa;
};
Keys& keys() {
  static Keys all;
  return all;
}

void offer_tls(Connected& c, Tls tls = Tls::preferred) {
  c.server.tls = keys().server.get();
  c.server.greeting.capabilities |= protocol::cap::ssl;
  c.options = {tls, keys().client, {}};
}
/// Starts and waits for the end, either way.
void try_login(Connected& c) {
  c.start();
  REQUIRE(run_until(c.loop, [&] { return !c.holder.ready.empty() || !c.holder.lost.empty(); }));
}

TEST_CASE("native: with the password, and with stage 1 alone") {
  Connected c;
  c.server.greeting.plugin = "mysql_native_password";
  if (GENERATE(false, true)) {
    const auto stage1 = protocol::native_stage1("secret");
    c.key.account =
        std::make_shared<protocol::Account>("app", protocol::Account::Kind::native_stage1, base::chars_of(stage1));
  }
  c.ready("shop");
  const auto& login = c.server.last().login;
  CHECK(login.user == "app");
  CHECK(login.schema == "shop");
  CHECK(login.plugin == "mysql_native_password");
  CHECK(login.collation == 45);
  CHECK((login.capabilities & protocol::cap::session_track) != 0);
  CHECK((login.capabilities & protocol::cap::multi_statements) == 0);
  CHECK(c.backend->state().schema == "shop");
  CHECK(c.backend->deprecate_eof());
  CHECK(c.backend->idle());
}

TEST_CASE("the client's flags and what the server lacks decide the capabilities") {
  Connected c;
  c.server.greeting.plugin = "mysql_native_password";
  c.server.greeting.capabilities &= ~protocol::cap::deprecate_eof;
  c.key.client_flags = protocol::cap::found_rows | protocol::cap::multi_statements;
  c.key.collation = 8;
  c.ready();
  const auto& login = c.server.last().login;
  CHECK((login.capabilities & protocol::cap::found_rows) != 0);
  CHECK((login.capabilities & protocol::cap::multi_statements) != 0);
  CHECK((login.capabilities & protocol::cap::connect_with_db) == 0);
  CHECK(login.collation == 8);
  CHECK_FALSE(c.backend->deprecate_eof());
}

TEST_CASE("caching_sha2: the fast path") {
  Connected c;
  c.server.how = How::sha2_fast;
  c.ready();
  CHECK_FALSE(c.server.last().ssl_requested);
}

TEST_CASE("caching_sha2: full authentication by the server's RSA key") {
  Connected c;
  c.server.how = How::sha2_full;
  c.server.rsa = keys().rsa.get();
  c.ready();
  CHECK(c.server.last().asked_key);
  CHECK(base::chars_of(c.server.last().clear) == std::string("secret") + '\0');
}

TEST_CASE("caching_sha2: a key that is none") {
  Connected c;
  c.server.how = How::silent;
  c.start();
  REQUIRE(run_until(c.loop, [&] { return !c.server.connections.empty(); }));
  base::Bytes payload;
  protocol::write_greeting(payload, c.server.greeting);
  c.server.last().send(0, payload);
  base::Bytes nonsense{1};
  base::append(nonsense, base::bytes_of("-----BEGIN PUBLIC KEY-----\nnonsense"));
  c.server.last().send(2, nonsense);
  REQUIRE(run_until(c.loop, [&] { return !c.holder.lost.empty(); }));
  CHECK(c.holder.error->code == 2027);
}

TEST_CASE("caching_sha2: full authentication over TLS is clear text inside it") {
  Connected c;
  c.server.how = How::sha2_full;
  offer_tls(c, GENERATE(Tls::preferred, Tls::required));
  c.ready();
  CHECK(c.server.last().ssl_requested);
  CHECK(c.server.last().stream->secure());
  CHECK_FALSE(c.server.last().asked_key);
  CHECK(base::chars_of(c.server.last().clear) == std::string("secret") + '\0');
}

TEST_CASE("AuthSwitch: plugins that want the password in clear get it, over TLS") {
  Connected c;
  c.server.how = How::sha2_full;
  c.server.switch_to = GENERATE("mysql_clear_password", "dialog", "sha256_password");
  offer_tls(c);
  c.ready();
  CHECK(base::chars_of(c.server.last().clear) == std::string("secret") + '\0');
}

TEST_CASE("a second factor, or a second question, is refused with a reason") {
  Connected c;
  c.server.how = How::silent;
  c.start();
  REQUIRE(run_until(c.loop, [&] { return !c.server.connections.empty(); }));
  base::Bytes payload;
  protocol::write_greeting(payload, c.server.greeting);
  c.server.last().send(0, payload);
  const std::uint8_t head = GENERATE(std::uint8_t{0x02}, std::uint8_t{0x04});
  c.server.last().send(2, base::Bytes{head, 'x', 0});
  REQUIRE(run_until(c.loop, [&] { return !c.holder.lost.empty(); }));
  CHECK(c.holder.error->code == 1251);
  CHECK(c.holder.said_so);
}

TEST_CASE("AuthSwitch: to another plugin, with a nonce of its own") {
  Connected c;
  SECTION("native") {
    c.server.how = How::native;
    c.server.switch_to = "mysql_native_password";
  }
  SECTION("caching_sha2") {
    c.server.how = How::sha2_fast;
    c.server.greeting.plugin = "mysql_native_password";
    c.server.switch_to = "caching_sha2_password";
  }
  c.ready();
  CHECK(c.server.last().switched);
}

TEST_CASE("AuthSwitch to what wye can't speak for the client") {
  Connected c;
  SECTION("an unknown plugin") { c.server.switch_to = "auth_gssapi_client"; }
  SECTION("clear text without TLS") { c.server.switch_to = "mysql_clear_password"; }
  SECTION("PAM's dialog without TLS") { c.server.switch_to = "dialog"; }
  try_login(c);
  CHECK(c.holder.error->code == 1251);
  CHECK(c.holder.said_so);  // final: trying again would not help
  CHECK(c.backend->dead());
}

TEST_CASE("stage 1 alone can't answer caching_sha2: the server may ask to switch to native") {
  Connected c;
  const auto stage1 = protocol::native_stage1("secret");
  c.key.account =
      std::make_shared<protocol::Account>("app", protocol::Account::Kind::native_stage1, base::chars_of(stage1));
  c.server.switch_to = "mysql_native_password";
  c.ready();
  CHECK(c.server.last().login.auth.empty());
}

TEST_CASE("the server's refusal is passed on in its own words") {
  Connected c;
  c.server.how = How::refuse;
  try_login(c);
  CHECK(c.holder.said_so);
  CHECK(c.holder.error->code == 1045);
  CHECK(c.holder.error->state == "42000");
  CHECK(c.holder.error->message == "Access denied");
}

TEST_CASE("an ERR instead of the greeting") {
  Connected c;
  c.server.how = How::silent;
  c.start();
  REQUIRE(run_until(c.loop, [&] { return !c.server.connections.empty(); }));
  base::Bytes payload{0xff, 0x10, 0x04};
  base::append(payload, base::bytes_of("Too many connections"));
  c.server.last().send(0, payload);
  REQUIRE(run_until(c.loop, [&] { return !c.holder.lost.empty(); }));
  CHECK(c.holder.said_so);
  CHECK(c.holder.error->code == 1040);
  CHECK(c.holder.error->message == "Too many connections");
  CHECK(c.holder.error->state == "HY000");
}

TEST_CASE("TLS that was asked for and is not offered") {
  Connected c;
  c.options = {GENERATE(Tls::required, Tls::verify), keys().client, {}};
  try_login(c);
  CHECK(c.holder.error->code == 2012);
  CHECK(c.server.last().login.user.empty());  // nothing of the account was sent
}

TEST_CASE("TLS with a certificate that nobody signed: fine for required, not for verify") {
  Connected c;
  offer_tls(c, Tls::verify);
  try_login(c);
  CHECK(c.holder.error->code == 2003);
  CHECK(c.server.last().login.user.empty());
}

TEST_CASE("TLS off ignores the offer") {
  Connected c;
  c.server.greeting.plugin = "mysql_native_password";
  offer_tls(c, Tls::off);
  c.server.tls = nullptr;
  c.ready();
  CHECK_FALSE(c.server.last().ssl_requested);
}

TEST_CASE("bytes that someone put behind the greeting, ahead of TLS, are not taken for the server's") {
  Connected c;
  offer_tls(c);
  protocol::write_packet(c.server.behind_greeting, 2, GENERATE(test::ok_payload(), base::Bytes{1, 4}, base::Bytes{7}));
  try_login(c);
  CHECK(c.holder.ready.empty());
  CHECK(c.holder.error->code == 2027);
}

TEST_CASE("bytes behind the login's OK were not asked for") {
  Connected c;
  c.server.greeting.plugin = "mysql_native_password";
  protocol::write_packet(c.server.behind_ok, 0, test::err_payload(1053, "Server shutdown in progress"));
  c.server.behind_ok.resize(c.server.behind_ok.size() - GENERATE(0U, 5U));  // also when cut
  c.start();
  REQUIRE(run_until(c.loop, [&] { return !c.holder.lost.empty(); }));
  CHECK(c.holder.error->code == 2027);
}

TEST_CASE("the login's packets cut anywhere") {
  Connected c;
  c.server.how = How::silent;
  c.start();
  REQUIRE(run_until(c.loop, [&] { return !c.server.connections.empty(); }));
  base::Bytes payload, framed;
  c.server.greeting.plugin = "mysql_native_password";
  protocol::write_greeting(payload, c.server.greeting);
  protocol::write_packet(framed, 0, payload);
  test::settle(c.loop);
  for (const auto byte : framed) c.feed({byte});
  framed.clear();
  protocol::write_packet(framed, 2, test::ok_payload());
  for (const auto byte : framed) {
    CHECK(c.holder.ready.empty());
    c.feed({byte});
  }
  CHECK(c.holder.ready.size() == 1);
}

TEST_CASE("nonsense during the login ends it") {
  for (const auto& bytes :
       {test::hex("00000000"), test::hex("05000000 0a39000000"), test::hex("ffffff00"), test::hex("01000000 ff")}) {
    Connected c;
    c.server.how = How::silent;
    c.start();
    REQUIRE(run_until(c.loop, [&] { return !c.server.connections.empty(); }));
    test::settle(c.loop);
    c.feed(bytes);
    REQUIRE(c.holder.lost.size() == 1);
    CHECK(c.holder.error->code == 2027);
    CHECK_FALSE(c.holder.said_so);
  }
}

TEST_CASE("a server that closes, one that is not there, one whose address is a name") {
  SECTION("closes") {
    Connected c;
    c.server.how = How::silent;
    c.start();
    REQUIRE(run_until(c.loop, [&] { return !c.server.connections.empty(); }));
    c.server.last().stream->close();
    REQUIRE(run_until(c.loop, [&] { return !c.holder.lost.empty(); }));
    CHECK(c.holder.error->code == 2003);
    CHECK(c.holder.error->message == "Can't connect to server db1 (closed by peer)");
  }
  SECTION("unreachable at once: still told by the loop, not from inside open()") {
    Connected c;
    auto server = c.server.as_server();
    server.address.host = "db1.example.com";
    c.backend = std::make_unique<Backend>(c.loop, server, c.key, c.options, "");
    c.backend->open(c.holder);
    CHECK(c.holder.lost.empty());
    REQUIRE(run_until(c.loop, [&] { return !c.holder.lost.empty(); }));
    CHECK(c.holder.error->code == 2003);
  }
}

TEST_CASE("closing during the login tells nobody") {
  Connected c;
  c.start();
  c.backend->close();
  test::settle(c.loop);
  CHECK(c.backend->dead());
  CHECK(c.holder.ready.empty());
  CHECK(c.holder.lost.empty());
}

TEST_CASE("a holder may give the connection up in its callback") {
  Connected c;
  c.server.greeting.plugin = "mysql_native_password";
  c.holder.when_ready = [](Backend& b) { b.close(); };
  try_login(c);
  CHECK(c.backend->dead());
  REQUIRE(run_until(c.loop, [&] { return c.server.last().closed; }));
  CHECK(c.server.last().commands == std::vector<base::Bytes>{{0x01}});  // QUIT
}

}  // namespace
}  // namespace wye::pool
