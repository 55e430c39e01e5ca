#include "proxy/session/flows/next_transaction.h"

#include "tests/unit/catch.h"

using wye::session::NextTransaction;
using wye::session::pending_characteristics;

TEST_CASE("SET TRANSACTION by value, as the trackers report it") {
  struct Row {
    const char *reported, *pending, *level, *for_replica;
    int read_only, serializable;  // -1: nothing said
  };
  for (const auto& row : std::initializer_list<Row>{
           {"", "", "", "", -1, -1},
           {"SET TRANSACTION READ ONLY;", "READ ONLY", "", "READ ONLY", 1, -1},
           {"SET TRANSACTION READ WRITE;", "READ WRITE", "", "", 0, -1},
           {"SET TRANSACTION ISOLATION LEVEL READ COMMITTED;", "ISOLATION LEVEL READ COMMITTED", "",
            "ISOLATION LEVEL READ COMMITTED", -1, 0},
           {"SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; SET TRANSACTION READ ONLY;",
            "ISOLATION LEVEL SERIALIZABLE, READ ONLY", "", "ISOLATION LEVEL SERIALIZABLE, READ ONLY", 1, 1},
           {"SET TRANSACTION ISOLATION LEVEL READ UNCOMMITTED; SET TRANSACTION READ WRITE;",
            "ISOLATION LEVEL READ UNCOMMITTED, READ WRITE", "", "ISOLATION LEVEL READ UNCOMMITTED", 0, 0},
           {"START TRANSACTION;", "", "", "", -1, -1},
           {"START TRANSACTION READ ONLY;", "", "", "", -1, -1},
           {"SET TRANSACTION ISOLATION LEVEL READ COMMITTED; START TRANSACTION READ ONLY;", "",
            "ISOLATION LEVEL READ COMMITTED", "", -1, -1},
           {"SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY;",
            "", "ISOLATION LEVEL REPEATABLE READ", "", -1, -1},
       }) {
    INFO(row.reported);
    NextTransaction next;
    next.reported(row.reported);
    CHECK(next.pending() == row.pending);
    CHECK(pending_characteristics(row.reported) == row.pending);
    CHECK(next.level() == row.level);
    CHECK(next.for_replica() == row.for_replica);
    CHECK((next.read_only() ? static_cast<int>(*next.read_only()) : -1) == row.read_only);
    CHECK((next.serializable() ? static_cast<int>(*next.serializable()) : -1) == row.serializable);
    next.reported("");
    CHECK(next.pending().empty());
    CHECK(next.level().empty());
  }
}

TEST_CASE("a transaction with a snapshot, as MySQL tells it, until a procedure begins another one") {
  using wye::sql::classify;
  NextTransaction next;
  next.answered("T_R_____", classify("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY", {}), true);
  CHECK(next.begun_or_ended());
  CHECK(next.has_snapshot());
  CHECK(next.state() == "T_R_____");
  next.answered("", classify("CALL reads()", {}), true);
  CHECK_FALSE(next.begun_or_ended());
  CHECK(next.has_snapshot());
  next.answered("T_______", classify("CALL begins()", {}), true);
  CHECK(next.begun_or_ended());
  CHECK_FALSE(next.has_snapshot());
  CHECK(next.state() == "T_______");
  next.answered("________", classify("COMMIT", {}), false);
  CHECK(next.begun_or_ended());
  CHECK(next.state() == "________");
}
