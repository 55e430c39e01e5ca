#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "proxy/config/config.h"
#include "tests/unit/catch.h"

using namespace wye::config;
namespace fs = std::filesystem;

namespace {

std::string show(const std::vector<Mistake>& list) {
  std::string out;
  for (const Mistake& m : list) {
    out += std::to_string(m.line) + ":" + std::to_string(m.column) + ": " + m.text + "\n";
  }
  return out;
}

/// What every file needs, so that a row shows one thing.
const std::string base = "servers: [a:1]\nmonitor: {user: wye, password: x}\n";

struct Row {
  std::string yaml, mistakes;
};

void check(const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    INFO(row.yaml);
    const Loaded l = load_text(row.yaml);
    CHECK(show(l.mistakes) == row.mistakes);
    CHECK(l.config.has_value() == row.mistakes.empty());
  }
}

class Folder {
 public:
  Folder() {
    std::string name = (fs::temp_directory_path() / "wye-config-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~Folder() { fs::remove_all(path); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string write(const std::string& name, const std::string& text, mode_t mode = 0600) const {
    const std::string file = (path / name).string();
    std::ofstream{file, std::ios::binary} << text;
    REQUIRE(chmod(file.c_str(), mode) == 0);
    return file;
  }
  fs::path path;
};

}  // namespace

TEST_CASE("the smallest file has all defaults") {
  const Loaded l = load_text(base);
  REQUIRE(l.config);
  CHECK(l.warnings.empty());
  const Config& c = *l.config;
  REQUIRE(c.listen.size() == 1);
  CHECK(c.listen[0].address == "0.0.0.0:6033");
  CHECK(c.listen[0].tls == Tls::preferred);
  REQUIRE(c.servers.size() == 1);
  CHECK(c.servers[0].name == "db1");
  CHECK(c.servers[0].address == "a:1");
  CHECK(c.servers[0].weight == 1);
  CHECK(c.monitor.user == "wye");
  CHECK(c.monitor.password == "x");
  CHECK(c.state == "/var/lib/wye");
  CHECK(c.sessions.max_packet == 64u << 20);
  CHECK(c.sessions.idle_timeout == std::chrono::hours{8});
  CHECK(c.routing.wait == milliseconds{20});
  CHECK(c.admin.mode == 0600);
  CHECK(c.metrics == "127.0.0.1:9633");
  CHECK(c.workers == 0);
}

TEST_CASE("the structure of the file") {
  check({
      {"", "1:1: the file is empty: servers and monitor are missing\n"},
      {"# nothing\n", "1:1: the file is empty: servers and monitor are missing\n"},
      {"just text", "1:1: the file: must be a map of keys and values\n"},
      {"[a, b]", "1:1: the file: must be a map of keys and values\n"},
      {"{}",
       "1:1: servers is missing: list them like servers: [10.0.0.1:3306, 10.0.0.2:3306]\n"
       "1:1: monitor is missing: the account that watches the servers, like monitor: {user: wye, password_file: "
       "...}\n"},
      {base + "---\nx: 1\n", "4:1: one document a file: a second one begins here\n"},
      {base + "sesions: {max: 1}\n", "3:1: unknown key \"sesions\", did you mean \"sessions\"?\n"},
      {base + "banana: 1\n", "3:1: unknown key \"banana\"\n"},
      {base + "pool: {idel: 1s}\n", "3:8: unknown key \"idel\" in pool, did you mean \"idle\"?\n"},
      {base + "workers: 2\nworkers: 3\n", "4:1: the key \"workers\" is there twice\n"},
      {base + "pool: {idle: 1s, idle: 2s}\n", "3:18: the key \"idle\" is there twice in pool\n"},
      {base + "? [a]\n: 1\n", "3:3: the file: a key must be a word\n"},
      {base + "pool:\n", "3:1: pool: the value is missing\n"},
      {base + "pool: 7\n", "3:7: pool: must be a map of keys and values\n"},
      {base + "state:\n", "3:1: state: the value is missing\n"},
      {base + "state: [a]\n", "3:8: state: must be a single value\n"},
      {base + "state: relative\n", "3:8: state: must be an absolute path\n"},
  });
}

TEST_CASE("every mistake at once, in the order of the file") {
  check(
      {{"workers: none\n"
        "servers: [a:1, a:1, b:0]\n"
        "sessions:\n"
        "  max: 0\n"
        "  login_timeout: 10\n"
        "  mx: 1\n"
        "log: {level: infos}\n",
        "1:1: monitor is missing: the account that watches the servers, like monitor: {user: wye, password_file: ...}\n"
        "1:10: workers: not a whole number\n"
        "2:16: servers[1]: the address a:1 is there twice\n"
        "2:21: servers[2]: the port must be between 1 and 65535\n"
        "4:8: sessions.max: must be between 1 and 1000000\n"
        "5:18: sessions.login_timeout: not a duration: write it like 250ms, 10s, 5m or 8h\n"
        "6:3: unknown key \"mx\" in sessions, did you mean \"max\"?\n"
        "7:14: log.level: must be debug, info, warning or error, did you mean \"info\"?\n"}});
}

TEST_CASE("servers") {
  const std::string m = "monitor: {user: wye, password: x}\n";
  check({
      {m + "servers: []\n", "2:10: servers: needs at least one server\n"},
      {m + "servers: a:1\n", "2:10: servers: must be a list\n"},
      {m + "servers: [[a]]\n", "2:11: servers[0]: must be a map of keys and values\n"},
      {m + "servers: [{name: x}]\n", "2:11: servers[0].address is missing: write it like 10.0.0.1:3306\n"},
      {m + "servers: [{name: x, address: a}, {name: x, address: b}]\n",
       "2:34: servers[1]: the name x is there twice\n"},
      {m + "servers: [{name: 'a b', address: a}]\n", "2:11: servers[0].name: 1 to 64 letters, digits, _, - or .\n"},
      {m + "servers: [a, 'a:3306']\n", "2:14: servers[1]: the address a:3306 is there twice\n"},
      {m + "servers: [{address: a, weight: -1}]\n", "2:32: servers[0].weight: not a whole number\n"},
      {m + "servers: [{address: a, weight: 1001}]\n", "2:32: servers[0].weight: must be between 0 and 1000\n"},
      {m + "servers: [{address: a, promote: alow}]\n",
       "2:33: servers[0].promote: must be prefer, allow or never, did you mean \"allow\"?\n"},
      {m + "servers: [{address: a, tags: x}]\n", "2:30: servers[0].tags: must be a list\n"},
  });
  const Loaded l =
      load_text(m + "servers: [a:1, {name: db1, address: 'unix:/s'}, {address: c, weight: 0, tags: [x, y]}]\n");
  REQUIRE(l.config);
  CHECK(l.config->servers[0].name == "db2");  // db1 is taken
  CHECK(l.config->servers[1].address == "unix:/s");
  CHECK(l.config->servers[2].name == "db3");
  CHECK(l.config->servers[2].address == "c:3306");
  CHECK(l.config->servers[2].weight == 0);
  CHECK(l.config->servers[2].tags == std::vector<std::string>{"x", "y"});
}

TEST_CASE("listen") {
  check({
      {base + "listen: []\n", "3:9: listen: needs at least one address\n"},
      {base + "listen: [1.2.3.4]\n", "3:10: listen[0]: the port is missing\n"},
      {base + "listen: [{tls: off}]\n", "3:10: listen[0].address is missing: write it like 0.0.0.0:6033\n"},
      {base + "listen: [{address: 'h:1', tls: verify}]\n", "3:32: listen[0].tls: must be off, preferred or required\n"},
      {base + "listen: ['h:1', {address: 'h:1'}]\n", "3:17: listen[1]: the address h:1 is there twice\n"},
      {base + "listen: [{address: 'h:1', cert: /dev/null}]\n", "3:33: listen[0].cert: its key is missing\n"},
      {base + "listen: [{address: 'h:1', key: /dev/null}]\n", "3:32: listen[0].key: its cert is missing\n"},
      {base + "listen: [{address: 'h:1', ca: /dev/null}]\n",
       "3:31: listen[0].ca: required client certificates need tls: required\n"},
      {base + "listen: [{address: 'h:1', ca: /dev/null, verify_client: required}]\n",
       "3:57: listen[0].verify_client: required client certificates need tls: required\n"},
      {base + "listen: [{address: 'h:1', ca: /dev/null, verify_client: optional, tls: off}]\n",
       "3:57: listen[0].verify_client: needs TLS\n"},
      {base + "listen: [{address: 'h:1', verify_client: optional}]\n",
       "3:10: listen[0].ca is missing: the authorities that verify_client asks for\n"},
      {base + "listen: [{address: 'h:1', verify_client: maybe}]\n",
       "3:42: listen[0].verify_client: must be off, optional or required\n"},
      {base + "listen: [{address: 'h:1', ca: /dev/null, tls: required}]\n", ""},
      {base + "listen: [{address: 'h:1', ca: /dev/null, verify_client: optional}]\n", ""},
      {base + "listen: [{address: 'h:1', ca: /dev/null, verify_client: off}]\n", ""},
      {base + "listen: [{address: 'h:1', verify_client: off}]\n", ""},
      {base + "listen: [{address: 'h:1', proxy_protocol: [10.0.0.0/99]}]\n",
       "3:44: listen[0].proxy_protocol[0]: not a network: write it like 10.0.0.0/8 or fd00::/8\n"},
  });
  const Loaded l = load_text(
      base + "listen: ['127.0.0.1:0', '127.0.0.1:0', {address: '[::]:6033', tls: required, version: 8.4.0}]\n");
  REQUIRE(l.config);
  CHECK(l.config->listen.size() == 3);
  CHECK(l.config->listen[2].tls == Tls::required);
  CHECK(l.config->listen[2].version == "8.4.0");
}

TEST_CASE("accounts, limits and rules have a shape") {
  check({
      {base + "accounts: {source: file}\n", "3:11: accounts.users is missing: source: file needs them\n"},
      {base + "accounts: {users: [{name: a, password: b}]}\n", "3:19: accounts.users: only with source: file\n"},
      {base + "accounts: {source: file, users: [{name: a}]}\n",
       "3:34: accounts.users[0].password is missing: or password_file\n"},
      {base + "accounts: {source: file, users: []}\n", "3:33: accounts.users: needs at least one account\n"},
      {base + "accounts: {source: file, users: [{name: a, password: b}, {name: a, password: c}]}\n",
       "3:65: accounts.users[1].name: is there twice\n"},
      {base + "limits: [{user: a}]\n", "3:10: limits[0] limits nothing: set connections, running or per_second\n"},
      {base + "limits: [{running: 5}]\n", "3:10: limits[0].user is missing\n"},
      {base + "limits: [{user: a, running: 5}, {user: a, running: 6}]\n", "3:40: limits[1].user: has limits already\n"},
      {base + "routing: {rules: [{user: a}]}\n",
       "3:19: routing.rules[0] does nothing: set route, consistency, max_lag, tag, timeout or reject\n"},
      {base + "routing: {rules: [{client: x, route: primry}]}\n",
       "3:28: routing.rules[0].client: not a network: write it like 10.0.0.0/8 or fd00::/8\n"
       "3:38: routing.rules[0].route: must be primary, replica or server=NAME, did you mean \"primary\"?\n"},
      {base + "replication: {mode: manage}\n",
       "3:14: replication.user is missing: mode: manage needs the account that replicas use\n"},
      {base + "replication: {user: r}\n", "3:14: replication.password is missing: or password_file\n"},
      {base + "failover: {max_loss: some}\n",
       "3:22: failover.max_loss: must be none, any or a number of transactions\n"},
      {base + "metrics: {address: 'unix:/x'}\n", "3:20: metrics.address: must be host:port\n"},
      {base + "admin: {socket: x, mode: 888}\n",
       "3:17: admin.socket: must be a path that begins with / and has at most 107 bytes\n"
       "3:26: admin.mode: not a file mode: write it in octal, like \"0600\"\n"},
      {base + "routing: {lenient_hints: maybe}\n", "3:26: routing.lenient_hints: must be true or false\n"},
  });
  const Loaded l = load_text(base +
                             "limits: [{user: app, connections: 5}]\n"
                             "routing: {rules: [{user: a, client: 10.0.0.1, route: replica, max_lag: 0s, tag: t}]}\n");
  REQUIRE(l.config);
  CHECK(l.config->limits.at(0).connections == 5);
  const Rule& r = l.config->routing.rules.at(0);
  CHECK(r.client == std::vector<std::string>{"10.0.0.1/32"});
  CHECK(r.max_lag == milliseconds{0});
  CHECK(!r.timeout);
  CHECK(show(l.warnings) ==
        "3:1: limits: accepted, has no effect yet\n"
        "4:81: routing.rules[0].tag: no server has this tag: no replica is eligible\n");
}

TEST_CASE("what comes later is accepted with a warning, unless it says what happens anyway") {
  const Loaded quiet =
      load_text(base + "failover: {mode: manual, after: 3s, max_loss: none}\npool: {pipeline: auto}\n");
  REQUIRE(quiet.config);
  CHECK(show(quiet.warnings).empty());
  const Loaded loud = load_text(base + "failover: {mode: auto}\nlog: {slow: off, audit: on}\n");
  REQUIRE(loud.config);
  CHECK(loud.config->log.slow == milliseconds{0});
  CHECK(show(loud.warnings) ==
        "3:12: failover.mode: accepted, has no effect yet\n"
        "4:7: log.slow: accepted, has no effect yet\n"
        "4:18: log.audit: accepted, has no effect yet\n");
}

TEST_CASE("any value may come from the environment") {
  setenv("WYE_TEST_HOST", "10.9.8.7", 1);
  setenv("WYE_TEST_MAX", "77", 1);
  setenv("WYE_TEST_BAD", "hunter2", 1);
  unsetenv("WYE_TEST_NOT_SET");
  const Loaded l = load_text(
      "servers: ['${WYE_TEST_HOST}:3306']\n"
      "monitor: {user: wye, password: '${WYE_TEST_BAD}'}\n"
      "sessions: {max: '${WYE_TEST_MAX}', idle_timeout: '${WYE_TEST_MAX}s'}\n");
  INFO(show(l.mistakes));
  REQUIRE(l.config);
  CHECK(l.config->servers[0].address == "10.9.8.7:3306");
  CHECK(l.config->monitor.password == "hunter2");
  CHECK(l.config->sessions.max == 77);
  CHECK(l.config->sessions.idle_timeout == milliseconds{77'000});
  check({{base + "workers: ${WYE_TEST_NOT_SET}\n",
          "3:10: workers: the environment variable WYE_TEST_NOT_SET is not set\n"}});
}

TEST_CASE("no mistake shows a secret") {
  setenv("WYE_TEST_BAD", "hunter2", 1);
  const std::string servers = "servers: [a:1]\n";
  const std::string files[] = {
      servers + "monitor: {user: wye, password:hunter2}\n",
      servers + "monitor: {user: wye, pasword: hunter2}\n",
      servers + "monitor: {user: wye, password: *hunter2}\n",
      servers + "monitor: {user: wye, password: &hunter2}\n",
      servers + "monitor: {user: wye, password: !hunter2}\n",
      servers + "monitor: {user: wye, password: [hunter2]}\n",
      servers + "monitor: {user: wye, password: {hunter2: hunter2}}\n",
      servers + "monitor: {user: wye, password: 'x${hunter2}'}\n",
      servers + "monitor: {user: wye, password: '${hunter2'}\n",
      servers + "monitor: {user: wye, password: x, password: hunter2}\n",
      servers + "monitor: {user: wye, password: x, password_file: y}\nlog: {level: '${WYE_TEST_BAD}'}\n",
      servers + "monitor: wye:hunter2\n",
      servers + "monitor: hunter2\n",
      servers + "monitor: [hunter2]\n",
      servers + "monitor:\n  user: wye\n  password: \"hunter2\n\nx: [",
      servers + "monitor:\n  user: wye\n  password: %hunter2\n",
      servers + "monitor:\n  user: wye\n  password: @hunter2\n",
      servers + "monitor:\n  user: wye\n password: hunter2\n",
      "servers: ['root:hunter2@db:3306']\nmonitor: {user: wye, password: hunter2}\n",
      base + "workers: ${WYE_TEST_BAD}\nstate: ${WYE_TEST_BAD}\nmetrics: {address: ${WYE_TEST_BAD}}\n",
  };
  for (const std::string& yaml : files) {
    INFO(yaml);
    const Loaded l = load_text(yaml);
    CHECK(!l.mistakes.empty());
    CHECK(show(l.mistakes).find("hunter2") == std::string::npos);
    CHECK(show(l.warnings).find("hunter2") == std::string::npos);
  }
}

TEST_CASE("passwords in files of their own") {
  const Folder folder;
  const auto load = [&](const std::string& name) {
    return load_text("servers: [a:1]\nmonitor: {user: wye, password_file: " + name + "}\n", folder.path.string());
  };
  folder.write("plain", "secret\n");
  folder.write("two", "secret\n\n");
  folder.write("bare", " sec ret ");
  folder.write("empty", "\n");
  folder.write("nul", std::string("a\0b", 3));
  folder.write("long", std::string(5000, 'x'));
  folder.write("open", "secret", 0644);
  REQUIRE(load("plain").config);
  CHECK(load("plain").config->monitor.password == "secret");
  CHECK(load("plain").warnings.empty());
  CHECK(load("two").config->monitor.password == "secret\n");  // one newline only
  CHECK(load("bare").config->monitor.password == " sec ret ");
  CHECK(load(folder.path.string() + "/plain").config);
  const std::string at = "2:37: monitor.password_file: the file " + folder.path.string() + "/";
  CHECK(show(load("empty").mistakes) == at + "empty is empty\n");
  CHECK(show(load("nul").mistakes) == at + "nul holds a NUL byte\n");
  CHECK(show(load("long").mistakes) == at + "long is too long for a password\n");
  CHECK(show(load("none").mistakes) == at + "none can't be read: No such file or directory\n");
  CHECK(show(load(".").mistakes) ==
        "2:37: monitor.password_file: " + folder.path.string() + "/. is not a regular file\n");
  CHECK(load("open").config);
  CHECK(show(load("open").warnings) ==
        "2:37: monitor.password_file: every user of this machine can read " + folder.path.string() + "/open\n");
  CHECK(show(load_text("servers: [a:1]\nmonitor: {user: wye, password: x, password_file: y}\n").mistakes) ==
        "2:50: monitor.password_file: give password or password_file, not both\n");
}

TEST_CASE("files") {
  const Folder folder;
  CHECK(show(load_file("/nowhere/wye.yaml").mistakes) == "0:0: can't be read: No such file or directory\n");
  CHECK(show(load_file(folder.path.string()).mistakes) == "0:0: is not a regular file\n");
  CHECK(show(load_file(folder.write("large", std::string((1u << 20) + 1, '#'))).mistakes) ==
        "0:0: is larger than 1MiB\n");
  CHECK(load_file(folder.write("closed.yaml", base, 0600)).warnings.empty());
  CHECK(show(load_file(folder.write("open.yaml", base, 0644)).warnings) ==
        "0:0: holds a password, and every user of this machine can read it\n");
  setenv("WYE_TEST_A", "alpha", 1);
  CHECK(load_file(folder.write("env.yaml", "servers: [a:1]\nmonitor: {user: w, password: '${WYE_TEST_A}'}\n", 0644))
            .warnings.empty());
}

TEST_CASE("hostile YAML neither crashes nor hangs") {
  std::string laughs = "a: &a [x, x, x, x, x, x, x, x, x]\n";
  for (char c = 'b'; c < 'k'; ++c) {
    laughs += std::string{c} + ": &" + c + " [";
    for (int i = 0; i < 9; ++i) laughs += std::string{i > 0 ? ", " : ""} + "*" + static_cast<char>(c - 1);
    laughs += "]\n";
  }
  for (const std::string& yaml :
       {laughs, std::string(100'000, '['), std::string(100'000, '{'), std::string("\0\0\0", 3),
        std::string("\xff\xfe\x00", 3), std::string("servers: &s [*s]\nmonitor: x\n"), std::string("a: *b"),
        std::string("\t- x"), std::string("%YAML 9\n--- a"), std::string("servers: [\"a\\0b:1\"]\n"),
        base + "pool: &p {idle: *p}\n"}) {
    const Loaded l = load_text(yaml);
    CHECK(!l.mistakes.empty());
    CHECK(!l.config);
  }
}
