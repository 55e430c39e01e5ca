#include "proxy/admin/operations.h"

#include <optional>

#include "tests/unit/catch.h"

using namespace wye;
using namespace wye::admin;
using manager::Mark;
using manager::Report;

namespace {

Answer run(const Context& context, std::string_view text) {
  std::optional<Answer> answer;
  run_statement(context, Caller{7, 0, "joe", ""}, text, [&](Answer a) {
    REQUIRE_FALSE(answer);
    answer = std::move(a);
  });
  REQUIRE(answer);
  return std::move(*answer);
}

/// Answers every request with the same.
Context with(const manager::SetUpAnswer& answer, std::optional<manager::SetUpRequest>& asked) {
  Context context;
  context.set_up = [answer, &asked](manager::SetUpRequest request,
                                    const std::function<void(manager::SetUpAnswer)>& done) -> base::Status {
    asked = std::move(request);
    done(answer);
    return base::Ok{};
  };
  return context;
}

manager::SetUpAnswer troubled(std::size_t n) {
  manager::SetUpAnswer answer;
  for (std::size_t i = 0; i < n; ++i) answer.troubles.push_back({"db" + std::to_string(i), "has data", "OVERWRITE"});
  return answer;
}

}  // namespace

TEST_CASE("SET UP REPLICATION takes its options in any order") {
  auto plain = parse_set_up("");
  REQUIRE(plain);
  CHECK(plain->primary.empty());
  CHECK_FALSE(plain->dry_run);
  auto all = parse_set_up("dry  run overwrite db-2 , 'db 3',`db4` Primary \"db.1\"");
  REQUIRE(all);
  CHECK(all->primary == "db.1");
  CHECK(all->overwrite == std::vector<std::string>{"db-2", "db 3", "db4"});
  CHECK(all->dry_run);
  for (const char* wrong : {"PRIMARY", "DRY", "RUN", "OVERWRITE", "PRIMARY db1 PRIMARY db2", "db1", "OVERWRITE db2,",
                            "OVERWRITE db2 db3", "SECONDARY db1", "DRY PRIMARY db1", ",", "'"}) {
    INFO(wrong);
    CHECK_FALSE(parse_set_up(wrong));
  }
}

TEST_CASE("PROVISION takes a server and options in any order") {
  auto all = parse_provision("'db 4' by dump dry run from `db2` OVERWRITE");
  REQUIRE(all);
  CHECK(all->target == "db 4");
  CHECK(all->donor == "db2");
  CHECK((all->by_dump && all->dry_run && all->overwrite));
  auto plain = parse_provision("db4");
  REQUIRE(plain);
  CHECK((plain->donor.empty() && !plain->by_dump && !plain->dry_run && !plain->overwrite));
  for (const char* wrong : {"", "db4 db5", "db4 FROM", "db4 BY", "db4 BY CLONE", "db4 DRY", "db4 FROM a FROM b"}) {
    INFO(wrong);
    CHECK_FALSE(parse_provision(wrong));
  }
}

TEST_CASE("What is refused is an error that names the servers; a dry run lists all") {
  std::optional<manager::SetUpRequest> asked;
  const auto error = std::get<base::Error>(run(with(troubled(5), asked), "set up replication primary db1;"));
  CHECK(error.message.starts_with("nothing was done. db0: has data (OVERWRITE). db1: "));
  CHECK(error.message.find("And 2 more.") != std::string::npos);
  CHECK(asked->primary == "db1");
  const auto table = std::get<protocol::Table>(run(with(troubled(5), asked), "SET UP REPLICATION DRY RUN"));
  CHECK(table.columns == std::vector<std::string>{"server", "what", "remedy"});
  CHECK(table.rows.size() == 5);
  CHECK(std::get<base::Error>(run({}, "SET UP REPLICATION")).code == 1105);
  CHECK(std::get<base::Error>(run(with({}, asked), "SET UP REPLICATION NOW")).code == 1064);
}

TEST_CASE("Steps are rows; what was undone is an error") {
  manager::SetUpAnswer answer;
  answer.report.operation = "SET UP REPLICATION PRIMARY db1";
  answer.report.state = Report::State::done;
  answer.report.steps.push_back({"db2", "keep writes out", "SET x", Mark::done, base::milliseconds{7}, "", {}});
  answer.report.notes = {"db2: a line"};
  std::optional<manager::SetUpRequest> asked;
  Context context = with(answer, asked);
  context.operation = [&] { return answer.report; };
  const auto table = std::get<protocol::Table>(run(context, "SET UP REPLICATION"));
  REQUIRE(table.rows.size() == 2);
  CHECK(table.rows[0] ==
        std::vector<protocol::Cell>{"1", "db2", "SET x", "done", "7", "keep writes out", {}, {}, {}, {}, {}});
  CHECK(table.rows[1][3] == "note");
  const auto shown = std::get<protocol::Table>(run(context, "SHOW OPERATION"));
  CHECK(shown.columns[1] == "state");
  CHECK(shown.rows[0][1] == "done");
  context.problems = [] { return std::vector<plan::Trouble>{{"db2", "it takes writes", "SET x"}}; };
  CHECK(std::get<protocol::Table>(run(context, "SHOW PROBLEMS")).rows[0] ==
        std::vector<protocol::Cell>{"db2", "it takes writes", "SET x"});
  answer.report.state = Report::State::undone;
  answer.report.error = "db2: follow db1: 1045: no";
  CHECK(std::get<base::Error>(run(with(answer, asked), "SET UP REPLICATION"))
            .message.starts_with("undone: db2: follow db1: 1045"));
  CHECK(changes_servers(" /* x */ set  up replication dry run"));
  CHECK_FALSE(changes_servers("SHOW OPERATION"));
}
