#include "proxy/admin/verify.h"

#include "tests/unit/catch.h"

using namespace wye;
using manager::VerifyReport;

TEST_CASE("VERIFY is read: servers, and a table") {
  auto all = admin::parse_verify("");
  REQUIRE(all);
  CHECK(all->servers.empty());
  CHECK(all->table.empty());
  auto some = admin::parse_verify("db2, `db 3` table shop.`or``ders`");
  REQUIRE(some);
  CHECK(some->servers == std::vector<std::string>{"db2", "db 3"});
  CHECK(some->schema == "shop");
  CHECK(some->table == "or`ders");
  auto only = admin::parse_verify("TABLE 'a'.\"b\"");
  REQUIRE(only);
  CHECK(only->servers.empty());
  CHECK(only->schema == "a");
  CHECK(only->table == "b");
  for (const char* wrong :
       {"db2 db3", "db2,", "TABLE orders", "TABLE shop.", "TABLE shop.orders more", "TABLE `shop.t", ","})
    CHECK_FALSE(admin::parse_verify(wrong));
}

TEST_CASE("the answer has a row for what differs, and one for each server") {
  VerifyReport report;
  report.state = VerifyReport::State::done;
  report.tables = {{"shop.a", "db2", 3, 100, 0, ""}, {"shop.b", "db2", 2, 50, 2, "id=1: differs: v"}};
  report.differences = {{"db2", "row", "shop.b", "id=1", "differs: v"},
                        {"db2", "row", "shop.b", "id=2", "missing on the replica"},
                        {"db2", "view", "shop.v", "", "differs: definition"},
                        {"db3", "note", "", "", "not compared from here on: gone"}};
  const auto table = admin::verify_table(report);
  REQUIRE(table.columns[0] == "table");
  REQUIRE(table.rows.size() == 4);
  CHECK(table.rows[0] == std::vector<protocol::Cell>{"shop.b", "db2", "2", "50", "2", "id=1: differs: v", "row"});
  CHECK(table.rows[1][4] == "1");
  CHECK(table.rows[2][4] == "0");
  CHECK(table.rows[3] == std::vector<protocol::Cell>{"(all)", "db2", "5", "150", "3", {}, "summary"});
  CHECK(admin::differences_table(report).rows.size() == 4);
  CHECK_FALSE(report.clean());
}

TEST_CASE("progress: how much of how much, and how long still") {
  VerifyReport report;
  report.state = VerifyReport::State::running;
  report.phase = "rows";
  report.rows_done = 250;
  report.rows_total = 1000;
  report.took = base::milliseconds{5000};
  auto table = admin::progress_table(report);
  CHECK(table.rows[0][3] == "250");
  CHECK(table.rows[0][5] == "15");
  report.rows_done = 2000;  // the estimate was too small
  table = admin::progress_table(report);
  CHECK(table.rows[0][4] == "2000");
  CHECK(table.rows[0][5] == "0");
}

TEST_CASE("VERIFY without a manager, and one that nobody waits for") {
  admin::Context context;
  admin::Answer answer;
  const auto reply = [&](admin::Answer given) { answer = std::move(given); };
  admin::run_statement(context, {}, "VERIFY", reply);
  CHECK(std::holds_alternative<base::Error>(answer));
  auto client = std::make_shared<int>(0);
  std::function<bool()> unwanted;
  context.verify = [&](manager::VerifyRequest request, const auto& done) {
    unwanted = request.unwanted;
    VerifyReport report;
    report.state = VerifyReport::State::failed;
    report.error = "no primary";
    done(report);
    return base::Status{base::Ok{}};
  };
  admin::Caller caller;
  caller.client = client;
  admin::run_statement(context, caller, "verify db2", reply);
  REQUIRE(std::holds_alternative<base::Error>(answer));
  CHECK(std::get<base::Error>(answer).message.find("failed: no primary") != std::string::npos);
  CHECK_FALSE(unwanted());
  client.reset();
  CHECK(unwanted());
  CHECK(admin::changes_servers("VERIFY db2"));  // it may take as long as it takes
  CHECK_FALSE(admin::changes_servers("SHOW VERIFY"));
}
