#include "replication/manager/tools.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/unit/catch.h"

using namespace wye;

namespace {

/// A folder with programs that say their version.
struct Folder {
  std::string path = "/tmp/wye_tools_test." + std::to_string(::getpid());
  Folder() { std::filesystem::create_directory(path); }
  ~Folder() { std::filesystem::remove_all(path); }
  void add(const std::string& name, const std::string& version) const {
    const std::string file = path + "/" + name;
    std::ofstream{file} << "#!/bin/sh\necho '" << name << "  " << version << "'\n";
    REQUIRE(::chmod(file.c_str(), 0700) == 0);
  }
  /// The programs for a server, or why there are none.
  std::string find(const char* version) const {
    const auto tools = manager::find_tools(path, topology::parse_version(version));
    if (!tools) return tools.error().message;
    return tools->dump.path.substr(path.size() + 1) + " " + tools->load.path.substr(path.size() + 1);
  }
};

constexpr const char* of_mariadb = "Ver 10.19 Distrib 10.11.19-MariaDB, for debian-linux-gnu (x86_64)";

}  // namespace

TEST_CASE("each server takes the programs that can speak to it") {
  const Folder folder;
  CHECK(folder.find("9.7.4").find("there is no mysqldump") == 0);
  folder.add("mariadb-dump", of_mariadb);
  folder.add("mariadb", of_mariadb);
  CHECK(folder.find("10.11.19-MariaDB") == "mariadb-dump mariadb");
  CHECK(folder.find("5.7.44") == "mariadb-dump mariadb");
  CHECK(folder.find("9.7.4").find("is MariaDB's") != std::string::npos);
  CHECK(folder.find("5.6.24").find("asks for columns that this version has not") != std::string::npos);
  SECTION("MySQL 9's own") {
    folder.add("mysqldump", "Ver 9.7.0 for Linux on x86_64 (MySQL Community Server - GPL)");
    folder.add("mysql", "Ver 9.7.0 for Linux on x86_64 (MySQL Community Server - GPL)");
    CHECK(folder.find("9.7.4") == "mysqldump mysql");
    CHECK(folder.find("5.6.24").find("no mysql_native_password") != std::string::npos);
    CHECK(folder.find("10.11.19-MariaDB") == "mariadb-dump mariadb");
  }
  SECTION("those of its time; MariaDB's can load") {
    folder.add("mysqldump", "Ver 10.13 Distrib 5.6.24, for linux-glibc2.5 (x86_64)");
    CHECK(folder.find("5.6.24") == "mysqldump mariadb");
  }
  SECTION("a program that does not start") {
    folder.add("mysqldump", "x'; exit 1; echo '");
    CHECK(folder.find("9.7.4").find("does not start") != std::string::npos);
  }
}
