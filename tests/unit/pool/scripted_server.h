#pragma once
#include <netinet/in.h>
#include <sys/socket.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "proxy/net/listener.h"
#include "proxy/net/stream.h"
#include "proxy/protocol/auth.h"
#include "proxy/protocol/handshake.h"
#include "proxy/protocol/ok_packet.h"
#include "proxy/protocol/secret.h"
#include "replication/topology/topology.h"
#include "tests/unit/catch.h"

namespace wye::test {

using base::Bytes;
using base::ByteView;

inline Bytes ok_payload(std::uint16_t status = protocol::status::autocommit) {
  Bytes out;
  protocol::OkInfo ok;
  ok.status = status;
  protocol::write_ok(out, ok, {false, true});
  return out;
}
inline Bytes err_payload(std::uint16_t code, std::string_view text) {
  Bytes out;
  protocol::write_err(out, {code, "42000", text});
  return out;
}

/// A MySQL server as a script: greets, checks the login by `how`, then answers commands as the test says. In the test's
/// own loop.
class ScriptedServer {
 public:
  enum class How { native, sha2_fast, sha2_full, refuse, silent };
  struct Connection final : net::StreamOwner {
    explicit Connection(ScriptedServer& s) : server(s) {}
    void on_bytes(std::span<std::uint8_t> bytes) override {
      in.append(bytes);
      for (;;) {
        const auto framed = protocol::next_packet(in.data(), 1 << 20);
        const auto* packet = std::get_if<protocol::Packet>(&framed);
        if (packet == nullptr) return;
        const Bytes payload(packet->payload.begin(), packet->payload.end());
        const auto sequence = packet->sequence;
        in.consume(packet->consumed);
        server.on_packet(*this, sequence, payload);
      }
    }
    void on_closed(const char*) override { closed = true; }
    void send(std::uint8_t sequence, ByteView payload) const {
      Bytes framed;
      protocol::write_packet(framed, sequence, payload);
      stream->write(framed);
    }
    ScriptedServer& server;
    std::unique_ptr<net::Stream> stream;
    base::Buffer in;
    std::vector<Bytes> commands;
    protocol::Login login;
    Bytes clear;  // the password, where the client sent it
    bool ssl_requested = false, logged_in = false, asked_key = false, switched = false, closed = false;
  };

  explicit ScriptedServer(net::Loop& loop) : loop_(loop) {
    std::string error;
    const int fd = net::listen_tcp("127.0.0.1:0", error);
    REQUIRE(fd >= 0);
    sockaddr_in in{};
    socklen_t size = sizeof in;
    REQUIRE(::getsockname(fd, reinterpret_cast<sockaddr*>(&in), &size) == 0);
    port = ntohs(in.sin_port);
    listener_ = std::make_unique<net::Listener>(loop, fd, [this](int client) { accept(client); });
    greeting.server_version = "9.7.4";
    greeting.capabilities = 0xffffffffU & ~protocol::cap::ssl & ~protocol::cap::compress;
    greeting.nonce = protocol::make_nonce();
    greeting.plugin = "caching_sha2_password";
  }

  topology::Server as_server(const std::string& name = "db1") const {
    topology::Server s;
    s.name = name;
    s.address = {"127.0.0.1", port, "", ""};
    return s;
  }
  Connection& last() { return *connections.back(); }
  std::size_t open() const {
    std::size_t n = 0;
    for (const auto& c : connections) n += c->closed ? 0U : 1U;
    return n;
  }

  std::uint16_t port = 0;
  protocol::Greeting greeting;
  How how = How::native;
  std::string password = "secret";
  std::string switch_to;  // ask to switch to this plugin first
  const protocol::RsaKey* rsa = nullptr;
  ssl_ctx_st* tls = nullptr;
  Bytes behind_greeting, behind_ok;  // sent in the same write
  std::function<Bytes(const Bytes& command)> answer = [](const Bytes&) { return ok_payload(); };  // empty: nothing
  std::vector<std::unique_ptr<Connection>> connections;

 private:
  void accept(int fd) {
    connections.push_back(std::make_unique<Connection>(*this));
    auto& c = *connections.back();
    c.stream = std::make_unique<net::Stream>(loop_, fd, c);
    if (tls != nullptr) c.stream->limit_reads(36);
    if (how == How::silent) return;
    Bytes payload;
    protocol::write_greeting(payload, greeting);
    c.send(0, payload);
    if (!behind_greeting.empty()) c.stream->write(behind_greeting);
  }

  void on_packet(Connection& c, std::uint8_t sequence, const Bytes& payload) {
    if (c.logged_in) {
      c.commands.push_back(payload);
      if (payload[0] == 0x01) return c.stream->close_after_flush();
      const Bytes reply = answer(payload);
      if (!reply.empty()) c.send(1, reply);
      return;
    }
    const auto next = static_cast<std::uint8_t>(sequence + 1);
    if (c.login.user.empty()) return first(c, next, payload);
    check(c, next, payload);
  }

  void first(Connection& c, std::uint8_t next, const Bytes& payload) {
    auto parsed = protocol::parse_login(payload, greeting.capabilities);
    REQUIRE(std::holds_alternative<protocol::Login>(parsed));
    c.login = std::get<protocol::Login>(std::move(parsed));
    if (c.login.ssl_request) {
      c.ssl_requested = true;
      c.login.user.clear();
      c.stream->start_tls(tls, true);
      return;
    }
    if (how == How::refuse) return c.send(next, err_payload(1045, "Access denied"));
    if (!switch_to.empty()) {
      Bytes request;
      greeting.nonce = protocol::make_nonce();  // a new one, to be answered
      protocol::write_auth_switch(request, protocol::make_auth_switch(switch_to, greeting.nonce));
      c.switched = true;
      return c.send(next, request);
    }
    check(c, next, c.login.auth);
  }

  void check(Connection& c, std::uint8_t next, const Bytes& auth) {
    if (how == How::native) {
      const auto right = protocol::native_scramble(protocol::native_stage1(password), greeting.nonce);
      return finish(c, next, std::equal(auth.begin(), auth.end(), right.begin(), right.end()));
    }
    const bool right = protocol::sha2_verify(auth, protocol::sha2_digest2(password), greeting.nonce);
    if (how == How::sha2_fast) {
      if (!right) return finish(c, next, false);
      c.send(next, Bytes{1, 3});
      return finish(c, static_cast<std::uint8_t>(next + 1), true);
    }
    if (auth.size() == 32 && right) return c.send(next, Bytes{1, 4});
    if (auth == Bytes{2}) {
      c.asked_key = true;
      Bytes key{1};
      base::append(key, base::bytes_of(rsa->public_pem()));
      return c.send(next, key);
    }
    c.clear = auth;
    if (!c.stream->secure()) {
      const auto plain = rsa->decrypt(auth);
      c.clear = plain ? protocol::sha2_obfuscate(base::chars_of(*plain), greeting.nonce) : Bytes{};
    }
    finish(c, next, base::chars_of(c.clear) == password + '\0');
  }

  void finish(Connection& c, std::uint8_t next, bool right) {
    c.logged_in = right;
    c.send(next, right ? ok_payload() : err_payload(1045, "Access denied"));
    if (right && !behind_ok.empty()) c.stream->write(behind_ok);
  }

  net::Loop& loop_;
  std::unique_ptr<net::Listener> listener_;
};

}  // namespace wye::test
