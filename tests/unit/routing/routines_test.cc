#include "proxy/routing/routines.h"

#include <string>

#include "proxy/routing/route.h"
#include "tests/unit/catch.h"

using namespace wye;
using namespace wye::routing;

namespace {

const topology::Version mysql{topology::Flavour::mysql, 90704, "9.7.4"};
const topology::Version mariadb{topology::Flavour::mariadb, 101119, "10.11.19-MariaDB"};

topology::Routine function(std::string name, std::string body, std::string mode = {}) {
  return {false, "shop", std::move(name), std::move(body), std::move(mode)};
}

topology::Routines shop() {
  topology::Routines all;
  all.readers = {function("f", "RETURN 1"),
                 function("caller", "RETURN F(1) + shop.`f`(2)"),
                 function("elsewhere", "RETURN other.f(1)"),
                 function("unknown", "RETURN nobody_knows(1)"),
                 function("above_unknown", "RETURN unknown()"),
                 function("far_above_unknown", "RETURN f() + above_unknown()"),
                 function("writes", "BEGIN UPDATE t SET a = 1; RETURN 1; END"),
                 function("keeps", "BEGIN SET @a = 1; RETURN 1; END"),
                 function("runs", "RETURN runs()"),
                 function("ansi", "RETURN \"f\"(1)", "REAL_AS_FLOAT,ANSI_QUOTES"),
                 function("pl", "RETURN 1", "PIPES_AS_CONCAT,ORACLE"),
                 function("caf\xc3\xa9", "RETURN 1")};
  all.readers.push_back({true, "shop", "p", "BEGIN SELECT 1; CALL q(1); END", {}});
  all.readers.push_back({true, "shop", "q", "SELECT f()", {}});
  all.readers.push_back({true, "shop", "r", "CALL f()", {}});
  all.readers.push_back({true, "shop", "shows_nothing", "SET x = 1", {}});
  return all;
}

}  // namespace

TEST_CASE("which routines only read: what they say, what they do, and what they call") {
  const routing::Routines routines{shop(), mysql};
  const auto function = [&](std::string_view name) { return routines.only_reads(false, "shop", name); };
  for (const char* name : {"f", "F", "caller", "runs", "ansi"}) CHECK(function(name));
  for (const char* name : {"elsewhere", "unknown", "above_unknown", "far_above_unknown", "writes", "keeps", "pl",
                           "caf\xc3\xa9", "p", "", "f`", "nobody_knows"})
    CHECK_FALSE(function(name));
  CHECK(routines.only_reads(true, "shop", "P"));
  CHECK(routines.only_reads(true, "shop", "q"));
  CHECK_FALSE(routines.only_reads(true, "shop", "r"));
  CHECK_FALSE(routines.only_reads(true, "shop", "shows_nothing"));
  CHECK_FALSE(routines.only_reads(true, "shop", "f"));
  CHECK_FALSE(routines.only_reads(false, "", "f"));
  CHECK_FALSE(routines.only_reads(false, "Shop", "f"));
  CHECK_FALSE(routines.only_reads(false, "other", "f"));
}

TEST_CASE("upper and lower case of schemas is the server's matter; packages are no schemas") {
  auto all = shop();
  all.fold_schemas = true;
  CHECK(routing::Routines(all, mysql).only_reads(false, "SHOP", "f"));
  all.packages = {"Shop"};
  CHECK_FALSE(routing::Routines(all, mariadb).only_reads(false, "shop", "f"));
  all.packages = {"F"};
  CHECK_FALSE(routing::Routines(all, mariadb).only_reads(false, "shop", "f"));
  CHECK_FALSE(routing::Routines(all, mariadb).only_reads(false, "shop", "caller"));
  CHECK(routing::Routines(all, mariadb).only_reads(false, "shop", "runs"));
}

TEST_CASE("the routines of a topology are looked through once, and not known without a primary") {
  topology::Topology topology;
  topology.servers.resize(1);
  topology.servers[0].version = mysql;
  RoutinesOfTopology of;
  CHECK(of.follow(topology) == nullptr);
  topology.routines = std::make_shared<const topology::Routines>(shop());
  CHECK(of.follow(topology) == nullptr);
  topology.primary = topology::ServerId{0};
  const auto first = of.follow(topology);
  REQUIRE(first != nullptr);
  CHECK(first->size() == 6);
  CHECK(of.follow(topology) == first);
  topology.routines = std::make_shared<const topology::Routines>();
  CHECK(of.follow(topology)->size() == 0);
}

TEST_CASE("a CALL that only reads is routed like a read, any other stays on the primary") {
  struct Covers : Need {
    bool covered_by(Consistency, topology::ServerId, const topology::Server&) const override { return true; }
  };
  topology::Topology topology;
  for (const char* name : {"p", "r1"}) {
    topology::Server server;
    server.name = name;
    server.state = topology::State::online;
    server.role = topology.servers.empty() ? topology::Role::primary : topology::Role::replica;
    server.receiver_running = server.applier_running = true;
    server.lag = base::milliseconds{1};
    topology.servers.push_back(server);
  }
  topology.primary = topology::ServerId{0};
  const routing::Routines routines{shop(), mysql};
  const RoutinesInSchema known{routines, "shop"};
  SessionView session;
  const auto where = [&](std::string_view text) -> std::string {
    const auto facts = sql::classify(text, sql::Dialect{}, nullptr, &known);
    const std::vector<Load> load(2);
    const Options options;
    const auto route = routing::route({facts, session, topology, Covers{}, options, load, base::TimePoint{}, nullptr});
    return route ? topology.servers[*route->server].name + " " + name(route->reason) : route.error().message;
  };
  CHECK(where("CALL p()") == "r1 replica_read");
  CHECK(where("CALL other.p()") == "p call");
  CHECK(where("CALL p(@a)") == "p call");
  CHECK(where("/* wye: primary */ CALL p()") == "p hint_primary");
  CHECK(where("/* wye: replica */ CALL p()") == "r1 hint_replica");
  CHECK(where("/* wye: server=r1 */ CALL p()") == "r1 hint_server");
  CHECK(where("/* wye: replica */ CALL other.p()").find("can't take this statement to a replica") != std::string::npos);
  CHECK(where("SELECT f(1)") == "r1 replica_read");
  CHECK(where("SELECT writes()") == "p unknown_function");
  session.in_transaction = true;
  CHECK(where("CALL p()") == "p transaction");
  session.transaction_read_only = true;
  session.transaction_server = topology::ServerId{1};
  CHECK(where("CALL p()") == "r1 read_only_transaction");
  CHECK(where("CALL other.p()") == "p transaction");
}

TEST_CASE("the user variables that triggers name") {
  topology::Routines from;
  CHECK(Routines{from, mysql}.trigger_variables().empty());
  from.triggers = {"SET @triggered = NEW.id",
                   "BEGIN SET @`a b` = 1, NEW.x = @triggered; SET @'c' = '@no', @@sql_mode = ''; END",
                   "SET @broken = 'x"};
  CHECK(Routines{from, mysql}.trigger_variables() == "@'c', @`a b`, @broken, @triggered");
}
