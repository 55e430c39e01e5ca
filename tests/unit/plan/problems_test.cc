#include "replication/plan/problems.h"

#include "tests/unit/catch.h"

using namespace wye;

namespace {

struct World {
  plan::Settings settings;
  std::vector<topology::Observation> seen{2};
  std::vector<topology::Survey> surveys{2};

  explicit World(const char* version = "9.7.4") {
    for (std::size_t i = 0; i < 2; ++i) {
      settings.servers.push_back({"db" + std::to_string(i + 1), {"10.0.0.1", 3306, "", ""}, 1, {}});
      seen[i].version = topology::parse_version(version);
      seen[i].server_number = static_cast<std::uint32_t>(i + 1);
      surveys[i].log_bin = surveys[i].log_updates = true;
      surveys[i].binlog_format = "ROW";
    }
    seen[1].channels.emplace_back();
    seen[1].read_only = seen[1].super_read_only = true;
  }
  std::string text() const {
    std::vector<plan::Sight> sights;
    plan::Surveys shared;
    for (std::size_t i = 0; i < 2; ++i) {
      sights.push_back({std::make_shared<const topology::Observation>(seen[i]), std::nullopt, false});
      shared.push_back(std::make_shared<const topology::Survey>(surveys[i]));
    }
    std::string out;
    for (const plan::Trouble& one : plan::find_problems(settings, sights, shared))
      out += one.server + ": " + one.what + " -> " + one.remedy + "\n";
    return out;
  }
};

}  // namespace

TEST_CASE("A cluster as wye makes it has no problems") {
  CHECK(World{}.text().empty());
  World maria{"10.11.19-MariaDB"};
  maria.seen[1].super_read_only = false;  // there is none
  maria.surveys[0].gtid_strict_mode = maria.surveys[1].gtid_strict_mode = true;
  CHECK(maria.text().empty());
}

TEST_CASE("Accounts that get past the fence are named") {
  World world;
  world.surveys[0].piercers = world.surveys[1].piercers = {{"'app'@'%'", "SUPER"}};
  CHECK(world.text() == "db2: accounts that can make it writable: 'app'@'%' (SUPER) -> REVOKE what they don't need\n");
  World maria{"10.11.19-MariaDB"};
  maria.surveys[1].piercers.assign(7, {"'a'@'%'", "READ_ONLY ADMIN"});
  CHECK(maria.text().find("write to it although it is read-only: 'a'@'%' (READ_ONLY ADMIN), ") != std::string::npos);
  CHECK(maria.text().find("and 2 more") != std::string::npos);
}

TEST_CASE("Settings that cost something at a failover are named, with the statement") {
  World world;
  world.seen[0].semi_sync = topology::SemiSync{true, false, false, false, 0};
  world.seen[1].semi_sync = topology::SemiSync{true, false, true, true, 0};
  world.surveys[1].sync_relay_log = 10'000;
  world.surveys[0].semi_sync_wait_point = "AFTER_COMMIT";
  world.surveys[0].binlog_format = "MIXED";
  world.surveys[1].filters = {"replicate_do_db=shop"};
  world.surveys[1].log_updates = false;
  world.surveys[1].disk_free = 5 << 20;
  world.seen[1].super_read_only = false;
  world.seen[1].server_number = 1;
  world.surveys[1].unreadable = {"accounts: 1142 denied"};
  const std::string text = world.text();
  for (const char* part :
       {"db1: semi-sync has fallen back", "db1: others see a commit",
        "SET PERSIST rpl_semi_sync_source_wait_point = 'AFTER_SYNC'", "db1: its binary log holds statements (MIXED)",
        "SET PERSIST binlog_format = ROW", "db2: it acknowledges what is not on its disk",
        "db2: a filter leaves a part out", "db2: what it gets by replication", "db2: its disk has 5 MiB left",
        "db2: it keeps only those out", "db2: it has the same server_id as db1",
        "db2: not known: accounts: 1142 denied"}) {
    INFO(text);
    CHECK(text.find(part) != std::string::npos);
  }
  CHECK(text.find("db2: semi-sync has fallen back") == std::string::npos);  // a replica waits for nobody
}
