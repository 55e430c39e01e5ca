#pragma once
#include <optional>
#include <string>
#include <vector>

#include "proxy/pool/backend.h"
#include "tests/unit/net/turn.h"
#include "tests/unit/pool/scripted_server.h"
#include "tests/unit/protocol/hex.h"

namespace wye::test {

struct Holder : pool::BackendHolder {
  std::vector<pool::Backend*> ready, lost;
  std::optional<base::Error> error;
  bool said_so = false;
  int drained = 0;
  std::function<void(pool::Backend&)> when_ready = [](pool::Backend&) {}, when_lost = [](pool::Backend&) {};
  void on_backend_ready(pool::Backend& b) override {
    ready.push_back(&b);
    when_ready(b);
  }
  void on_backend_lost(pool::Backend& b, const base::Error& e, bool server) override {
    lost.push_back(&b);
    error = e;
    said_so = server;
    when_lost(b);
  }
  void on_backend_drained(pool::Backend&) override { ++drained; }
};

/// Writes down what it is told, one line per call; raw bytes of neighbouring calls are joined unless told otherwise.
struct Sink : pool::ResponseSink {
  std::vector<std::string> lines;
  std::size_t raw_calls = 0;
  bool wants_end = false, raw_open = false;
  std::uint8_t shift = 0;
  std::optional<base::Error> error;
  bool ended = false;
  std::function<void()> when_packet = [] {}, when_raw = [] {}, when_ended = [] {};

  std::uint8_t sequence_shift() const override { return shift; }
  bool wants_definitions_end() const override { return wants_end; }
  void on_definitions_end(std::uint8_t next) override { line("definitions end " + std::to_string(next)); }
  void on_raw(base::ByteView frames) override {
    ++raw_calls;
    if (!raw_open) lines.emplace_back("raw ");
    raw_open = true;
    lines.back().append(base::chars_of(frames));
    when_raw();
  }
  void on_packet(protocol::Part part, std::uint8_t sequence, base::ByteView payload,
                 const protocol::ResponseTracker&) override {
    line("packet " + std::to_string(static_cast<int>(part)) + " " + std::to_string(sequence) + " " + to_hex(payload));
    when_packet();
  }
  void on_end(const protocol::ResponseTracker& tracker) override {
    line(tracker.failed() ? "failed" : "end");
    ended = true;
    when_ended();
  }
  void on_lost(const base::Error& e) override {
    line("lost " + std::to_string(e.code));
    error = e;
  }

 private:
  void line(std::string text) {
    raw_open = false;
    lines.push_back(std::move(text));
  }
};

inline base::Bytes command(std::uint8_t code, std::string_view text = {}) {
  base::Bytes payload{code}, framed;
  base::append(payload, base::bytes_of(text));
  protocol::write_packet(framed, 0, payload);
  return framed;
}

inline protocol::AccountPtr account(std::string_view password = "secret") {
  return std::make_shared<protocol::Account>("app", protocol::Account::Kind::clear, password);
}

/// A server, and a backend connection to it that is logged in unless the test prepares something else.
struct Connected {
  explicit Connected(bool replica = false) : server(loop) { key.account = account(), key.to_replica = replica; }
  ~Connected() {
    if (backend != nullptr) backend->close();
  }
  pool::Backend& start(const std::string& schema = {}) {
    backend = std::make_unique<pool::Backend>(loop, server.as_server(), key, options, schema);
    backend->open(holder);
    return *backend;
  }
  pool::Backend& ready(const std::string& schema = {}) {
    start(schema);
    REQUIRE(run_until(loop, [&] { return !holder.ready.empty() || !holder.lost.empty(); }));
    INFO((holder.error ? holder.error->message : std::string{}));
    REQUIRE(holder.ready.size() == 1);
    return *backend;
  }
  /// Past wye's own settings, so that answers can be given to on_bytes() directly.
  pool::Backend& settled(const std::string& schema = {}) {
    ready(schema);
    Sink first;
    backend->submit(first, protocol::Expect::ok_or_err, command(0x0e));
    REQUIRE(run_until(loop, [&] { return first.ended; }));
    server.answer = [](const base::Bytes&) { return base::Bytes{}; };
    return *backend;
  }
  void feed(base::Bytes bytes) { backend->on_bytes(bytes); }

  net::Loop loop;
  ScriptedServer server;
  pool::BackendKey key;
  pool::BackendOptions options;
  Holder holder;
  std::unique_ptr<pool::Backend> backend;
};

}  // namespace wye::test
