#include "replication/manager/members.h"

#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "tests/unit/catch.h"

using namespace wye;
using manager::Member;
using manager::Members;

namespace {

const Member db1{"db1", "10.0.0.1:3306"}, db2{"db2", "10.0.0.2:3306"}, db4{"db4", "10.0.0.4:3306"};

class Folder {
 public:
  Folder() { REQUIRE(mkdtemp(path_) != nullptr); }
  ~Folder() {
    unlink((path() + "/members").c_str());
    rmdir(path_);
  }
  std::string path() const { return path_; }

 private:
  char path_[32] = "/tmp/wye-members-XXXXXX";
};

}  // namespace

TEST_CASE("What commands changed of the list of servers is kept") {
  const Folder folder;
  auto none = manager::load_members(folder.path());
  REQUIRE(none);
  CHECK(*none == Members{});
  const Members some{{db4}, {db2, {"a \"b\"", "unix:/x y"}}};
  REQUIRE(manager::save_members(folder.path(), some));
  auto again = manager::load_members(folder.path());
  REQUIRE(again);
  CHECK(*again == some);
  std::ofstream{folder.path() + "/members"} << "{\"added\": [7]}";
  CHECK_FALSE(manager::load_members(folder.path()));
  CHECK_FALSE(manager::save_members(folder.path() + "/nowhere", some));
}

TEST_CASE("The file's list and what commands changed of it") {
  Members members{{db4}, {db2}};
  CHECK(manager::merged({db1, db2}, members) == std::vector<Member>{db1, db4});
  CHECK(members == Members{{db4}, {db2}});
  SECTION("the file names the added one: it is the file's") {
    CHECK(manager::merged({db1, db2, db4}, members) == std::vector<Member>{db1, db4});
    CHECK(members == Members{{}, {db2}});
  }
  SECTION("the file has another server of that name, or at that address") {
    CHECK(manager::merged({db1, {"db4", "10.0.0.9:3306"}}, members) ==
          std::vector<Member>{db1, {"db4", "10.0.0.9:3306"}});
    CHECK(members.added.empty());
    members.added = {db4};
    CHECK(manager::merged({db1, {"other", db4.address}}, members) == std::vector<Member>{db1, {"other", db4.address}});
  }
  SECTION("the file names the removed one no longer: nothing is to be remembered") {
    CHECK(manager::merged({db1}, members) == std::vector<Member>{db1, db4});
    CHECK(members.removed.empty());
  }
  SECTION("the file gives the name of the removed one to another server") {
    const Member moved{"db2", "10.0.0.7:3306"};
    CHECK(manager::merged({db1, moved}, members) == std::vector<Member>{db1, moved, db4});
    CHECK(members.removed.empty());
  }
}
