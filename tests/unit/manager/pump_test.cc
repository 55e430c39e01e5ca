#include "replication/manager/pump.h"

#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <sstream>

#include "replication/manager/child.h"
#include "replication/manager/tools.h"
#include "tests/unit/catch.h"

using namespace wye;
using manager::Pumping;

namespace {

std::vector<std::string> shell(const std::string& script) { return {"/bin/sh", "-c", script}; }

struct Try {
  std::string file = "/tmp/wye_pump_test." + std::to_string(::getpid());
  Pumping how;
  int begun = 0;
  std::uint64_t bytes = 0;

  explicit Try(const std::string& dump, const std::string& load = "") {
    how.dump = shell(dump);
    how.load = shell(load.empty() ? "cat > " + file : load);
    how.begun = [this]() -> base::Status {
      ++begun;
      return base::Ok{};
    };
    how.going = [this](std::uint64_t so_far) {
      bytes = so_far;
      return true;
    };
  }
  ~Try() { std::remove(file.c_str()); }
  std::string loaded() const {
    std::ostringstream out;
    out << std::ifstream{file}.rdbuf();
    return out.str();
  }
};

}  // namespace

TEST_CASE("what one program writes another one reads") {
  Try one{"echo CREATE DATABASE; head -c 3000000 /dev/zero"};
  REQUIRE(pump(one.how));
  CHECK(one.begun == 1);
  CHECK(one.loaded().size() == 3'000'016);
  CHECK(one.bytes == 3'000'016);
}

TEST_CASE("the options are in the third descriptor only") {
  Try one{"cat <&3; tr '\\0' '\\n' < /proc/self/environ | grep -c hidden; true"};
  one.how.dump_options = "hidden";
  REQUIRE(pump(one.how));
  CHECK(one.loaded() == "hidden0\n");
}

TEST_CASE("a program that fails is told") {
  SECTION("the dump") {
    Try one{"echo CREATE DATABASE; echo it is gone >&2; exit 3"};
    const auto done = pump(one.how);
    REQUIRE(!done);
    CHECK(done.error().message == "the dump ended with 3: it is gone");
  }
  SECTION("the load, early") {
    Try one{"head -c 3000000 /dev/zero", "echo no >&2; exit 1"};
    const auto done = pump(one.how);
    REQUIRE(!done);
    CHECK(done.error().message == "the load ended with 1: no");
    CHECK(one.begun <= 1);
  }
  SECTION("the load, at its end") {
    Try one{"echo x", "cat > /dev/null; exit 4"};
    const auto done = pump(one.how);
    REQUIRE(!done);
    CHECK(done.error().message == "the load ended with 4");
    CHECK(one.begun == 1);
  }
  SECTION("there is no such program") {
    Try one{"true"};
    one.how.dump = {"/nowhere/mysqldump"};
    CHECK(!pump(one.how));
  }
}

TEST_CASE("it can be ended") {
  Try one{"echo CREATE DATABASE; exec sleep 100"};
  int left = 3;
  one.how.going = [&](std::uint64_t) { return --left > 0; };
  CHECK(!pump(one.how));
}

TEST_CASE("what stands in the way of the snapshot ends it") {
  Try one{"echo CREATE DATABASE; exec sleep 100"};
  one.how.begun = []() -> base::Status { return base::Error{1105, "HY000", "it moved"}; };
  const auto done = pump(one.how);
  REQUIRE(!done);
  CHECK(done.error().message == "it moved");
}

TEST_CASE("passwords are escaped as options files want it") {
  manager::Reach reach;
  reach.address = {"10.0.0.1", 3307, "", ""};
  reach.login = {"wye", "a'b\\c\"d # e"};
  CHECK(options_file(reach) ==
        "[client]\nuser=\"wye\"\npassword=\"a\\'b\\\\c\\\"d # e\"\nprotocol=tcp\nhost=\"10.0.0.1\"\nport=3307\n");
}
