// The console's client against a server that speaks from a script over a Unix socket.
#include "proxy/cli/admin_client.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <sstream>
#include <thread>

#include "proxy/protocol/handshake.h"
#include "proxy/protocol/ok_packet.h"
#include "proxy/protocol/result_set.h"
#include "tests/unit/catch.h"

using namespace wye;
using namespace wye::protocol;
using cli::AdminOptions;

namespace {

/// Accepts one client; `answer` gets each COM_QUERY's text and gives the bytes to send back, empty to hang up.
class ScriptedServer {
 public:
  using Script = std::function<Bytes(const std::string&)>;
  explicit ScriptedServer(Script answer, bool greets = true) : answer_{std::move(answer)}, greets_{greets} {
    std::string name = (std::filesystem::temp_directory_path() / "wye-cli-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    folder_ = name;
    path = name + "/s";
    sockaddr_un a{};
    a.sun_family = AF_UNIX;
    std::copy(path.begin(), path.end(), a.sun_path);
    fd_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(bind(fd_, reinterpret_cast<sockaddr*>(&a), sizeof a) == 0);
    REQUIRE(listen(fd_, 4) == 0);
    thread_ = std::thread{[this] { serve(); }};
  }
  ~ScriptedServer() {
    shutdown(fd_, SHUT_RDWR);  // ends accept()
    thread_.join();
    close(fd_);
    std::filesystem::remove_all(folder_);
  }
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;
  std::string path;

 private:
  void serve() {
    const int client = accept(fd_, nullptr, nullptr);
    if (client < 0) return;
    if (greets_) {
      converse(client);
    } else {
      put(client, base::Bytes{'S', 'S', 'H', '-', '2', '.', '0', '\r', '\n'});
    }
    close(client);
  }
  void converse(int client) {
    Greeting g;
    g.server_version = "9.9.9";
    g.nonce.fill('x');
    g.capabilities = cap::protocol_41 | cap::secure_connection | cap::plugin_auth | cap::deprecate_eof;
    g.plugin = "mysql_native_password";
    Bytes greeting, out;
    write_greeting(greeting, g);
    write_packet(out, 0, greeting);
    put(client, out);
    std::string login;
    if (!packet(client, login)) return;
    out.clear();
    write_packet(out, 2, base::bytes_of(std::string_view{"\0\0\0\2\0\0\0", 7}));
    put(client, out);
    for (std::string command; packet(client, command) && command.size() > 1 && command[0] == 3;) {
      const Bytes answer = answer_(command.substr(1));
      if (answer.empty()) return;
      put(client, answer);
    }
  }
  static void put(int to, const Bytes& b) {
    std::size_t at = 0;
    while (at < b.size()) {
      const ssize_t n = send(to, b.data() + at, b.size() - at, MSG_NOSIGNAL);
      if (n <= 0) return;
      at += static_cast<std::size_t>(n);
    }
  }
  static bool packet(int from, std::string& out) {
    unsigned char head[4];
    if (recv(from, head, 4, MSG_WAITALL) != 4) return false;
    out.resize(head[0] | static_cast<std::size_t>(head[1]) << 8 | static_cast<std::size_t>(head[2]) << 16);
    return recv(from, out.data(), out.size(), MSG_WAITALL) == static_cast<ssize_t>(out.size());
  }
  Script answer_;
  bool greets_;
  std::string folder_;
  int fd_;
  std::thread thread_;
};

Bytes servers(const std::string&) {
  Bytes out;
  write_result(out, 1, {{"name", "role"}, {{"db1", "primary"}, {"db2", std::nullopt}}}, {true, false, 2});
  return out;
}

Bytes payload(std::string_view text) {
  Bytes out;
  write_packet(out, 1, base::bytes_of(text));
  return out;
}

struct Ran {
  int code;
  std::string out, err;
};
Ran run(const ScriptedServer& s, std::vector<std::string> statements, bool json = false, const std::string& in = "") {
  AdminOptions o;
  o.socket = s.path;
  o.statements = std::move(statements);
  o.json = json;
  std::istringstream input{in};
  std::ostringstream out, err;
  const int code = cli::run_admin(o, input, out, err);
  return {code, out.str(), err.str()};
}

}  // namespace

TEST_CASE("statements are run and shown") {
  const ScriptedServer s{[](const std::string& q) {
    if (q != "SHOW SERVERS") return payload("\xff\x28\x04#42000no");
    return servers(q);
  }};
  const Ran r = run(s, {" SHOW SERVERS ;\n", ";"}, true);
  CHECK(r.err.empty());
  CHECK(r.code == 0);
  CHECK(r.out == "{\"name\":\"db1\",\"role\":\"primary\"}\n{\"name\":\"db2\",\"role\":null}\n");
}

TEST_CASE("statements come from a pipe too, until quit") {
  const ScriptedServer s{servers};
  const Ran r = run(s, {}, false, "show servers;\n\n  \nQUIT\nshow servers\n");
  CHECK(r.code == 0);
  CHECK(r.out.starts_with("+------+---------+\n| name | role    |\n"));
  CHECK(r.out.find("2 rows in set") == r.out.rfind("2 rows in set"));
}

TEST_CASE("a statement's error is shown and is the exit code") {
  const ScriptedServer s{[](const std::string&) { return payload("\xff\x28\x04#42000what\x1b is that"); }};
  const Ran r = run(s, {"nonsense", "more"});
  CHECK(r.code == 1);
  CHECK(r.err == "ERROR 1064 (42000): what\\x1b is that\n");
}

TEST_CASE("OK packets") {
  const ScriptedServer s{[](const std::string&) { return payload({"\0\3\0\2\0\0\0", 7}); }};
  CHECK(run(s, {"drain"}).out.starts_with("Query OK, 3 rows affected"));
}

TEST_CASE("a server that hangs up, lies or is none") {
  SECTION("hangs up") {
    const ScriptedServer s{[](const std::string&) { return Bytes{}; }};
    const Ran r = run(s, {"x"});
    CHECK(r.code == 1);
    CHECK(r.err == "ERROR: wye closed the connection\n");
  }
  SECTION("another protocol") {
    const ScriptedServer s{servers, false};
    CHECK(run(s, {"x"}).code == 1);
  }
  SECTION("malformed answers") {
    for (const std::string_view bad :
         {std::string_view{"\x05", 1}, std::string_view{"\xfb/etc/passwd"}, std::string_view{""},
          std::string_view{"\xfe\xff\xff\xff\xff\xff\xff\xff\xff"}}) {
      const ScriptedServer s{[&](const std::string&) {
        Bytes out = payload(bad);
        write_packet(out, 2, base::bytes_of("\xfc"));
        return out;
      }};
      CHECK(run(s, {"x"}).code == 1);
    }
  }
  SECTION("sequence") {
    const ScriptedServer s{[](const std::string&) {
      Bytes out;
      write_packet(out, 7, base::bytes_of(std::string_view{"\0\0\0\2\0\0\0", 7}));
      return out;
    }};
    CHECK(run(s, {"x"}).err == "ERROR: packets out of order\n");
  }
  SECTION("none") {
    AdminOptions o;
    o.socket = "/nowhere/admin.sock";
    o.statements = {"x"};
    std::istringstream in;
    std::ostringstream out, err;
    CHECK(cli::run_admin(o, in, out, err) == 1);
    CHECK(err.str() == "ERROR: can't connect to /nowhere/admin.sock: No such file or directory\n");
  }
}
