#include "replication/server/observe.h"

#include "tests/unit/catch.h"

using namespace wye;
using server::Table;
using topology::Flavour;
using topology::Observation;

namespace {

using Pairs = std::vector<std::pair<const char*, const char*>>;

Table one_row(const Pairs& pairs) {
  Table table;
  table.rows.emplace_back();
  for (const auto& [column, value] : pairs) {
    table.columns.emplace_back(column);
    if (value == nullptr) {
      table.rows[0].emplace_back();
    } else {
      table.rows[0].emplace_back(value);
    }
  }
  return table;
}

}  // namespace

TEST_CASE("Replica status under every spelling") {
  const Pairs mysql_new = {{"Replica_IO_State", "Waiting"}, {"Source_Host", "10.0.0.1"},   {"Source_Port", "3307"},
                           {"Replica_IO_Running", "Yes"},   {"Replica_SQL_Running", "No"}, {"Source_Server_Id", "7"},
                           {"Source_UUID", "abc"},          {"Last_IO_Errno", "0"},        {"Last_SQL_Errno", "1062"},
                           {"Last_IO_Error", ""},           {"Last_SQL_Error", "Dup"},     {"SQL_Delay", "60"},
                           {"Auto_Position", "1"},          {"Channel_Name", "c"}};
  const Pairs mysql_old = {{"Auto_Position", "1"},      {"Channel_Name", "c"},       {"Slave_IO_Running", "Yes"},
                           {"Slave_SQL_Running", "No"}, {"Master_Host", "10.0.0.1"}, {"Master_Port", "3307"},
                           {"Master_Server_Id", "7"},   {"Master_UUID", "abc"},      {"Last_SQL_Errno", "1062"},
                           {"Last_SQL_Error", "Dup"},   {"SQL_Delay", "60"}};
  const Pairs mariadb = {{"Connection_name", "c"},    {"Slave_SQL_State", ""},     {"Master_Host", "10.0.0.1"},
                         {"Master_Port", "3307"},     {"Slave_IO_Running", "Yes"}, {"Slave_SQL_Running", "No"},
                         {"Master_Server_Id", "7"},   {"Last_SQL_Errno", "1062"},  {"Last_SQL_Error", "Dup"},
                         {"Using_Gtid", "Slave_Pos"}, {"SQL_Delay", "60"}};
  const struct {
    const Pairs& row;
    Flavour flavour;
    const char* uuid;
  } table[] = {{mysql_new, Flavour::mysql, "abc"}, {mysql_old, Flavour::mysql, "abc"}, {mariadb, Flavour::mariadb, ""}};
  for (const auto& row : table) {
    Observation seen;
    REQUIRE(bool{server::read_channels(one_row(row.row), row.flavour, seen)});
    REQUIRE(seen.channels.size() == 1);
    const topology::Channel& channel = seen.channels[0];
    CHECK(channel.name == "c");
    CHECK(channel.source_host == "10.0.0.1");
    CHECK(channel.source_port == 3307);
    CHECK(channel.source_server_number == 7);
    CHECK(channel.source_uuid == row.uuid);
    CHECK(channel.receiver_running);
    CHECK(channel.receiver_started);
    CHECK_FALSE(channel.applier_running);
    CHECK(channel.uses_gtid);
    CHECK(channel.receiver_errno == 0);
    CHECK(channel.applier_errno == 1062);
    CHECK(channel.applier_error == "Dup");
    CHECK(channel.delay == base::seconds{60});
  }
}

TEST_CASE("A receiver that connects isn't running, but is meant to") {
  for (const char* state : {"Connecting", "Preparing"}) {
    Observation seen;
    REQUIRE(bool{server::read_channels(one_row({{"Slave_IO_Running", state}, {"Slave_SQL_Running", "Yes"}}),
                                       Flavour::mariadb, seen)});
    CHECK_FALSE(seen.channels[0].receiver_running);
    CHECK(seen.channels[0].receiver_started);
  }
}

TEST_CASE("What MySQL has applied and received") {
  const std::string uuid = "3e11fa47-71ca-11e1-9e33-c80aa9429562";
  Observation seen;
  const std::string executed = uuid + ":1-5", retrieved = uuid + ":4-9";
  const Table status = one_row({{"Retrieved_Gtid_Set", retrieved.c_str()}});
  REQUIRE(bool{server::read_sets(one_row({{"executed", executed.c_str()}}), status, seen)});
  CHECK(seen.executed->to_string(Flavour::mysql) == uuid + ":1-5");
  CHECK(seen.written == seen.executed);
  CHECK(seen.received->to_string(Flavour::mysql) == uuid + ":1-9");
  CHECK_FALSE(bool{server::read_sets(one_row({{"executed", "nonsense"}}), status, seen)});
  CHECK_FALSE(bool{server::read_sets(one_row({{"executed", ""}}), one_row({{"Retrieved_Gtid_Set", "?"}}), seen)});
}

TEST_CASE("What MariaDB has applied, written and received") {
  struct Row {
    const char* what;
    bool replica;
    const char *using_gtid, *slave_pos, *binlog_pos, *io_pos;
    const char *executed, *written, *received;
  };
  const Row table[] = {
      {"a primary", false, "", "0-1-3", "0-7-20", "", "0-7-20", "0-7-20", "0-7-20"},
      {"a replica", true, "Slave_Pos", "0-1-15", "0-1-15", "0-1-18", "0-1-15", "0-1-15", "0-1-18"},
      {"without log_slave_updates", true, "Slave_Pos", "0-1-15", "", "0-1-15", "0-1-15", "", "0-1-15"},
      {"a stray write on a replica doesn't count", true, "Slave_Pos", "0-1-15", "0-7-16", "0-1-18", "0-1-15", "0-7-16",
       "0-1-18"},
      {"a former primary that counts its own", true, "Current_Pos", "0-1-15", "0-7-16,1-3-4", "", "0-7-16",
       "0-7-16,1-3-4", "0-7-16"},
      {"several domains", true, "Slave_Pos", "0-1-15,1-2-9", "", "1-2-12", "0-1-15,1-2-9", "", "0-1-15,1-2-12"},
  };
  for (const Row& row : table) {
    INFO(row.what);
    Observation seen;
    seen.version = topology::parse_version("10.11.19-MariaDB");
    seen.server_number = 7;
    if (row.replica) seen.channels.emplace_back();
    const Table status = row.replica ? one_row({{"Using_Gtid", row.using_gtid}, {"Gtid_IO_Pos", row.io_pos}}) : Table{};
    REQUIRE(
        bool{server::read_sets(one_row({{"slave_pos", row.slave_pos}, {"binlog_pos", row.binlog_pos}}), status, seen)});
    CHECK(seen.executed->to_string(Flavour::mariadb) == row.executed);
    CHECK(seen.written->to_string(Flavour::mariadb) == row.written);
    CHECK(seen.received->to_string(Flavour::mariadb) == row.received);
  }
}

TEST_CASE("A login leaves nothing behind when it moves") {
  server::Login from{"u", "short one"};
  const server::Login copy = from;
  const server::Login to = std::move(from);
  CHECK(to.password == "short one");
  CHECK(copy.password == "short one");
  CHECK(from.password.empty());  // NOLINT(bugprone-use-after-move)
  server::Login other{"v", "another, long enough to live on the heap"};
  other = to;
  CHECK(other.password == "short one");
  CHECK(other.user == "u");
}

TEST_CASE("Strange answers") {
  Observation seen;
  CHECK(bool{server::read_channels(Table{}, Flavour::mysql, seen)});
  CHECK(seen.channels.empty());
  CHECK_FALSE(bool{server::read_channels(one_row({{"Something", "Yes"}}), Flavour::mysql, seen)});
  REQUIRE(bool{server::read_channels(one_row({{"Slave_IO_Running", nullptr},
                                              {"Slave_SQL_Running", nullptr},
                                              {"Master_Host", nullptr},
                                              {"Master_Port", "99999999"},
                                              {"Master_Server_Id", "-1"},
                                              {"SQL_Delay", nullptr}}),
                                     Flavour::mysql, seen)});
  CHECK_FALSE(seen.channels[0].receiver_started);
  CHECK_FALSE(seen.channels[0].applier_running);
  CHECK(seen.channels[0].source_port == 0);
  CHECK(seen.channels[0].source_server_number == 0);
}

TEST_CASE("Each version gets the words that it knows") {
  const std::pair<const char*, std::string> table[] = {
      {"5.6.51", "SHOW SLAVE STATUS"},   {"5.7.44", "SHOW SLAVE STATUS"},
      {"8.0.21", "SHOW SLAVE STATUS"},   {"8.0.22", "SHOW REPLICA STATUS"},
      {"8.4.0", "SHOW REPLICA STATUS"},  {"9.7.4", "SHOW REPLICA STATUS"},
      {"26.7.0", "SHOW REPLICA STATUS"}, {"10.11.19-MariaDB", "SHOW ALL SLAVES STATUS"}};
  for (const auto& [version, statement] : table)
    CHECK(server::replica_status_statement(topology::parse_version(version)) == statement);
}

TEST_CASE("Columns are found by name, in any case, in the order of preference") {
  const Table table = one_row({{"master_host", "old"}, {"Source_Host", "new"}, {"null", nullptr}});
  CHECK(**table.find(0, {"Source_Host", "Master_Host"}) == "new");
  CHECK(**table.find(0, {"Master_Host"}) == "old");
  CHECK_FALSE(table.find(0, {"null"})->has_value());
  CHECK(table.find(0, {"other"}) == nullptr);
  CHECK(table.find(1, {"null"}) == nullptr);
}

TEST_CASE("Which errors mean that a server is gone") {
  CHECK(server::is_unreachable({2003, "HY000", ""}));
  CHECK(server::is_unreachable({2013, "HY000", ""}));
  CHECK(server::is_unreachable({1053, "08S01", ""}));
  CHECK_FALSE(server::is_unreachable({1040, "08004", ""}));
  CHECK_FALSE(server::is_unreachable({1045, "28000", ""}));
  CHECK_FALSE(server::is_unreachable({1227, "42000", ""}));
  CHECK_FALSE(server::is_unreachable({3100, "HY000", ""}));
}

TEST_CASE("A connection that isn't open says so") {
  server::Connection connection;
  CHECK_FALSE(connection.connected());
  CHECK_FALSE(connection.encrypted());
  const auto answer = connection.query("SELECT 1");
  REQUIRE_FALSE(bool{answer});
  CHECK(answer.error().code == 2006);
  connection.interrupt();
  const auto done = connection.connect(*topology::parse_address("127.0.0.1:1"), {"u", "p"}, {});
  REQUIRE_FALSE(bool{done});
  CHECK(done.error().message == "interrupted");
}

TEST_CASE("A replica of MySQL 5.6 shows what its applier has not committed yet") {
  const std::string uuid = "3e11fa47-71ca-11e1-9e33-c80aa9429562";
  const char* waits = "Slave has read all relay log; waiting for the slave I/O thread to update it";
  struct Look {
    const char *state, *executed, *visible;
  };
  const auto run = [&](const char* version, bool parallel, const std::vector<Look>& looks) {
    server::Connection::Memo memo;
    memo.parallel_applier = parallel;
    for (const Look& look : looks) {
      Observation seen;
      seen.version = topology::parse_version(version);
      const Table status = one_row({{"Slave_IO_Running", "Yes"},
                                    {"Slave_SQL_Running", *look.state == '-' ? "No" : "Yes"},
                                    {"Slave_SQL_Running_State", look.state}});
      const std::string executed = uuid + ":" + look.executed;
      REQUIRE(bool{server::read_channels(status, Flavour::mysql, seen)});
      REQUIRE(bool{server::read_sets(one_row({{"executed", executed.c_str()}}), status, seen)});
      server::settle(status, memo, seen);
      INFO(version << " " << look.state << " " << look.executed);
      CHECK(seen.executed->to_string(Flavour::mysql) == (*look.visible == 0 ? "" : uuid + ":" + look.visible));
      CHECK(seen.received->to_string(Flavour::mysql) == executed);
    }
  };
  const char* works = "System lock";
  run("5.6.24-log", false,
      {{works, "1-5", ""},
       {waits, "1-5", "1-5"},
       {works, "1-6", "1-5"},
       {works, "1-6", "1-5"},
       {works, "1-8", "1-6"},
       {waits, "1-8", "1-8"},
       {works, "1-9", "1-8"},
       {"-", "1-9", "1-9"},
       {"Waiting until MASTER_DELAY seconds after master executed event", "1-10", "1-10"}});
  run("5.6.24-log", true, {{waits, "1-5", ""}, {waits, "1-6", "1-5"}, {waits, "1-6", "1-6"}});
  run("5.7.44", false, {{works, "1-5", "1-5"}});
  run("9.7.4", false, {{works, "1-5", "1-5"}});
}
