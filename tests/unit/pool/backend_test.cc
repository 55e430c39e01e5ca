// Backend after its login: settings ahead, several statements in flight, back-pressure, loss.
#include "proxy/pool/backend.h"

#include "tests/unit/pool/backend_support.h"

namespace wye::pool {
namespace {

using protocol::Expect;
using test::command;
using test::Connected;
using test::run_until;
using test::Sink;

std::string text_of(const base::Bytes& payload) { return std::string(base::chars_of(payload)); }

struct Native : Connected {
  explicit Native(bool replica = false) : Connected(replica) { server.greeting.plugin = "mysql_native_password"; }
};

TEST_CASE("wye's settings go ahead of the first statement, in the same write, once") {
  Native c;
  auto& backend = c.ready();
  Sink one, two;
  const auto before = backend.stream().bytes_out();
  backend.submit(one, Expect::query, command(0x03, "SELECT 1"));
  CHECK(backend.stream().bytes_out() == before);  // gathered
  CHECK(backend.in_flight() == 2);
  REQUIRE(run_until(c.loop, [&] { return one.ended; }));
  backend.submit(two, Expect::query, command(0x03, "SELECT 2"));
  REQUIRE(run_until(c.loop, [&] { return two.ended; }));
  const auto& commands = c.server.last().commands;
  REQUIRE(commands.size() == 3);
  CHECK(text_of(commands[0]).find("session_track_system_variables='*'") != std::string::npos);
  CHECK(text_of(commands[0]).find("session_track_gtids='OWN_GTID'") != std::string::npos);
  CHECK(text_of(commands[0]).find("read_only") == std::string::npos);
  CHECK(text_of(commands[1]) == "\x03SELECT 1");
  CHECK(text_of(commands[2]) == "\x03SELECT 2");
  CHECK(one.lines == two.lines);  // nothing of the settings' answer
}

TEST_CASE("connections to replicas are READ ONLY; MariaDB calls it by another name and has no GTID tracker") {
  const bool mariadb = GENERATE(false, true);
  Native c(true);
  auto server = c.server.as_server();
  if (mariadb) server.version.flavour = topology::Flavour::mariadb;
  c.backend = std::make_unique<Backend>(c.loop, server, c.key, c.options, "");
  c.backend->open(c.holder);
  REQUIRE(run_until(c.loop, [&] { return c.backend->ready(); }));
  Sink sink;
  c.backend->submit(sink, Expect::query, command(0x03, "SELECT 1"));
  REQUIRE(run_until(c.loop, [&] { return sink.ended; }));
  const auto settings = text_of(c.server.last().commands[0]);
  CHECK((settings.find("SESSION tx_read_only=1") != std::string::npos) == mariadb);
  CHECK((settings.find("SESSION transaction_read_only=1") != std::string::npos) == !mariadb);
  CHECK((settings.find("session_track_gtids") != std::string::npos) == !mariadb);
}

TEST_CASE("MySQL 5.6 gets no settings but its own word for READ ONLY, and no reset") {
  const bool replica = GENERATE(false, true);
  Native c(replica);
  c.server.greeting.server_version = "5.6.24-log";
  c.server.greeting.capabilities = 0x007fffffU & ~protocol::cap::ssl & ~protocol::cap::compress;
  auto& backend = c.ready();
  Sink sink;
  backend.submit(sink, Expect::query, command(0x03, "SELECT 1"));
  REQUIRE(run_until(c.loop, [&] { return sink.ended; }));
  const auto& commands = c.server.last().commands;
  REQUIRE(commands.size() == (replica ? 2U : 1U));
  if (replica) CHECK(text_of(commands[0]) == "\x03SET SESSION tx_read_only=1,SESSION autocommit=1");
  CHECK_FALSE(backend.tracks());
  CHECK_FALSE(backend.survives_reset());
}

TEST_CASE("a login with IGNORE_SPACE survives a reset on MySQL only") {
  const bool mariadb = GENERATE(false, true);
  Native c;
  auto server = c.server.as_server();
  if (mariadb) server.version.flavour = topology::Flavour::mariadb;
  c.key.collation = 0;
  c.key.client_flags = protocol::cap::ignore_space;
  c.backend = std::make_unique<Backend>(c.loop, server, c.key, c.options, "");
  c.backend->open(c.holder);
  REQUIRE(run_until(c.loop, [&] { return c.backend->ready(); }));
  CHECK(c.backend->survives_reset() == !mariadb);
}

TEST_CASE("a reset goes ahead of the next statement, and the settings again behind it") {
  Native c;
  auto& backend = c.settled();
  c.server.answer = [](const base::Bytes&) { return test::ok_payload(); };
  c.server.last().commands.clear();
  backend.state().variables["time_zone"] = "+01:00";
  backend.state().schema = "shop";
  backend.reset_before_next();
  CHECK(backend.state().variables.empty());
  CHECK(backend.state().schema == "shop");  // COM_RESET_CONNECTION keeps it
  CHECK(backend.idle());
  Sink sink;
  backend.submit(sink, Expect::ok_or_err, command(0x0e));
  REQUIRE(run_until(c.loop, [&] { return sink.ended; }));
  const auto& commands = c.server.last().commands;
  REQUIRE(commands.size() == 3);
  CHECK(commands[0] == base::Bytes{0x1f});
  CHECK(commands[1][0] == 0x03);
  CHECK(commands[2] == base::Bytes{0x0e});
}

TEST_CASE("settings that an expired password keeps from running go ahead of the next statement") {
  Native c;
  auto& backend = c.ready();
  c.server.answer = [](const base::Bytes&) { return test::err_payload(1820, "You must reset your password"); };
  Sink refused, changed, after;
  backend.submit(refused, Expect::query, command(0x03, "SELECT 1"));
  REQUIRE(run_until(c.loop, [&] { return refused.ended; }));
  CHECK_FALSE(backend.dead());
  c.server.answer = [](const base::Bytes& sent) {
    return sent[1] == 'A' ? test::ok_payload() : test::err_payload(1820, "You must reset your password");
  };
  backend.submit(changed, Expect::query, command(0x03, "ALTER USER"));
  REQUIRE(run_until(c.loop, [&] { return changed.ended; }));
  c.server.answer = [](const base::Bytes&) { return test::ok_payload(); };
  backend.submit(after, Expect::query, command(0x03, "SELECT 2"));
  REQUIRE(run_until(c.loop, [&] { return after.ended; }));
  const auto& commands = c.server.last().commands;
  REQUIRE(commands.size() == 6);
  for (const std::size_t i : {0U, 2U, 4U})
    CHECK(text_of(commands[i]).find("session_track_system_variables") != std::string::npos);
  CHECK(text_of(commands[5]) == "\x03SELECT 2");
}

TEST_CASE("after the client's own reset the settings alone are sent again") {
  Native c;
  auto& backend = c.settled();
  c.server.answer = [](const base::Bytes&) { return test::ok_payload(); };
  c.server.last().commands.clear();
  backend.settings_lost();
  Sink sink;
  backend.submit(sink, Expect::ok_or_err, command(0x0e));
  REQUIRE(run_until(c.loop, [&] { return sink.ended; }));
  REQUIRE(c.server.last().commands.size() == 2);
  CHECK(c.server.last().commands[0][0] == 0x03);
}

TEST_CASE("a server that refuses wye's settings can't be used") {
  Native c;
  auto& backend = c.ready();
  c.server.answer = [](const base::Bytes&) { return test::err_payload(1193, "Unknown system variable"); };
  Sink sink;
  backend.submit(sink, Expect::query, command(0x03, "SELECT 1"));
  REQUIRE(run_until(c.loop, [&] { return backend.dead(); }));
  CHECK(sink.lines == std::vector<std::string>{"lost 2013"});
  CHECK(c.holder.lost.size() == 1);
  CHECK_FALSE(c.holder.said_so);
}

TEST_CASE("several statements of several sinks in flight: each sees its own answer") {
  Native c;
  auto& backend = c.settled();
  int n = 0;
  c.server.answer = [&](const base::Bytes& payload) {
    ++n;
    const auto text = text_of(payload).substr(1);
    return n % 3 == 0 ? test::err_payload(1064, text) : [&] {
      base::Bytes out;
      protocol::OkInfo ok;
      ok.info = text;
      ok.status = 2;
      protocol::write_ok(out, ok, {false, true});
      return out;
    }();
  };
  std::vector<Sink> sinks(9);
  for (std::size_t i = 0; i < sinks.size(); ++i)
    backend.submit(sinks[i], Expect::query, command(0x03, "statement " + std::to_string(i)));
  CHECK(backend.in_flight() == 9);
  REQUIRE(run_until(c.loop, [&] { return backend.idle(); }));
  for (std::size_t i = 0; i < sinks.size(); ++i) {
    REQUIRE(sinks[i].lines.size() == 2);
    CHECK(sinks[i].lines[0].find(test::to_hex(base::bytes_of("statement " + std::to_string(i)))) != std::string::npos);
    CHECK(sinks[i].lines[1] == (i % 3 == 2 ? "failed" : "end"));
  }
}

TEST_CASE("a statement without an answer waits for none") {
  Native c;
  auto& backend = c.settled();
  Sink closing;
  backend.submit(closing, Expect::nothing, command(0x19, std::string("\1\0\0\0", 4)));
  CHECK(backend.idle());
  CHECK(backend.front_tracker() == nullptr);
  REQUIRE(run_until(c.loop, [&] { return c.server.last().commands.size() == 3; }));
  CHECK(closing.lines.empty());
}

TEST_CASE("a statement whose rest is streamed") {
  Native c;
  auto& backend = c.settled();
  c.server.answer = [](const base::Bytes&) { return test::ok_payload(); };
  Sink sink;
  const auto whole = command(0x03, "SELECT 'a long statement'");
  const base::ByteView view{whole};
  backend.submit(sink, Expect::query, view.first(7));
  backend.stream_out(view.subspan(7));
  REQUIRE(run_until(c.loop, [&] { return sink.ended; }));
  CHECK(text_of(c.server.last().commands.back()) == "\x03SELECT 'a long statement'");
}

TEST_CASE("the holder hears when a full outgoing buffer has drained") {
  Native c;
  auto& backend = c.settled();
  Sink sink;
  c.server.last().stream->pause_reading();
  const auto large = command(0x03, std::string(900'000, 'x'));
  for (int i = 0; i < 10; ++i) backend.submit(sink, Expect::query, large);
  test::settle(c.loop);
  CHECK(backend.stream().congested());
  CHECK(c.holder.drained == 0);
  c.server.last().stream->resume_reading();
  REQUIRE(run_until(c.loop, [&] { return c.holder.drained > 0; }));
  CHECK_FALSE(backend.stream().congested());
  backend.close();  // before the sink goes
}

TEST_CASE("close says QUIT when nothing runs, and just closes when something does") {
  const bool busy = GENERATE(false, true);
  Native c;
  auto& backend = c.settled();
  const auto before = c.server.last().commands.size();
  Sink sink;
  if (busy) {
    backend.submit(sink, Expect::query, command(0x03, "SELECT SLEEP(100)"));
    REQUIRE(run_until(c.loop, [&] { return c.server.last().commands.size() > before; }));
  }
  backend.close();
  CHECK(backend.dead());
  REQUIRE(run_until(c.loop, [&] { return c.server.last().closed; }));
  CHECK((c.server.last().commands.back() == base::Bytes{0x01}) == !busy);
  CHECK(sink.lines == (busy ? std::vector<std::string>{"lost 2013"} : std::vector<std::string>{}));
  CHECK(c.holder.lost.empty());  // whoever closes knows
  backend.close();
}

}  // namespace
}  // namespace wye::pool
