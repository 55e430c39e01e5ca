#include "proxy/net/tls.h"

#include <openssl/ssl.h>
#include <sys/stat.h>

#include <csignal>

#include "tests/unit/catch.h"
#include "tests/unit/net/pair.h"
#include "tests/unit/net/turn.h"

namespace wye::net {
namespace {

using test::Pair;
using test::run_until;

/// One key pair for all tests: making it takes longer than they do.
struct Contexts {
  Contexts() {
    std::signal(SIGPIPE, SIG_IGN);  // as wye does: OpenSSL writes without MSG_NOSIGNAL
    server = server_tls("", "", folder.path(), error);
    client = client_tls("", error);
    verifying = client_tls(folder.path() + "/tls.cert.pem", error);
  }
  test::TemporaryFolder folder;
  std::string error;
  TlsContext server, client, verifying;
};

Contexts& contexts() {
  static Contexts all;
  return all;
}

std::string pattern(std::size_t size) {
  std::string text(size, ' ');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + (i * 7 + i / 251) % 26);
  return text;
}

struct Secured {
  Secured() : pair(loop) {
    REQUIRE(contexts().server != nullptr);
    REQUIRE(contexts().client != nullptr);
    pair.right->start_tls(contexts().server.get(), true);
    pair.left->start_tls(contexts().client.get(), false);
    REQUIRE(run_until(loop, [&] { return pair.left_owner.secured == 1 && pair.right_owner.secured == 1; }));
  }
  Loop loop;
  Pair pair;
};

TEST_CASE("a self-signed certificate is made once, its key for the owner only") {
  auto& all = contexts();
  REQUIRE(all.server != nullptr);
  struct stat info {};
  REQUIRE(::stat((all.folder.path() + "/tls.key.pem").c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0600);
  const auto made = info.st_mtim;
  std::string error;
  CHECK(server_tls("", "", all.folder.path(), error) != nullptr);
  REQUIRE(::stat((all.folder.path() + "/tls.key.pem").c_str(), &info) == 0);
  CHECK(made.tv_sec == info.st_mtim.tv_sec);
  CHECK(made.tv_nsec == info.st_mtim.tv_nsec);
}

TEST_CASE("contexts say what they can't use") {
  std::string error;
  CHECK(server_tls("/nonexistent/cert.pem", "/nonexistent/key.pem", "", error) == nullptr);
  CHECK(error.substr(0, 33) == "cannot use /nonexistent/cert.pem:");
  CHECK(server_tls("", "", "/nonexistent", error) == nullptr);
  CHECK(error == "cannot make a self-signed certificate in /nonexistent");
  CHECK(client_tls("/nonexistent/ca.pem", error) == nullptr);
}

TEST_CASE("a handshake between two streams, then bytes both ways") {
  Secured s;
  CHECK(s.pair.left->secure());
  CHECK(s.pair.left->tls_version() == "TLSv1.3");
  s.pair.left->write(base::bytes_of("ping"));
  s.pair.right_owner.bytes_came = [&] { s.pair.right->write(base::bytes_of("pong")); };
  REQUIRE(run_until(s.loop, [&] { return s.pair.left_owner.got == "pong"; }));
  CHECK(s.pair.right_owner.got == "ping");
}

TEST_CASE(
    "what is written ahead of the handshake's end is encrypted and goes out after it; what is before it is clear") {
  Loop loop;
  Pair pair(loop);
  bool secured = false;
  pair.right->limit_reads(7);
  pair.right_owner.bytes_came = [&] {
    if (!std::exchange(secured, true)) pair.right->start_tls(contexts().server.get(), true);
  };
  pair.left->write(base::bytes_of("request"));  // as SSLRequest: the same turn goes on with TLS
  pair.left->start_tls(contexts().client.get(), false);
  pair.left->write(base::bytes_of("login"));
  REQUIRE(run_until(loop, [&] { return pair.right_owner.got == "requestlogin"; }));
  CHECK(pair.right_owner.secured == 1);
  CHECK(pair.right_owner.reads == 2);
}

TEST_CASE("back-pressure under TLS") {
  Secured s;
  auto& [left_owner, right_owner, left, right] = s.pair;
  right->pause_reading();
  const std::string text = pattern(4 * Stream::high_water);
  left->write(base::bytes_of(text));
  test::settle(s.loop);
  CHECK(left->congested());
  CHECK(right_owner.got.empty());
  right->resume_reading();
  REQUIRE(run_until(s.loop, [&] { return right_owner.got.size() == text.size(); }));
  CHECK((right_owner.got == text));
  CHECK(left_owner.drained == 1);
}

TEST_CASE("pausing in the middle of what TLS holds loses nothing and delivers nothing while paused") {
  Secured s;
  auto& [left_owner, right_owner, left, right] = s.pair;
  const std::string text = pattern(300'000);
  std::size_t seen = 0;
  right_owner.bytes_came = [&] { right->pause_reading(); };
  left->write(base::bytes_of(text));
  while (right_owner.got.size() < text.size()) {
    REQUIRE(run_until(s.loop, [&] { return right_owner.got.size() > seen; }));
    seen = right_owner.got.size();
    test::settle(s.loop);
    REQUIRE(right_owner.got.size() == seen);
    right->resume_reading();
  }
  CHECK((right_owner.got == text));
}

TEST_CASE("a read limit under TLS leaves nothing lying in the library") {
  Secured s;
  const std::string text = pattern(40'000);
  s.pair.left->write(base::bytes_of(text));
  REQUIRE(run_until(s.loop, [&] { return s.pair.right_owner.got.size() == text.size(); }));
  CHECK((s.pair.right_owner.got == text));
}

TEST_CASE("close_after_flush under TLS sends all, and the peer sees a close") {
  Secured s;
  const std::string text = pattern(2 * Stream::high_water);
  s.pair.left->write(base::bytes_of(text));
  s.pair.left->close_after_flush();
  REQUIRE(run_until(s.loop, [&] { return !s.pair.right_owner.closed.empty(); }));
  CHECK((s.pair.right_owner.got == text));
  CHECK(s.pair.right_owner.closed == "closed by peer");
}

TEST_CASE("a last word under TLS is sent by close()") {
  Secured s;
  s.pair.left->write(base::bytes_of("bye"));
  s.pair.left->close();
  REQUIRE(run_until(s.loop, [&] { return !s.pair.right_owner.closed.empty(); }));
  CHECK(s.pair.right_owner.got == "bye");
}

TEST_CASE("a peer that speaks no TLS fails the handshake") {
  Loop loop;
  Pair pair(loop);
  pair.right->start_tls(contexts().server.get(), true);
  pair.left->write(base::bytes_of("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
  REQUIRE(run_until(loop, [&] { return !pair.right_owner.closed.empty(); }));
  CHECK(pair.right_owner.closed.substr(0, 22) == "TLS handshake failed: ");
  CHECK(pair.right_owner.got.empty());
}

TEST_CASE("a peer that goes away during the handshake") {
  Loop loop;
  Pair pair(loop);
  pair.right->start_tls(contexts().server.get(), true);
  pair.left->close();
  REQUIRE(run_until(loop, [&] { return !pair.right_owner.closed.empty(); }));
  CHECK(pair.right_owner.secured == 0);
}

TEST_CASE("verification: a certificate that nobody signed, and one of another name, are refused") {
  Loop loop;
  Pair pair(loop);
  const bool known = GENERATE(false, true);  // the certificate itself is trusted, but it names no host
  auto* context = (known ? contexts().verifying : contexts().client).get();
  REQUIRE(context != nullptr);
  pair.right->start_tls(contexts().server.get(), true);
  pair.left->start_tls(context, false, "127.0.0.1");
  REQUIRE(run_until(loop, [&] { return !pair.left_owner.closed.empty(); }));
  CHECK(pair.left_owner.closed ==
        std::string("TLS handshake failed: ") + (known ? "IP address mismatch" : "self-signed certificate"));
  CHECK(pair.left_owner.secured == 0);
}

/// One handshake between `client` and `server`; what the two sides said of it.
struct Shake {
  std::string left, right;  // why each was closed; empty: it was not
  bool resumed = false;
};
Shake shake(ssl_ctx_st* client, ssl_ctx_st* server, const std::shared_ptr<TlsSession>& session) {
  Loop loop;
  Pair pair(loop);
  pair.right->start_tls(server, true);
  pair.left->start_tls(client, false, {}, session);
  // In TLS 1.3 a client is done before it hears what the server thinks, and tickets come behind the handshake.
  pair.left->write(base::bytes_of("hello"));
  pair.right_owner.bytes_came = [&] { pair.right->write(base::bytes_of("hello")); };
  REQUIRE(run_until(loop, [&] { return !pair.left_owner.got.empty() || !pair.left_owner.closed.empty(); }));
  CHECK(pair.left->tls_resumed() == pair.right->tls_resumed());
  return {pair.left_owner.closed, pair.right_owner.closed, pair.left->tls_resumed()};
}

TEST_CASE("the next connection resumes the last session") {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    std::string error;
    const auto client = client_tls("", error);
    REQUIRE(client != nullptr);
    SSL_CTX_set_max_proto_version(client.get(), version);
    const auto session = std::make_shared<TlsSession>(), other = std::make_shared<TlsSession>();
    CHECK_FALSE(shake(client.get(), contexts().server.get(), session).resumed);
    CHECK(shake(client.get(), contexts().server.get(), session).resumed);
    CHECK(shake(client.get(), contexts().server.get(), session).resumed);
    CHECK_FALSE(shake(client.get(), contexts().server.get(), other).resumed);
    CHECK_FALSE(shake(client.get(), contexts().server.get(), nullptr).resumed);
    // A server that was restarted, or has read its certificates again.
    const auto renewed = server_tls("", "", contexts().folder.path(), error);
    const auto after = shake(client.get(), renewed.get(), session);
    CHECK(after.left.empty());
    CHECK_FALSE(after.resumed);
    CHECK(shake(client.get(), renewed.get(), session).resumed);
    session->replace(nullptr);
    CHECK_FALSE(shake(client.get(), renewed.get(), session).resumed);
  }
}

TEST_CASE("client certificates: required, optional, and those of others") {
  const std::string& folder = contexts().folder.path();
  test::TemporaryFolder elsewhere;
  std::string error;
  REQUIRE(server_tls("", "", elsewhere.path(), error) != nullptr);  // makes another certificate
  const auto with = [&](const std::string& where) {
    auto client = client_tls("", error);
    REQUIRE(SSL_CTX_use_certificate_file(client.get(), (where + "/tls.cert.pem").c_str(), SSL_FILETYPE_PEM) == 1);
    REQUIRE(SSL_CTX_use_PrivateKey_file(client.get(), (where + "/tls.key.pem").c_str(), SSL_FILETYPE_PEM) == 1);
    return client;
  };
  const auto right = with(folder), wrong = with(elsewhere.path());
  const auto required = server_tls("", "", folder, error, {folder + "/tls.cert.pem", true});
  const auto optional = server_tls("", "", folder, error, {folder + "/tls.cert.pem", false});
  REQUIRE(required != nullptr);
  REQUIRE(optional != nullptr);
  const auto session = std::make_shared<TlsSession>();
  CHECK(shake(right.get(), required.get(), session).right.empty());
  CHECK(shake(right.get(), required.get(), session).resumed);
  CHECK(shake(contexts().client.get(), required.get(), nullptr).right ==
        "TLS handshake failed: peer did not return a certificate");
  CHECK(shake(wrong.get(), required.get(), nullptr).right == "TLS handshake failed: self-signed certificate");
  CHECK(shake(right.get(), optional.get(), nullptr).right.empty());
  CHECK(shake(contexts().client.get(), optional.get(), nullptr).right.empty());
  CHECK(shake(wrong.get(), optional.get(), nullptr).right == "TLS handshake failed: self-signed certificate");
}

TEST_CASE("authorities that are none, and when a certificate ends") {
  std::string error;
  const std::string& folder = contexts().folder.path();
  CHECK(server_tls("", "", folder, error, {folder + "/tls.key.pem", true}) == nullptr);
  CHECK(error.substr(0, 11) == "cannot use ");
  CHECK(expires(contexts().server).ends_with(" GMT"));
  CHECK(expires(contexts().client).empty());
}

}  // namespace
}  // namespace wye::net
