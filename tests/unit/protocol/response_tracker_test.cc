// Answers of MariaDB 10.11.19 as captured, packet by packet, and what the documentation adds to them.
#include "proxy/protocol/response_tracker.h"

#include <string>
#include <vector>

#include "tests/unit/catch.h"
#include "tests/unit/protocol/answer_stream.h"
#include "tests/unit/protocol/hex.h"

namespace wye::protocol {
namespace {

using test::AnswerStream;
using test::hex;

char letter(Part part) {
  switch (part) {
    case Part::ok:
      return 'O';
    case Part::err:
      return 'E';
    case Part::eof:
      return '.';
    case Part::ok_of_result:
      return '!';
    case Part::column_count:
      return '#';
    case Part::definition:
      return 'd';
    case Part::row:
      return 'r';
    case Part::local_infile:
      return 'L';
    case Part::prepare_ok:
      return 'P';
    case Part::text:
      return 't';
    case Part::event:
      return 'v';
    case Part::progress:
      return '%';
  }
  return '?';
}

std::string parts(const AnswerStream& stream) {
  std::string out;
  for (const auto& e : stream.events()) out += letter(e.part);
  return out;
}

Bytes framed(const std::vector<std::string>& packets) {
  Bytes out;
  std::uint8_t sequence = 1;
  for (const auto& p : packets) sequence = write_packet(out, sequence, hex(p));
  return out;
}

struct Row {
  const char* name;
  Expect expect;
  bool deprecate_eof;
  std::vector<std::string> packets;
  std::string parts;
};

const std::string one = "01", definition = "036465660000000131000c3f0001000000038100000000";
const std::string ok = "00000002000000", eof = "fe00000200", eof_more = "fe00000a00", end = "fe000002000000";
const std::string end_more = "fe00000a000000", err = "ff1904233432303030 6e6f",
                  prepared_2_2 = "000100000002000200000000";

const std::vector<Row>& answers() {
  static const std::vector<Row> rows = {
      {"ping", Expect::ok_or_err, false, {ok}, "O"},
      {"init_db fails", Expect::ok_or_err, true, {err}, "E"},
      {"insert", Expect::query, true, {"00010502000000"}, "O"},
      {"error", Expect::query, false, {err}, "E"},
      {"select", Expect::query, false, {one, definition, eof, "0131", "0132", eof}, "#d.rr."},
      {"select, deprecate", Expect::query, true, {one, definition, "0131", "0132", end}, "#drr!"},
      {"no rows", Expect::query, false, {one, definition, eof, eof}, "#d.."},
      {"no rows, deprecate", Expect::query, true, {one, definition, end}, "#d!"},
      {"251 columns and a NULL row", Expect::query, true, {"fc0100", definition, "fb", end}, "#dr!"},
      {"two selects",
       Expect::query,
       false,
       {one, definition, eof_more, "0131", eof_more, one, definition, eof, "0132", eof},
       "#d.r.#d.r."},
      {"two selects, deprecate",
       Expect::query,
       true,
       {one, definition, "0131", end_more, one, definition, "0132", end},
       "#dr!#dr!"},
      {"do 1; bad", Expect::query, false, {"0000000a000000", err}, "OE"},
      {"call",
       Expect::query,
       true,
       {one, definition, "0131", "fe00000a400000000401020174", one, definition, "0132", end_more,
        "0000000240000000080106056d7973716c"},
       "#dr!#dr!O"},
      {"error between rows", Expect::query, false, {one, definition, eof, "0131", err}, "#d.rE"},
      {"error for the first row, deprecate", Expect::query, true, {one, definition, err}, "#dE"},
      {"error between definitions", Expect::query, false, {"02", definition, err}, "#dE"},
      {"error instead of the definitions' EOF", Expect::query, false, {one, definition, err}, "#dE"},
      {"load data local", Expect::query, false, {"fb2f78", "00010002000200"}, "LO"},
      {"load data local fails", Expect::query, true, {"fb2f78", err}, "LE"},
      {"load data local; select", Expect::query, true, {"fb2f78", "0000000a000000", one, definition, end}, "LO#d!"},
      {"binary rows", Expect::query, true, {one, definition, "000001000000", "000002000000", end}, "#drr!"},
      {"execute with cursor", Expect::query, false, {one, definition, "fe00006200"}, "#d."},
      {"execute with cursor, deprecate", Expect::query, true, {one, definition, "fe000062000000"}, "#d!"},
      {"fetch", Expect::rows, false, {"000001000000", "fe00004200"}, "r."},
      {"fetch, deprecate", Expect::rows, true, {"000001000000", "000002000000", "fe000082000000"}, "rr!"},
      {"fetch fails", Expect::rows, true, {err}, "E"},
      {"prepare ?,?",
       Expect::prepare,
       false,
       {prepared_2_2, definition, definition, eof, definition, definition, eof},
       "Pdd.dd."},
      {"prepare ?,? deprecate",
       Expect::prepare,
       true,
       {prepared_2_2, definition, definition, definition, definition},
       "Pdddd"},
      {"prepare do 1", Expect::prepare, false, {"000200000000000000000000"}, "P"},
      {"prepare with columns", Expect::prepare, false, {"000300000001000000000000", definition, eof}, "Pd."},
      {"prepare with columns, deprecate", Expect::prepare, true, {"000300000001000000000000", definition}, "Pd"},
      {"prepare with parameters", Expect::prepare, false, {"000400000000000100000000", definition, eof}, "Pd."},
      {"prepare with parameters, deprecate", Expect::prepare, true, {"000400000000000100000000", definition}, "Pd"},
      {"prepare fails", Expect::prepare, true, {err}, "E"},
      {"prepare, error in definitions", Expect::prepare, false, {prepared_2_2, definition, err}, "PdE"},
      {"statistics", Expect::text, false, {"557074696d653a203530"}, "t"},
      {"statistics refused", Expect::text, false, {err}, "E"},
      {"field list", Expect::definitions, false, {definition, definition, eof}, "dd."},
      {"field list, deprecate", Expect::definitions, true, {definition, definition, end}, "dd!"},
      {"field list fails", Expect::definitions, true, {err}, "E"},
      {"field list of nothing", Expect::definitions, false, {eof}, "."},
      {"set option", Expect::eof_or_err, false, {eof}, "."},
      {"set option, deprecate", Expect::eof_or_err, true, {end}, "!"},
      {"set option with OK", Expect::eof_or_err, true, {ok}, "O"},
      {"a short row that begins with 0xfe, 9 bytes",
       Expect::query,
       false,
       {one, definition, eof, "fe0000000100000000", eof},
       "#d.r."},
  };
  return rows;
}

TEST_CASE("every answer ends where it ends, however it is cut") {
  for (const Row& row : answers()) {
    CAPTURE(row.name);
    Bytes bytes = framed(row.packets);
    const std::size_t length = bytes.size();
    base::append(bytes, hex("07000001 00000002000000"));  // the next statement's answer
    AnswerStream whole{row.expect, row.deprecate_eof};
    CHECK(whole.feed(bytes) == length);
    CHECK_FALSE(whole.broken());
    CHECK(whole.tracker().finished());
    CHECK(parts(whole) == row.parts);
    CHECK(whole.tracker().failed() == (row.parts.back() == 'E'));
    AnswerStream single{row.expect, row.deprecate_eof};
    for (std::size_t i = 0; i < length; ++i) {
      REQUIRE_FALSE(single.over());  // not one byte early
      REQUIRE(single.feed(ByteView{bytes}.subspan(i, 1)) == 1);
    }
    CHECK(single.tracker().finished());
    CHECK((single.events() == whole.events()));
  }
}

TEST_CASE("answers that break the protocol") {
  struct Bad {
    Expect expect;
    bool deprecate_eof;
    std::vector<std::string> packets;
  };
  const std::vector<Bad> rows = {
      {Expect::ok_or_err, false, {""}},
      {Expect::query, false, {""}},
      {Expect::text, false, {""}},
      {Expect::ok_or_err, false, {eof}},
      {Expect::ok_or_err, false, {one}},
      {Expect::query, false, {eof}},
      {Expect::query, true, {end}},
      {Expect::query, true, {"0101"}},
      {Expect::query, true, {"fc0000"}},
      {Expect::query, true, {"fe0000000001000000"}},
      {Expect::query, true, {"fc01"}},
      {Expect::query, true, {one, end}},
      {Expect::query, true, {one, ""}},
      {Expect::query, true, {one, definition, ""}},
      {Expect::query, true, {one, definition, "fe0000"}},
      {Expect::query, false, {one, definition, "0131"}},
      {Expect::query, false, {one, definition, eof, "fe"}},
      {Expect::query, false, {"fb2f78", one}},
      {Expect::query, false, {"0000"}},
      {Expect::query, false, {"ff00"}},
      {Expect::prepare, false, {"0001000000"}},
      {Expect::prepare, false, {one}},
      {Expect::prepare, false, {prepared_2_2, eof}},
      {Expect::prepare, false, {prepared_2_2, definition, definition, definition}},
      {Expect::definitions, true, {"fe00000200"}},
      {Expect::rows, true, {"fe00000200"}},
  };
  for (const Bad& row : rows) {
    CAPTURE(row.packets);
    AnswerStream stream{row.expect, row.deprecate_eof};
    stream.feed(framed(row.packets));
    CHECK(stream.broken());
  }
}

TEST_CASE("a packet after the end, or for a statement without an answer, is malformed") {
  ResponseTracker none{Expect::nothing, {.deprecate_eof = true}};
  CHECK(none.finished());
  CHECK(std::holds_alternative<Malformed>(none.head(0, 7)));
}

TEST_CASE("rows and ends are told apart by the length of the frame") {
  ResponseTracker with{Expect::rows, {.deprecate_eof = true}};
  CHECK(std::get<Verdict>(with.head(0xfe, max_frame)).part == Part::row);
  CHECK(std::get<Verdict>(with.head(0xfe, max_frame - 1)).part == Part::ok_of_result);
  CHECK(std::get<Verdict>(with.head(0xfb, 1)).part == Part::row);
  ResponseTracker without{Expect::rows, {}};
  CHECK(std::get<Verdict>(without.head(0xfe, 9)).part == Part::row);
  CHECK(std::get<Verdict>(without.head(0xfe, 8)).part == Part::eof);
  CHECK(std::get<Verdict>(without.head(0xfe, max_frame)).part == Part::row);
  CHECK_FALSE(std::get<Verdict>(without.head(0xfe, max_frame)).gather);
}

TEST_CASE("a result that a routine's handler cut off ends with an EOF even where EOFs are deprecated") {
  ResponseTracker tracker{Expect::query, {.deprecate_eof = true}};
  const auto take = [&](const std::vector<std::uint8_t>& payload) {
    const auto verdict = tracker.head(payload[0], static_cast<std::uint32_t>(payload.size()));
    REQUIRE(std::holds_alternative<Verdict>(verdict));
    REQUIRE(std::holds_alternative<std::monostate>(tracker.end_of_packet(payload)));
    return std::get<Verdict>(verdict).part;
  };
  CHECK(take({1}) == Part::column_count);
  CHECK(take({3, 'd', 'e', 'f'}) == Part::definition);
  CHECK(take({0xfe, 0, 0, 0x0a, 0}) == Part::eof);  // more results follow
  CHECK_FALSE(tracker.finished());
  CHECK(take({1}) == Part::column_count);
  CHECK(take({3, 'd', 'e', 'f'}) == Part::definition);
  CHECK(take({1, '7'}) == Part::row);
  CHECK(take({0xfe, 0, 0, 0x0a, 0, 0, 0}) == Part::ok_of_result);
  CHECK(take({0, 0, 0, 2, 0, 0, 0}) == Part::ok);
  CHECK(tracker.finished());
}

TEST_CASE("nothing that must be gathered is longer than a frame") {
  ResponseTracker tracker{Expect::query, {.deprecate_eof = true}};
  CHECK(std::holds_alternative<Malformed>(tracker.head(0xff, max_frame)));
  CHECK(std::holds_alternative<Malformed>(tracker.head(0x00, max_frame)));
}

TEST_CASE("a row of several frames is one row") {
  Bytes bytes = framed({one, definition});
  Bytes row(std::size_t{2} * max_frame, 0xfe);  // ends with an empty frame
  write_packet(bytes, 3, row);
  write_packet(bytes, 6, hex(end));
  AnswerStream stream{Expect::query, true};
  CHECK(stream.feed(bytes) == bytes.size());
  CHECK(parts(stream) == "#dr!");
  CHECK(stream.events()[2].length == row.size());
}

TEST_CASE("what the tracker remembers") {
  AnswerStream prepared{Expect::prepare, true};
  prepared.feed(framed({"000700000002000100000000", definition, definition, definition}));
  CHECK(prepared.tracker().statement_id() == 7);
  CHECK(prepared.tracker().columns() == 2);
  CHECK(prepared.tracker().parameters() == 1);
  AnswerStream cursor{Expect::query, false};
  cursor.feed(framed({one, definition, "fe00006200"}));
  CHECK(cursor.tracker().cursor_open());
  CHECK(cursor.tracker().status() == 0x62);
  AnswerStream last{Expect::rows, true};
  last.feed(framed({"0001", "fe000082000000"}));
  CHECK_FALSE(last.tracker().cursor_open());
}

TEST_CASE("while the client owes its file nothing but an error may come") {
  ResponseTracker tracker{Expect::query, {.deprecate_eof = true}};
  REQUIRE(std::get<Verdict>(tracker.head(0xfb, 3)).part == Part::local_infile);
  REQUIRE(std::holds_alternative<std::monostate>(tracker.end_of_packet({})));
  CHECK(tracker.awaiting_local_infile());
  CHECK(std::holds_alternative<Malformed>(tracker.head(0x00, 7)));
  CHECK(std::get<Verdict>(tracker.head(0xff, 9)).part == Part::err);
  tracker.local_infile_sent();
  CHECK_FALSE(tracker.awaiting_local_infile());
  CHECK(std::get<Verdict>(tracker.head(0x00, 7)).part == Part::ok);
}

TEST_CASE("a binary log streams until EOF or an error") {
  ResponseTracker tracker{Expect::stream, {.deprecate_eof = true}};
  for (const std::uint32_t length : {1U, 44U, max_frame}) {
    CHECK(std::get<Verdict>(tracker.head(0x00, length)).part == Part::event);
    REQUIRE(std::holds_alternative<std::monostate>(tracker.end_of_packet({})));
    CHECK_FALSE(tracker.finished());
  }
  CHECK(std::holds_alternative<Malformed>(tracker.head(0x01, 9)));
  ResponseTracker refused = tracker;
  CHECK(std::get<Verdict>(tracker.head(0xfe, 5)).part == Part::eof);
  REQUIRE(std::holds_alternative<std::monostate>(tracker.end_of_packet(test::hex("fe00000200"))));
  CHECK(tracker.finished());
  CHECK(std::get<Verdict>(refused.head(0xff, 9)).part == Part::err);
  REQUIRE(std::holds_alternative<std::monostate>(refused.end_of_packet(test::hex("ffd404233432303030"))));
  CHECK(refused.failed());
}

TEST_CASE("a result may have more columns than any table") {
  ResponseTracker tracker{Expect::query, {.deprecate_eof = true}};
  REQUIRE(std::holds_alternative<Verdict>(tracker.head(0xfd, 4)));
  CHECK(std::holds_alternative<std::monostate>(tracker.end_of_packet(test::hex("fd a10901"))));
  CHECK_FALSE(tracker.finished());
}

TEST_CASE("a progress report is no end") {
  const auto report = test::hex("ffffff 01 01 02 f40100 05 73746167 65");
  ResponseTracker tracker{Expect::query, {.deprecate_eof = true, .progress = true}};
  CHECK(std::get<Verdict>(tracker.head(0xff, 14)).gather);
  REQUIRE(std::holds_alternative<std::monostate>(tracker.end_of_packet(report)));
  CHECK(tracker.part() == Part::progress);
  CHECK_FALSE(tracker.finished());
  CHECK(std::get<Verdict>(tracker.head(0x00, 7)).part == Part::ok);
  // Who did not ask for it gets none: it is an error with that number.
  ResponseTracker without{Expect::query, {.deprecate_eof = true}};
  REQUIRE(std::holds_alternative<Verdict>(without.head(0xff, 14)));
  REQUIRE(std::holds_alternative<std::monostate>(without.end_of_packet(report)));
  CHECK(without.finished());
  CHECK(without.failed());
}

TEST_CASE("where metadata is optional a flag says whether definitions follow") {
  ResponseTracker full{Expect::query, {.deprecate_eof = true, .optional_metadata = true}};
  REQUIRE(std::holds_alternative<Verdict>(full.head(0x01, 2)));
  REQUIRE(std::holds_alternative<std::monostate>(full.end_of_packet(test::hex("0101"))));
  CHECK(std::get<Verdict>(full.head(0x03, 20)).part == Part::definition);
  ResponseTracker none{Expect::query, {.deprecate_eof = true, .optional_metadata = true}};
  REQUIRE(std::holds_alternative<Verdict>(none.head(0x01, 2)));
  REQUIRE(std::holds_alternative<std::monostate>(none.end_of_packet(test::hex("0100"))));
  CHECK(std::get<Verdict>(none.head(0x01, 2)).part == Part::row);
  ResponseTracker prepared{Expect::prepare, {.deprecate_eof = true, .optional_metadata = true}};
  CHECK(std::get<Verdict>(prepared.head(0x00, 13)).part == Part::prepare_ok);
  REQUIRE(
      std::holds_alternative<std::monostate>(prepared.end_of_packet(test::hex("00 01000000 0100 0100 00 0000 00"))));
  CHECK(prepared.finished());
}

}  // namespace
}  // namespace wye::protocol
