#include "replication/manager/journal.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "replication/plan/dialect.h"
#include "tests/unit/catch.h"

using namespace wye;
using manager::Journal;
using manager::load_unfinished;
using manager::Mark;

namespace {

class Folder {
 public:
  Folder() { REQUIRE(mkdtemp(path_) != nullptr); }
  ~Folder() {
    unlink(file().c_str());
    unlink((file() + ".new").c_str());
    rmdir(path_);
  }
  std::string path() const { return path_; }
  std::string file() const { return path() + "/operation.journal"; }
  std::string text() const {
    std::ostringstream out;
    out << std::ifstream{file()}.rdbuf();
    return out.str();
  }
  void write(const std::string& text) const { std::ofstream{file()} << text; }

 private:
  char path_[32] = "/tmp/wye-journal-XXXXXX";
};

plan::Plan a_plan() {
  plan::Plan plan;
  plan.operation = "SET UP REPLICATION PRIMARY db1";
  plan.steps.push_back({"db2",
                        "keep writes out",
                        "SELECT 1",
                        {"SET GLOBAL read_only = ON"},
                        "SELECT @@read_only = 1",
                        true,
                        "",
                        {"SET GLOBAL read_only = OFF"},
                        base::milliseconds{500}});
  plan.steps.push_back({"db2",
                        "follow \"db1\"\n",
                        "",
                        {std::string{"CHANGE "} + plan::password_mark, "START"},
                        "",
                        false,
                        "h:1",
                        {},
                        base::milliseconds{60'000}});
  plan.servers = {{"db2", "uuid-2"}};
  plan.notes = {"note"};
  return plan;
}

}  // namespace

TEST_CASE("What was planned and how far it came is found again") {
  const Folder folder;
  CHECK_FALSE(*load_unfinished(folder.path()));
  const plan::Plan plan = a_plan();
  {
    Journal journal;
    REQUIRE(journal.begin(folder.path(), plan));
    const auto left = load_unfinished(folder.path());
    REQUIRE(left);
    REQUIRE(*left);
    CHECK((*left)->plan.steps == plan.steps);
    CHECK((*left)->plan.servers == plan.servers);
    CHECK((*left)->plan.notes == plan.notes);
    CHECK((*left)->plan.operation == plan.operation);
    CHECK((*left)->marks == std::vector<Mark>{Mark::waiting, Mark::waiting});
    REQUIRE(journal.mark(0, Mark::begun));
    REQUIRE(journal.mark(0, Mark::done));
    REQUIRE(journal.mark(1, Mark::begun));
  }
  auto left = load_unfinished(folder.path());
  CHECK((*left)->marks == std::vector<Mark>{Mark::done, Mark::begun});
  CHECK_FALSE((*left)->undoing);
  {
    Journal journal;
    REQUIRE(journal.resume(folder.path()));
    REQUIRE(journal.undoing("1045: \xff no"));
    REQUIRE(journal.mark(1, Mark::undone));
    left = load_unfinished(folder.path());
    CHECK((*left)->undoing);
    CHECK((*left)->marks == std::vector<Mark>{Mark::done, Mark::undone});
    REQUIRE(journal.end());
  }
  CHECK_FALSE(*load_unfinished(folder.path()));
  struct stat file {};
  REQUIRE(stat(folder.file().c_str(), &file) == 0);
  CHECK((file.st_mode & 0777) == 0600);
}

TEST_CASE("A journal that was cut off anywhere says what is sure") {
  const Folder folder;
  std::string whole;
  {
    Journal journal;
    REQUIRE(journal.begin(folder.path(), a_plan()));
    REQUIRE(journal.mark(0, Mark::begun));
    REQUIRE(journal.mark(0, Mark::done));
    REQUIRE(journal.mark(1, Mark::begun));
    whole = folder.text();
  }
  const std::size_t first = whole.find('\n') + 1;
  for (std::size_t cut = first; cut <= whole.size(); ++cut) {
    folder.write(whole.substr(0, cut));
    const auto left = load_unfinished(folder.path());
    REQUIRE(left);
    REQUIRE(*left);
    Journal journal;
    REQUIRE(journal.resume(folder.path()));
    REQUIRE(journal.mark(1, Mark::done));  // must not become a part of what was cut off
    CHECK((*load_unfinished(folder.path()))->marks[1] == Mark::done);
  }
}

TEST_CASE("A damaged journal is an error, not an operation") {
  const Folder folder;
  for (const std::string& text : {std::string{"{}\n"}, std::string{"{\"plan\":{}}\n"}, std::string{"[1]\n"},
                                  std::string{"nonsense\n"}, std::string{"{\"plan\":{\"steps\":[7]}}\n"}}) {
    folder.write(text);
    CHECK_FALSE(load_unfinished(folder.path()));
  }
  Journal journal;
  REQUIRE(journal.begin(folder.path(), a_plan()));
  const std::string whole = folder.text();
  folder.write(whole + "{\"step\":99,\"mark\":\"done\"}\n");
  CHECK_FALSE(load_unfinished(folder.path()));
  folder.write(whole + "{\"step\":0,\"mark\":\"perhaps\"}\n");
  CHECK_FALSE(load_unfinished(folder.path()));
}

TEST_CASE("Without a folder nothing is kept") {
  Journal journal;
  CHECK(journal.begin("", a_plan()));
  CHECK(journal.mark(0, Mark::begun));
  CHECK(journal.end());
  CHECK_FALSE(*load_unfinished(""));
  Journal nowhere;
  CHECK_FALSE(nowhere.begin("/nowhere/at/all", a_plan()));
}
