#include "proxy/cli/check.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "proxy/cli/server_check.h"
#include "tests/unit/catch.h"

using namespace wye;

namespace {

struct File {
  explicit File(const std::string& text) {
    std::string name = (std::filesystem::temp_directory_path() / "wye-check-XXXXXX").string();
    const int fd = mkstemp(name.data());  // mode 0600
    REQUIRE(fd >= 0);
    close(fd);
    std::ofstream{name} << text;
    path = name;
  }
  ~File() { std::filesystem::remove(path); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  std::string path;
};

std::pair<int, std::string> check(const std::string& path, bool connect) {
  std::ostringstream out;
  const int code = cli::run_check(path, connect, out);
  return {code, out.str()};
}

}  // namespace

TEST_CASE("mistakes, warnings and ok, with exit codes") {
  const File good{"servers: [127.0.0.1:1]\nmonitor: {user: w, password: x}\n"};
  CHECK(check(good.path, false) == std::pair{0, std::string{"ok\n"}});
  const File warns{"servers: [127.0.0.1:1]\nmonitor: {user: w, password: x}\nfailover: {mode: auto}\n"};
  CHECK(check(warns.path, false) ==
        std::pair{0, warns.path + ":3:12: warning: failover.mode: accepted, has no effect yet\nok\n"});
  const File bad{"servers: []\nmonitr: 1\n"};
  const auto [code, text] = check(bad.path, true);
  CHECK(code == 2);
  CHECK(text.find(bad.path + ":1:10: servers: needs at least one server\n") != std::string::npos);
  CHECK(text.find(bad.path + ":2:1: unknown key \"monitr\", did you mean \"monitor\"?\n") != std::string::npos);
  CHECK(text.find("ok\n") == std::string::npos);
  CHECK(check("/nowhere.yaml", false).first == 2);
}

TEST_CASE("a server that nobody reaches is a failure, named") {
  // Port 1 on the loopback: refused at once.
  const File file{"servers: [127.0.0.1:1]\nmonitor: {user: w, password: hunter2}\nbackend: {connect_timeout: 1s}\n"};
  const auto [code, text] = check(file.path, true);
  CHECK(code == 1);
  CHECK(text.starts_with("db1 127.0.0.1:1: not usable\n  problem: 2"));
  CHECK(text.find("hunter2") == std::string::npos);
  CHECK(text.find("ok\n") == std::string::npos);
}

TEST_CASE("accounts and grants as SQL") {
  CHECK(cli::quoted_account("wye@%") == "'wye'@'%'");
  CHECK(cli::quoted_account("o'b@c\\@10.0.0.%") == "'o''b@c\\\\'@'10.0.0.%'");
  CHECK(cli::quoted_account("nobody") == "'nobody'@'%'");
  using topology::Flavour;
  CHECK(cli::missing_grant(Flavour::mysql, "'w'@'%'", "watch") ==
        std::vector<std::string>{"GRANT REPLICATION CLIENT ON *.* TO 'w'@'%';"});
  CHECK(cli::missing_grant(Flavour::mariadb, "'w'@'%'", "watch") ==
        std::vector<std::string>{"GRANT REPLICA MONITOR ON *.* TO 'w'@'%';"});
  CHECK(cli::missing_grant(Flavour::mariadb, "'w'@'%'", "accounts") ==
        std::vector<std::string>{"GRANT SELECT ON mysql.user TO 'w'@'%';"});
  const auto routines = [](const char* version) {
    return cli::routines_grant(topology::parse_version(version), "'w'@'%'");
  };
  CHECK(routines("9.7.4") == "GRANT SHOW_ROUTINE ON *.* TO 'w'@'%';");
  CHECK(routines("8.0.19") == "GRANT SELECT ON mysql.proc TO 'w'@'%';");
  CHECK(routines("10.11.19-MariaDB") == "GRANT SELECT ON mysql.proc TO 'w'@'%';");
}
