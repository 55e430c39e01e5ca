#include "proxy/session/driver/collector.h"

#include "proxy/protocol/result_set.h"
#include "proxy/protocol/wire.h"
#include "tests/unit/catch.h"

namespace wye::session {
namespace {

using protocol::Part;
using protocol::ResponseTracker;

struct Outcome {
  int calls = 0;
  std::optional<RowCollector::Rows> rows;
  RowCollector::Done done() {
    return [this](const RowCollector::Rows* r) {
      ++calls;
      if (r != nullptr) rows = *r;
    };
  }
};

/// Gives a whole answer to the collector as a backend connection would: raw frames in pieces, small packets whole.
void give(RowCollector& to, const base::Bytes& answer, bool deprecate_eof, std::size_t piece = SIZE_MAX) {
  ResponseTracker tracker(protocol::Expect::query, {.deprecate_eof = deprecate_eof});
  base::ByteView rest = answer;
  while (!rest.empty()) {
    const auto packet = std::get<protocol::Packet>(protocol::next_packet(rest, 1 << 20));
    const auto verdict =
        std::get<protocol::Verdict>(tracker.head(packet.payload[0], static_cast<std::uint32_t>(packet.payload.size())));
    REQUIRE(std::holds_alternative<std::monostate>(
        tracker.end_of_packet(verdict.gather ? packet.payload : base::ByteView{})));
    if (verdict.gather) {
      to.on_packet(verdict.part, packet.sequence, packet.payload, tracker);
    } else {
      for (std::size_t at = 0; at < packet.consumed; at += piece)
        to.on_raw(rest.subspan(at, std::min(piece, packet.consumed - at)));
    }
    rest = rest.subspan(packet.consumed);
  }
  REQUIRE(tracker.finished());
  to.on_end(tracker);
}

TEST_CASE("rows are collected, however they are cut; NULL is empty") {
  const protocol::Table table{{"user", "plugin"},
                              {{"app", "caching_sha2_password"}, {"", std::nullopt}, {std::string(1000, 'x'), "y"}}};
  for (const bool deprecate_eof : {false, true}) {
    for (const std::size_t piece : {std::size_t{1}, std::size_t{5}, SIZE_MAX}) {
      base::Bytes answer;
      protocol::write_result(answer, 1, table, {deprecate_eof, true, 2});
      Outcome outcome;
      RowCollector collector(outcome.done());
      give(collector, answer, deprecate_eof, piece);
      CHECK(outcome.calls == 1);
      REQUIRE(outcome.rows);
      CHECK(*outcome.rows ==
            RowCollector::Rows{{"app", "caching_sha2_password"}, {"", ""}, {std::string(1000, 'x'), "y"}});
    }
  }
}

TEST_CASE("no rows are rows, an OK has none") {
  base::Bytes answer, ok;
  protocol::write_result(answer, 1, {{"a"}, {}}, {true, true, 2});
  Outcome none;
  RowCollector collector(none.done());
  give(collector, answer, true);
  REQUIRE(none.rows);
  CHECK(none.rows->empty());
  base::Bytes payload;
  protocol::write_ok(payload, {}, {});
  protocol::write_packet(ok, 1, payload);
  Outcome plain;
  RowCollector other(plain.done());
  give(other, ok, true);
  REQUIRE(plain.rows);
  CHECK(plain.rows->empty());
}

TEST_CASE("an error, a lost connection") {
  SECTION("error") {
    base::Bytes payload, answer;
    protocol::write_err(payload, {1142, "42000", "SELECT command denied"});
    protocol::write_packet(answer, 1, payload);
    Outcome outcome;
    RowCollector collector(outcome.done());
    give(collector, answer, true);
    CHECK(outcome.calls == 1);
    CHECK_FALSE(outcome.rows);
  }
  SECTION("lost") {
    Outcome outcome;
    RowCollector collector(outcome.done());
    collector.on_lost({});
    CHECK(outcome.calls == 1);
    CHECK_FALSE(outcome.rows);
  }
}

TEST_CASE("an answer beyond 256 KiB fails, and no more of it is kept") {
  protocol::Table table{{"a"}, {}};
  for (int i = 0; i < 300; ++i) table.rows.push_back({std::string(1000, 'x')});
  base::Bytes answer;
  protocol::write_result(answer, 1, table, {true, true, 2});
  Outcome outcome;
  RowCollector collector(outcome.done());
  give(collector, answer, true);
  CHECK(outcome.calls == 1);
  CHECK_FALSE(outcome.rows);
}

}  // namespace
}  // namespace wye::session
