// The console as a server: who gets in, and what becomes of clients that don't play by the rules.
#include <sys/stat.h>
#include <sys/syscall.h>

#include <condition_variable>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <random>

#include "tests/unit/admin/console_client.h"
#include "tests/unit/admin/running_console.h"
#include "tests/unit/catch.h"

using namespace wye;
using namespace wye::admin;
using namespace wye::admin::test;
using namespace std::chrono_literals;

namespace {

Context plain() {
  Context context;
  context.version = "1.2.3";
  context.readiness = [] { return std::string{}; };
  return context;
}

bool is_ok(const std::optional<Bytes>& packet) { return packet && !packet->empty() && packet->front() == 0; }

}  // namespace

TEST_CASE("any name and password of any plugin gets in") {
  Running wye{plain()};
  SECTION("the plugin of the greeting") {
    Client client{wye.socket};
    CHECK(is_ok(client.log_in("mysql_native_password", Bytes(20, 7))));
    const auto parsed = protocol::parse_greeting(client.greeting());
    const auto& greeting = std::get<protocol::Greeting>(parsed);
    CHECK(greeting.plugin == "mysql_native_password");
    CHECK(greeting.server_version == "8.0.0-wye-1.2.3");
    CHECK((greeting.capabilities & cap::ssl) == 0);
    CHECK(client.query("SHOW READINESS").rows.size() == 1);
  }
  SECTION("caching_sha2_password with a password: found in the cache") {
    Client client{wye.socket};
    const auto asked = client.log_in("caching_sha2_password");
    REQUIRE(asked);
    const auto parsed = protocol::parse_auth_switch(*asked);
    CHECK(std::get<protocol::AuthSwitch>(parsed).plugin == "caching_sha2_password");
    CHECK(protocol::nonce_of(std::get<protocol::AuthSwitch>(parsed).data));
    client.send(3, Bytes(32, 9));
    CHECK(client.receive() == Bytes{0x01, 0x03});
    CHECK(is_ok(client.receive()));
    CHECK(client.sequence == 5);
  }
  SECTION("caching_sha2_password without a password") {
    Client client{wye.socket};
    client.log_in("caching_sha2_password");
    client.send(3, Bytes{0});
    CHECK(is_ok(client.receive()));
    CHECK(client.query("SHOW READINESS").rows.size() == 1);
  }
  SECTION("clear text is taken at once") {
    Client client{wye.socket};
    CHECK(is_ok(client.log_in("mysql_clear_password", Bytes{'p', 'w', 0})));
  }
  SECTION("sha256_password belongs to clients that know caching_sha2_password, too") {
    Client client{wye.socket};
    const auto asked = client.log_in("sha256_password");
    REQUIRE(asked);
    CHECK(std::get<protocol::AuthSwitch>(protocol::parse_auth_switch(*asked)).plugin == "caching_sha2_password");
    client.send(3, Bytes(32, 9));
    CHECK(client.receive() == Bytes{0x01, 0x03});
    CHECK(is_ok(client.receive()));
  }
  SECTION("another plugin is asked for a native answer") {
    Client client{wye.socket};
    const auto asked = client.log_in("client_ed25519");
    REQUIRE(asked);
    CHECK(std::get<protocol::AuthSwitch>(protocol::parse_auth_switch(*asked)).plugin == "mysql_native_password");
    client.send(3, {});
    CHECK(is_ok(client.receive()));
  }
  SECTION("a client that knows no plugins, nor DEPRECATE_EOF") {
    Client client{wye.socket};
    CHECK(is_ok(client.log_in("", {}, cap::protocol_41 | cap::secure_connection)));
    CHECK(client.query("SHOW READINESS").rows.size() == 1);
    CHECK(client.query("SHOW READINESS").rows.size() == 1);
  }
}

TEST_CASE("the file has the mode, comes back after a crash, and goes with the server") {
  Folder folder;
  const std::string path = folder / "a.sock";
  net::Loop loop;
  struct stat file {};
  auto server = std::make_unique<Server>(loop, plain());
  REQUIRE(server->listen(path, 0600));
  REQUIRE(::stat(path.c_str(), &file) == 0);
  CHECK((file.st_mode & 0777) == 0600);
  Server second{loop, plain()};
  const auto taken = second.listen(path, 0600);
  REQUIRE_FALSE(taken);
  CHECK(taken.error().message.find(path) != std::string::npos);
  server.reset();
  CHECK(::stat(path.c_str(), &file) != 0);
  {
    const int left = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    std::memcpy(to.sun_path, path.c_str(), path.size() + 1);
    REQUIRE(::bind(left, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0);
    ::close(left);
  }
  CHECK(second.listen(path, 0660));
}

TEST_CASE("nothing but a socket is replaced, nor another's socket removed") {
  Folder folder;
  net::Loop loop;
  const std::string precious = folder / "precious", path = folder / "a.sock";
  std::ofstream{precious} << "text";
  Server server{loop, plain()};
  CHECK_FALSE(server.listen(precious, 0600));
  CHECK(std::filesystem::file_size(precious) == 4);
  CHECK_FALSE(server.listen(folder / "missing/a.sock", 0600));
  auto old = std::make_unique<Server>(loop, plain());
  REQUIRE(old->listen(path, 0600));
  std::filesystem::remove(path);
  REQUIRE(server.listen(path, 0600));
  old.reset();
  CHECK(std::filesystem::exists(path));
}

TEST_CASE("another user is denied although the file lets it in") {
  if (::geteuid() != 0) return;  // only root can be somebody else
  Running wye{plain(), {}, 0666};
  std::filesystem::permissions(std::filesystem::path{wye.socket}.parent_path(), std::filesystem::perms{0755});
  std::thread([&] {
    // The system call changes this thread only, unlike libc's function.
    ::syscall(SYS_setresuid, -1, 65534, -1);
    Client client{wye.socket};
    const auto first = client.receive();
    const bool gone = client.closed_by_server();
    ::syscall(SYS_setresuid, -1, 0, -1);
    REQUIRE(client.connected);
    REQUIRE(first);
    CHECK(first->front() == 0xff);
    CHECK((first->at(1) | first->at(2) << 8) == 1045);
    CHECK(gone);
  }).join();
  Client root{wye.socket};
  CHECK(root.logged_in());
}

TEST_CASE("a login that does not come is given up, one that came is not") {
  Running wye{plain()};
  Client silent{wye.socket}, half{wye.socket}, in{wye.socket};
  REQUIRE(silent.receive());
  REQUIRE(half.receive());
  half.send_raw(Bytes{200, 0});
  REQUIRE(in.logged_in());
  wye.advance(9'999ms);
  CHECK(in.query("SELECT 1").rows.size() == 1);
  wye.advance(1ms);
  for (Client* client : {&silent, &half}) {
    const auto error = client->receive();
    REQUIRE(error);
    CHECK(Client::error_of(*error).code == 1159);
    CHECK(client->closed_by_server());
  }
  CHECK(in.query("SELECT 1").rows.size() == 1);
}

TEST_CASE("too many connections are told so, and a place is free again") {
  Limits limits;
  limits.connections = 2;
  Running wye{plain(), limits};
  Client first{wye.socket};
  auto second = std::make_unique<Client>(wye.socket);
  REQUIRE(first.logged_in());
  REQUIRE(second->logged_in());
  {
    Client third{wye.socket};
    const auto error = third.receive();
    REQUIRE(error);
    CHECK((error->at(1) | error->at(2) << 8) == 1040);
    CHECK(third.closed_by_server());
  }
  second->send(0, Bytes{0x01});
  CHECK(second->closed_by_server());
  wye.on_loop([] {});  // the turn that closed it is over
  Client fourth{wye.socket};
  CHECK(fourth.logged_in());
}

TEST_CASE("bad handshakes end the connection with an error") {
  struct Case {
    const char* what;
    std::uint8_t sequence;
    Bytes payload;
    unsigned code;
  };
  const Bytes good = Client::login_packet("mysql_native_password", {}, Client::usual);
  const Case cases[] = {{"out of sequence", 3, good, 1156},
                        {"sequence 0", 0, good, 1156},
                        {"empty", 1, {}, 1043},
                        {"before 4.1", 1, Bytes(40, 0), 1043},
                        {"cut off", 1, Bytes(good.begin(), good.begin() + 34), 1043},
                        {"SSLRequest", 1, Bytes(good.begin(), good.begin() + 32), 1043},
                        {"more than 64 KiB", 1, Bytes(70'000, 'x'), 1043}};
  Running wye{plain()};
  for (const auto& c : cases) {
    CAPTURE(c.what);
    Client client{wye.socket};
    REQUIRE(client.receive());
    client.send(c.sequence, c.payload);
    const auto error = client.receive();
    REQUIRE(error);
    CHECK(Client::error_of(*error).code == c.code);
    CHECK(client.closed_by_server());
  }
  Client after{wye.socket};
  CHECK(after.logged_in());
}

TEST_CASE("bad commands end the connection with an error") {
  Running wye{plain()};
  const auto ends_with = [&](std::uint8_t sequence, const Bytes& payload) {
    Client client{wye.socket};
    REQUIRE(client.logged_in());
    client.send(sequence, payload);
    const auto error = client.receive();
    REQUIRE(error);
    CHECK(client.closed_by_server());
    return Client::error_of(*error).code;
  };
  CHECK(ends_with(1, {0x0e}) == 1156);
  CHECK(ends_with(0, {}) == 1835);
  CHECK(ends_with(0, Bytes((std::size_t{1} << 20) + 1, 'x')) == 1153);
}

TEST_CASE("garbage, and connections that break off anywhere, harm nobody else") {
  Running wye{plain()};
  Client other{wye.socket};
  REQUIRE(other.logged_in());
  std::mt19937 random{20261120};
  const Bytes login = Client::login_packet("mysql_native_password", Bytes(20, 1), Client::usual);
  for (int i = 0; i < 300; ++i) {
    Client client{wye.socket};
    REQUIRE(client.connected);
    if (random() % 2 == 0) client.logged_in();
    Bytes packet;
    Bytes payload = random() % 2 == 0 ? login : Bytes(random() % 300);
    for (std::size_t flips = random() % 20; flips > 0 && !payload.empty(); --flips)
      payload[random() % payload.size()] = static_cast<std::uint8_t>(random());
    protocol::write_packet(packet, static_cast<std::uint8_t>(random() % 2), payload);
    packet.resize(1 + random() % packet.size());
    client.send_raw(packet);
  }
  CHECK(other.query("SELECT 1").rows.size() == 1);
  Client after{wye.socket};
  CHECK(after.logged_in());
}

TEST_CASE("a packet of 1 MiB is read, in whatever pieces it comes") {
  Running wye{plain()};
  Client client{wye.socket};
  REQUIRE(client.logged_in());
  Bytes largest((std::size_t{1} << 20), ' ');
  largest[0] = 0x03;
  CHECK(client.command(largest).error->code == 1065);
  Bytes packet;
  protocol::write_packet(packet, 0, Bytes{0x03, 'H', 'E', 'L', 'P', ';'});
  for (const auto byte : packet) REQUIRE(client.send_raw(Bytes{byte}));
  CHECK(client.read_reply().rows.size() > 5);
}

TEST_CASE("commands that came together are answered in their order") {
  Running wye{plain()};
  Client client{wye.socket};
  REQUIRE(client.logged_in());
  Bytes packets;
  for (int i = 0; i < 200; ++i) {
    Bytes query{0x03};
    base::append(query, base::bytes_of("SELECT " + std::to_string(i)));
    protocol::write_packet(packets, 0, query);
  }
  REQUIRE(client.send_raw(packets));
  for (int i = 0; i < 200; ++i) {
    const auto reply = client.read_reply();
    REQUIRE(reply.rows.size() == 1);
    CHECK(reply.rows[0][0] == std::to_string(i));
  }
}

TEST_CASE("commands other than COM_QUERY") {
  Running wye{plain()};
  Client client{wye.socket};
  REQUIRE(client.logged_in());
  CHECK_FALSE(client.command({0x0e}).error);                 // PING
  CHECK_FALSE(client.command({0x02, 's', 'h', 'o'}).error);  // INIT_DB
  CHECK(client.query("SELECT DATABASE()").rows[0][0] == "sho");
  CHECK_FALSE(client.command({0x1f}).error);  // RESET_CONNECTION
  CHECK_FALSE(client.query("SELECT DATABASE()").rows[0][0]);
  client.send(0, Bytes{0x09});  // STATISTICS
  const auto statistics = client.receive();
  REQUIRE(statistics);
  CHECK(base::chars_of(*statistics).starts_with("Uptime: "));
  CHECK_FALSE(client.command({0x1b, 0, 0}).error);  // SET_OPTION
  client.send(0, Bytes{0x19, 1, 0, 0, 0});          // STMT_CLOSE has no answer
  for (const std::uint8_t unknown : Bytes{0x04, 0x11, 0x12, 0x16, 0x17, 0x1e, 0xfa, 0xff}) {
    const auto reply = client.command({unknown, 0});
    REQUIRE(reply.error);
    CHECK(reply.error->code == 1047);
  }
  client.send(0, Bytes{0x01});
  CHECK(client.closed_by_server());
}

TEST_CASE("a late answer of the workers reaches who still waits, and nobody else") {
  std::mutex mutex;
  std::vector<TableDone> asked;
  std::condition_variable changed;
  Context context = plain();
  context.sessions = [&](TableDone done) {
    const std::lock_guard lock{mutex};
    asked.push_back(std::move(done));
    changed.notify_all();
  };
  const auto take = [&] {
    std::unique_lock lock{mutex};
    REQUIRE(changed.wait_for(lock, 20s, [&] { return !asked.empty(); }));
    TableDone done = std::move(asked.front());
    asked.erase(asked.begin());
    return done;
  };
  const auto table = [](const char* text) { return protocol::Table{{"id"}, {{text}}}; };
  Running wye{context};
  Client client{wye.socket};
  REQUIRE(client.logged_in());

  SECTION("what came meanwhile is answered afterwards") {
    client.send_query("SHOW SESSIONS");
    client.send_query("SELECT 5");
    const auto done = take();
    wye.on_loop([&] { done(table("1")); });
    CHECK(client.read_reply().rows[0][0] == "1");
    CHECK(client.read_reply().rows[0][0] == "5");
  }
  SECTION("after its time it is dropped") {
    client.send_query("SHOW SESSIONS");
    const auto first = take();
    wye.advance(10s);
    CHECK(client.read_reply().error->code == 1205);
    client.send_query("SHOW SESSIONS");
    const auto second = take();
    wye.on_loop([&] {
      first(table("old"));
      second(table("new"));
      second(table("twice"));
    });
    CHECK(client.read_reply().rows[0][0] == "new");
    CHECK(client.query("SELECT 6").rows[0][0] == "6");
  }
  SECTION("the server has gone") {
    client.send_query("SHOW SESSIONS");
    const auto done = take();
    wye.stop();
    CHECK(client.read_reply().closed);
    done(table("1"));
  }
}

TEST_CASE("who takes no answers is neither read nor kept") {
  Context context = plain();
  std::atomic<int> asked{0};
  context.pools = [&](TableDone done) {
    ++asked;
    done(protocol::Table{{"x"}, {{std::string(600'000, 'x')}}});
  };
  Running wye{context};
  Client client{wye.socket};
  REQUIRE(client.logged_in());
  for (int i = 0; i < 50; ++i) REQUIRE(client.send_query("SHOW POOLS"));
  Client other{wye.socket};
  REQUIRE(other.logged_in());
  CHECK(asked <= 2);

  SECTION("closed when nothing moves for a minute") {
    // The minute begins when a tick has seen the last byte go out; the test can't see when that was.
    bool gone = false;
    for (const auto until = base::Clock::now() + 20s; !gone && base::Clock::now() < until;) {
      wye.advance(60s);
      gone = client.hung_up(50ms);
    }
    CHECK(gone);
    CHECK(asked <= 2);
    CHECK(other.query("SELECT 1").rows.size() == 1);
  }
  SECTION("served when it goes on") {
    for (int i = 0; i < 50; ++i) CHECK(client.read_reply().rows.size() == 1);
    CHECK(asked == 50);
  }
}

TEST_CASE("an answer larger than the limit is an error, not a closed connection") {
  Context context = plain();
  context.pools = [](TableDone done) { done(protocol::Table{{"x"}, {{std::string(std::size_t{17} << 20, 'x')}}}); };
  context.sessions = [](TableDone done) { done(protocol::Table{{"x"}, {{std::string(std::size_t{4} << 20, 'x')}}}); };
  Running wye{context};
  Client client{wye.socket};
  REQUIRE(client.logged_in());
  CHECK(client.query("SHOW POOLS").error->code == 1105);
  CHECK(client.query("SHOW SESSIONS").rows[0][0]->size() == std::size_t{4} << 20);
}
