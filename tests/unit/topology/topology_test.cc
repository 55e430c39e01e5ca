#include "replication/topology/topology.h"

#include "tests/unit/catch.h"

using namespace wye::topology;

TEST_CASE("Versions are numbers") {
  struct Row {
    const char* text;
    Flavour flavour;
    std::uint32_t number;
  };
  const Row table[] = {
      {"9.7.4", Flavour::mysql, 90'704},
      {"9.7.4-2", Flavour::mysql, 90'704},
      {"26.7.0", Flavour::mysql, 260'700},
      {"8.0.36-28", Flavour::mysql, 80'036},
      {"8.4.0-log", Flavour::mysql, 80'400},
      {"5.6.51", Flavour::mysql, 50'651},
      {"8.0.mysql_aurora.3.04.0", Flavour::mysql, 80'000},
      {"5.5.5-10.11.19-MariaDB-0+deb12u1", Flavour::mariadb, 101'119},
      {"10.11.19-MariaDB-0+deb12u1-log", Flavour::mariadb, 101'119},
      {"11.4.2-mariadb", Flavour::mariadb, 110'402},
      {"5.5.5-MariaDB", Flavour::mariadb, 50'505},
      {"5.5.5", Flavour::mysql, 50'505},
      {"5.6.100", Flavour::mysql, 50'699},
      {"99999999999999999999.1.1", Flavour::mysql, 99'990'101},
      {"", Flavour::mysql, 0},
      {"MariaDB", Flavour::mariadb, 0},
  };
  for (const Row& row : table) {
    INFO(row.text);
    const Version version = parse_version(row.text);
    CHECK(version.flavour == row.flavour);
    CHECK(version.number == row.number);
    CHECK(version.text == row.text);
  }
  CHECK(parse_version("26.7.0").number > parse_version("8.4.0").number);
}

TEST_CASE("Addresses") {
  struct Row {
    const char* text;
    const char* host;
    int port;
    const char* path;
    const char* printed;
  };
  const Row table[] = {
      {"db1", "db1", 3306, "", "db1:3306"},
      {"db1:3307", "db1", 3307, "", "db1:3307"},
      {"10.0.0.1:3306", "10.0.0.1", 3306, "", "10.0.0.1:3306"},
      {"[::1]:3307", "::1", 3307, "", "[::1]:3307"},
      {"[::1]", "::1", 3306, "", "[::1]:3306"},
      {"::1", "::1", 3306, "", "[::1]:3306"},
      {"fe80::1%eth0", "fe80::1%eth0", 3306, "", "[fe80::1%eth0]:3306"},
      {"unix:/run/mysqld/mysqld.sock", "", 3306, "/run/mysqld/mysqld.sock", "unix:/run/mysqld/mysqld.sock"},
  };
  for (const Row& row : table) {
    INFO(row.text);
    const auto address = parse_address(row.text);
    REQUIRE(bool{address});
    CHECK(address->host == row.host);
    CHECK(address->port == row.port);
    CHECK(address->path == row.path);
    CHECK(address->to_string() == row.printed);
    const auto again = parse_address(address->to_string());
    REQUIRE(bool{again});
    CHECK(*again == *address);
  }
}

TEST_CASE("What is no address is an error") {
  for (const char* text :
       {"", ":3306", "db1:", "db1:0", "db1:65536", "db1:33o6", "db1:-1", "db1:+5", "[::1", "[::1]3306", "[::1]:", "[]",
        "[db1]:3306", "unix:", "unix:relative.sock", "d b", "db1/x", "db\n1"}) {
    INFO(text);
    CHECK_FALSE(bool{parse_address(text)});
  }
  CHECK_FALSE(bool{parse_address("unix:/" + std::string(107, 'x'))});
  CHECK_FALSE(bool{parse_address(std::string(300, 'x'))});
}

TEST_CASE("Names") {
  CHECK(name(Role::primary) == std::string{"primary"});
  CHECK(name(Role::replica) == std::string{"replica"});
  CHECK(name(Role::unknown) == std::string{"unknown"});
  CHECK(name(State::online) == std::string{"online"});
  CHECK(name(State::lagging) == std::string{"lagging"});
  CHECK(name(State::draining) == std::string{"draining"});
  CHECK(name(State::offline) == std::string{"offline"});
  CHECK(name(State::broken) == std::string{"broken"});
  CHECK(name(Flavour::mysql) == std::string{"mysql"});
  CHECK(name(Flavour::mariadb) == std::string{"mariadb"});
}
