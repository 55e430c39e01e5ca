#include "replication/server/routines.h"

#include "tests/unit/catch.h"

using namespace wye;

TEST_CASE("routines as a server lists them") {
  server::Table table;
  table.columns = {"kind", "owner", "name", "mode", "body"};
  table.rows = {{"FUNCTION", "shop", "f", "ANSI_QUOTES", "RETURN 1"},
                {"PROCEDURE", "shop", "p", "", "SELECT 1"},
                {"PACKAGE", "shop", "k", "", std::nullopt},
                {"PACKAGE BODY", "shop", "k", "", std::nullopt},
                {"LIBRARY", "shop", "l", "", "x"}};
  const auto routines = server::routines_of(table, true);
  CHECK(routines.fold_schemas);
  CHECK(routines.readers == std::vector<topology::Routine>{{false, "shop", "f", "RETURN 1", "ANSI_QUOTES"},
                                                           {true, "shop", "p", "SELECT 1", ""}});
  CHECK(routines.packages == std::vector<std::string>{"k", "k"});
}
