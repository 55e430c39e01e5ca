// Answers re-encoded between every pair of capabilities: what comes out must be what a server would have sent that
// client.
#include "proxy/session/flows/answer.h"

#include <map>

#include "proxy/protocol/wire.h"
#include "tests/unit/catch.h"
#include "tests/unit/protocol/hex.h"

namespace wye::session {
namespace {

using protocol::Expect;
using protocol::Part;
using protocol::ResponseTracker;
using test::hex;

const std::string one = "01", two = "02", definition = "036465660000000131000c3f0001000000038100000000";
const std::string err = "ff1904233432303030 6e6f";

/// One packet of an answer in words; its bytes depend on what the two ends negotiated.
struct Word {
  enum Kind { raw, definitions_end, rows_end, ok_tracked, ok_plain } kind;
  std::string payload;
  std::uint16_t status = 2;
};
using Words = std::vector<Word>;

Word raw(const std::string& payload) { return {Word::raw, payload}; }
const Word defs_end{Word::definitions_end, "", 2};
Word end(std::uint16_t status = 2) { return {Word::rows_end, "", status}; }
Word ok(std::uint16_t status = 2) { return {Word::ok_plain, "", status}; }
Word tracked(std::uint16_t status = 2) { return {Word::ok_tracked, "", status}; }

// A schema, a variable that clients see by default, one that only wye asked for, a GTID, a change of state.
Bytes trackers(bool for_client) {
  Bytes out;
  const auto item = [&](std::uint8_t type, const Bytes& data) {
    out.push_back(type);
    protocol::put_lenenc_bytes(out, data);
  };
  const auto text = [](std::initializer_list<std::string_view> parts) {
    Bytes data;
    for (const auto p : parts) protocol::put_lenenc_string(data, p);
    return data;
  };
  item(1, text({"shop"}));
  item(0, text({"time_zone", "+01:00"}));
  if (for_client) return out;
  item(0, text({"sql_mode", "ANSI_QUOTES"}));
  item(0, text({"last_gtid", "0-1-5"}));
  Bytes gtid{0};
  protocol::put_lenenc_string(gtid, "3e11fa47-71ca-11e1-9e33-c80aa9429562:5");
  item(3, gtid);
  item(2, hex("31"));
  return out;
}

struct Case {
  const char* name;
  Expect expect;
  Words words;
};

const std::vector<Case>& cases() {
  constexpr std::uint16_t more = 0x000a, cursor = 0x0042, last = 0x0082;
  static const std::vector<Case> all = {
      {"ok", Expect::query, {ok()}},
      {"ok with trackers", Expect::query, {tracked()}},
      {"error", Expect::query, {raw(err)}},
      {"select", Expect::query, {raw(one), raw(definition), defs_end, raw("0131"), raw("0132"), end()}},
      {"select of two columns",
       Expect::query,
       {raw(two), raw(definition), raw(definition), defs_end, raw("01310132"), end()}},
      {"no rows", Expect::query, {raw(one), raw(definition), defs_end, end()}},
      {"error between rows", Expect::query, {raw(one), raw(definition), defs_end, raw("0131"), raw(err)}},
      {"error instead of rows", Expect::query, {raw(one), raw(definition), defs_end, raw(err)}},
      {"two selects",
       Expect::query,
       {raw(one), raw(definition), defs_end, raw("0131"), end(more), raw(one), raw(definition), defs_end, raw("0132"),
        end()}},
      {"many results",
       Expect::query,
       {tracked(more), raw(one), raw(definition), defs_end, end(more), ok(more), raw(one), raw(definition), defs_end,
        raw("0132"), end(more), tracked()}},
      {"two results, then an error",
       Expect::query,
       {ok(more), raw(one), raw(definition), defs_end, raw("0131"), end(more), raw(err)}},
      {"cursor", Expect::query, {raw(one), raw(definition), end(cursor)}},
      {"binary rows", Expect::query, {raw(one), raw(definition), defs_end, raw("000001000000"), end()}},
      {"fetch", Expect::rows, {raw("000001000000"), raw("000002000000"), end(last)}},
      {"fetch of some", Expect::rows, {raw("000001000000"), end(cursor)}},
      {"prepare", Expect::prepare, {raw("000100000000000000000000")}},
      {"prepare with parameters",
       Expect::prepare,
       {raw("000100000000000200000000"), raw(definition), raw(definition), defs_end}},
      {"prepare with columns", Expect::prepare, {raw("000100000001000000000000"), raw(definition), defs_end}},
      {"prepare with both",
       Expect::prepare,
       {raw("000100000002000100000000"), raw(definition), defs_end, raw(definition), raw(definition), defs_end}},
      {"prepare fails", Expect::prepare, {raw(err)}},
      {"field list", Expect::definitions, {raw(definition), raw(definition), end()}},
      {"set option", Expect::eof_or_err, {end()}},
      {"ping", Expect::ok_or_err, {ok()}},
  };
  return all;
}

struct Side {
  bool deprecate_eof, session_track;
};

Bytes payload_of(const Word& word, Side side, bool for_client) {
  Bytes out;
  protocol::OkInfo info;
  info.status = word.status;
  info.affected_rows = word.kind == Word::rows_end ? 0 : 3;
  if (word.kind != Word::rows_end) info.info = "Rows matched: 3";
  const Bytes block = trackers(for_client);
  switch (word.kind) {
    case Word::raw:
      return hex(word.payload);
    case Word::ok_tracked:
      info.session_state = block;
      info.status = static_cast<std::uint16_t>(info.status | protocol::status::session_state_changed);
      [[fallthrough]];
    case Word::ok_plain:
      protocol::write_ok(out, info, {false, side.session_track});
      return out;
    case Word::rows_end:
      if (side.deprecate_eof) {
        protocol::write_ok(out, info, {true, side.session_track});
        return out;
      }
      [[fallthrough]];
    case Word::definitions_end:
      protocol::write_eof(out, {0, word.status});
      return out;
  }
  return out;
}

/// The answer as a server sends it to a client of these capabilities.
std::vector<Bytes> speak(const Words& words, Side side, bool for_client) {
  std::vector<Bytes> packets;
  for (const auto& word : words) {
    if (word.kind == Word::definitions_end && side.deprecate_eof) continue;
    packets.push_back(payload_of(word, side, for_client));
  }
  return packets;
}

/// What Backend and Session do with an answer: small packets by Answer, the others with their sequence ids shifted.
Bytes relay(const std::vector<Bytes>& packets, Expect expect, Encoding encoding) {
  Answer answer(encoding);
  ResponseTracker tracker(expect, {.deprecate_eof = encoding.server_deprecate_eof});
  base::Buffer out;
  std::uint8_t sequence = 0;
  bool block_ended = false;
  for (const auto& payload : packets) {
    ++sequence;
    const auto verdict =
        std::get<protocol::Verdict>(tracker.head(payload[0], static_cast<std::uint32_t>(payload.size())));
    if (block_ended && verdict.part == Part::row) answer.definitions_end(out, sequence, 2);
    const bool ends = verdict.part == Part::definition && tracker.definitions_left() == 1;
    REQUIRE(std::holds_alternative<std::monostate>(
        tracker.end_of_packet(verdict.gather ? base::ByteView{payload} : base::ByteView{})));
    if (!verdict.gather) {
      Bytes framed;
      protocol::write_packet(framed, static_cast<std::uint8_t>(sequence + answer.shift()), payload);
      out.append(framed);
    } else {
      if (block_ended && (verdict.part == Part::err || (verdict.part == Part::ok_of_result && !tracker.cursor_open())))
        answer.definitions_end(out, sequence, 2);
      const bool definitions_end =
          verdict.part == Part::eof && (expect == Expect::prepare || tracker.between_packets_of_rows());
      protocol::OkInfo info;
      const auto parsed = protocol::parse_ok(payload, true);
      const bool is_ok = verdict.part == Part::ok || verdict.part == Part::ok_of_result;
      if (is_ok) info = std::get<protocol::OkInfo>(parsed);
      answer.packet(out, verdict.part, sequence, payload, definitions_end, is_ok ? &info : nullptr);
    }
    block_ended = ends && answer.needs_cut() && expect != Expect::prepare;
    if (ends && answer.needs_cut() && expect == Expect::prepare)
      answer.definitions_end(out, static_cast<std::uint8_t>(sequence + 1), 2);
  }
  REQUIRE(tracker.finished());
  return {out.data().begin(), out.data().end()};
}

std::vector<std::string> cut(const Bytes& bytes, Expect expect, bool deprecate_eof) {
  ResponseTracker tracker(expect, {.deprecate_eof = deprecate_eof});
  std::vector<std::string> packets;
  base::ByteView rest = bytes;
  std::uint8_t sequence = 0;
  while (!rest.empty()) {
    const auto framed = protocol::next_packet(rest, 1 << 20);
    const auto* packet = std::get_if<protocol::Packet>(&framed);
    REQUIRE(packet != nullptr);
    REQUIRE(packet->sequence == ++sequence);
    REQUIRE_FALSE(tracker.finished());
    const auto verdict = tracker.head(packet->payload[0], static_cast<std::uint32_t>(packet->payload.size()));
    REQUIRE(std::holds_alternative<protocol::Verdict>(verdict));
    const bool gather = std::get<protocol::Verdict>(verdict).gather;
    REQUIRE(std::holds_alternative<std::monostate>(tracker.end_of_packet(gather ? packet->payload : base::ByteView{})));
    packets.push_back(test::to_hex(packet->payload));
    rest = rest.subspan(packet->consumed);
  }
  CHECK(tracker.finished());
  return packets;
}

TEST_CASE("every answer, from every server to every client, is what the client would have got directly") {
  for (const auto& c : cases()) {
    for (const bool server_deprecate : {false, true}) {
      for (const bool client_deprecate : {false, true}) {
        for (const bool client_track : {false, true}) {
          CAPTURE(c.name, server_deprecate, client_deprecate, client_track);
          const auto sent = speak(c.words, {server_deprecate, true}, false);
          const auto got = relay(sent, c.expect, {client_deprecate, client_track, server_deprecate});
          std::vector<std::string> expected;
          for (const auto& packet : speak(c.words, {client_deprecate, client_track}, true))
            expected.push_back(test::to_hex(packet));
          CHECK(cut(got, c.expect, client_deprecate) == expected);
        }
      }
    }
  }
}

TEST_CASE("sequence ids wrap") {
  Words words{raw(one), raw(definition), defs_end};
  for (int i = 0; i < 600; ++i) words.push_back(raw("0131"));
  words.push_back(end());
  for (const bool server_deprecate : {false, true}) {
    const auto got = relay(speak(words, {server_deprecate, true}, false), Expect::query,
                           {!server_deprecate, false, server_deprecate});
    CHECK(cut(got, Expect::query, !server_deprecate).size() == words.size() - (server_deprecate ? 0 : 1));
  }
}

TEST_CASE("trackers: the client sees what it would by default, MariaDB's lists are taken apart") {
  Bytes block, filtered;
  Bytes pairs;
  for (const auto* text : {"time_zone", "SYSTEM", "sql_mode", "", "autocommit", "OFF"})
    protocol::put_lenenc_string(pairs, text);
  protocol::put_u8(block, 0);
  protocol::put_lenenc_bytes(block, pairs);
  filter_trackers(block, filtered);
  std::map<std::string, std::string> seen;
  REQUIRE(protocol::for_each_tracker(filtered, [&](const protocol::TrackerItem& i) { seen.emplace(i.name, i.value); }));
  CHECK(seen == std::map<std::string, std::string>{{"time_zone", "SYSTEM"}, {"autocommit", "OFF"}});
  // Cut short anywhere: never a read past its end.
  test::each_prefix(block, [](base::ByteView prefix) {
    Bytes to;
    filter_trackers(prefix, to);
  });
}

TEST_CASE("trackers of transactions, which wye has switched on, are the client's only if it has") {
  Bytes block;
  for (const auto& [type, text] :
       std::initializer_list<std::pair<std::uint8_t, std::string_view>>{{4, "START TRANSACTION;"}, {5, "T_______"}}) {
    Bytes data;
    protocol::put_lenenc_string(data, text);
    protocol::put_u8(block, type);
    protocol::put_lenenc_bytes(block, data);
  }
  const auto seen = [&](const char* own, bool tells_next, bool mariadb = true) {
    OwnTrackers set;
    Encoding encoding;
    encoding.own = &set;
    encoding.mariadb = mariadb;
    NextTransaction next;
    next.answered("T_______", {}, true);
    encoding.tells_next = tells_next;
    encoding.tells_begin = !mariadb;
    encoding.next = &next;
    if (own != nullptr) set.emplace("session_track_transaction_info", own);
    Bytes filtered;
    filter_trackers(block, filtered, encoding);
    std::string types;
    protocol::for_each_tracker(
        filtered, [&](const protocol::TrackerItem& i) { types += std::to_string(static_cast<int>(i.type)); });
    return types;
  };
  CHECK(seen(nullptr, false) == "45");
  CHECK(seen(nullptr, true).empty());
  CHECK(seen("OFF", true).empty());
  CHECK(seen("STATE", true) == "5");
  CHECK(seen("CHARACTERISTICS", true) == "45");
  CHECK(seen(nullptr, false, false) == "45");
  CHECK(seen(nullptr, true, false) == "5");
  CHECK(seen("OFF", true, false) == "5");
}

TEST_CASE("MySQL tells of the state of transactions what it tells without wye's trackers") {
  struct Row {
    const char* state;  // what the connection tells; empty: nothing
    bool told;
    sql::Kind kind = sql::Kind::read;
    std::uint32_t effects = 0;
  };
  NextTransaction next;
  Encoding encoding;
  encoding.tells_next = encoding.tells_begin = true;
  encoding.next = &next;
  using sql::Kind;
  for (const auto& row : std::initializer_list<Row>{{"T_______", true, Kind::begin},
                                                    {"T_R__sS_", false, Kind::savepoint},  // tells of reads before it
                                                    {"", false},
                                                    {"T_R_WsS_", false, Kind::write},
                                                    {"T_______", false, Kind::commit},  // AND CHAIN
                                                    {"________", true, Kind::commit},
                                                    {"_______L", false, Kind::write},  // LOCK TABLES
                                                    {"________", false, Kind::write},
                                                    {"I_R_____", false},  // autocommit=0
                                                    {"________", false, Kind::commit},
                                                    {"T_R_____", true, Kind::begin, sql::fx_consistent_snapshot},
                                                    {"T_______", true, Kind::begin},
                                                    {"T_R_____", true, Kind::begin, sql::fx_consistent_snapshot},
                                                    {"T_R_W___", false, Kind::write},
                                                    {"________", true, Kind::rollback}}) {
    INFO(row.state);
    sql::Facts facts;
    facts.kind = row.kind;
    facts.effects = row.effects;
    next.answered(row.state, facts, row.state[0] != '_');
    Bytes block, data, filtered;
    protocol::put_lenenc_string(data, row.state);
    protocol::put_u8(block, 5);
    protocol::put_lenenc_bytes(block, data);
    if (*row.state != 0) filter_trackers(block, filtered, encoding);
    CHECK(!filtered.empty() == row.told);
  }
}

TEST_CASE("trackers: what the client has set of its own decides") {
  const auto seen = [](const OwnTrackers& own) {
    Bytes filtered;
    Encoding encoding;
    encoding.own = &own;
    filter_trackers(trackers(false), filtered, encoding);
    std::string words;
    protocol::for_each_tracker(filtered, [&](const protocol::TrackerItem& i) {
      words += std::to_string(static_cast<int>(i.type)) + std::string(i.name) + "=" + std::string(i.value) + " ";
    });
    return words;
  };
  CHECK(seen({}) == "1=shop 0time_zone=+01:00 ");
  CHECK(seen({{"session_track_system_variables", "sql_mode, autocommit"}}) == "1=shop 0sql_mode=ANSI_QUOTES ");
  CHECK(seen({{"session_track_system_variables", ""}, {"session_track_schema", "0"}}).empty());
  CHECK(seen({{"session_track_system_variables", ""}, {"session_track_state_change", "1"}}) == "1=shop 2=1 ");
}

TEST_CASE("trackers of a result come with the next OK, for clients that get none with a result") {
  const Encoding old{false, true, true};
  Bytes pending, first = trackers(true), block{1, 5, 4, 'h', 'o', 'm', 'e'};
  protocol::OkInfo result, ok;
  result.session_state = first;
  CHECK_FALSE(carry_trackers(Part::ok_of_result, old, result, pending, ""));
  ok.status = 2;
  ok.session_state = block;
  CHECK(carry_trackers(Part::ok, old, ok, pending, ""));
  CHECK(ok.status == 0x4002);
  std::string words;
  protocol::for_each_tracker(ok.session_state, [&](const protocol::TrackerItem& i) { words += i.value; });
  CHECK(words == "+01:00home");
  // A schema is told as it is by then: a routine may have come back from another one.
  Bytes inside{1, 6, 5, 'o', 't', 'h', 'e', 'r'}, kept;
  result.session_state = inside;
  carry_trackers(Part::ok_of_result, old, result, kept, "home");
  protocol::OkInfo behind;
  CHECK(carry_trackers(Part::ok, old, behind, kept, "home"));
  words.clear();
  protocol::for_each_tracker(behind.session_state, [&](const protocol::TrackerItem& i) { words += i.value; });
  CHECK(words == "home");
  // MariaDB tells it only along with something that has changed since.
  const Encoding mariadb{false, true, true, nullptr, true};
  protocol::OkInfo silent;
  CHECK_FALSE(carry_trackers(Part::ok, mariadb, silent, pending, ""));
  CHECK_FALSE(pending.empty());
  pending.clear();
  for (const Encoding& other : {Encoding{true, true, true}, Encoding{false, false, true}}) {
    carry_trackers(Part::ok_of_result, other, result, pending, "");
    CHECK(pending.empty());
  }
}

TEST_CASE("MariaDB's late schema waits for something else to tell") {
  const Encoding mariadb{false, true, true, nullptr, true};
  const Bytes schema{1, 5, 4, 'h', 'o', 'm', 'e'};
  Bytes pending, block = schema;
  protocol::OkInfo ok, next;
  ok.status = 0x4002;
  ok.session_state = block;
  CHECK_FALSE(keep_schema({false, true, true}, ok, pending));  // MySQL
  CHECK(keep_schema(mariadb, ok, pending));
  CHECK(ok.status == 2);
  CHECK(ok.session_state.empty());
  const Bytes more = trackers(true);
  next.session_state = more;
  CHECK_FALSE(keep_schema(mariadb, next, pending));
  CHECK(carry_trackers(Part::ok, mariadb, next, pending, ""));
}

TEST_CASE("an OK whose trackers are all wye's own has neither block nor flag") {
  Bytes block{2, 1, '1'};
  protocol::OkInfo info;
  info.status = 0x4002;
  info.session_state = block;
  Bytes payload;
  protocol::write_ok(payload, info, {false, true});
  Answer answer({true, true, true});
  base::Buffer out;
  const auto parsed = protocol::parse_ok(payload, true);
  answer.packet(out, Part::ok, 1, payload, false, &std::get<protocol::OkInfo>(parsed));
  CHECK(test::to_hex(out.data()) == "0700000100000002000000");
}

TEST_CASE("MariaDB's EOF with the trackers' flag") {
  const Bytes payload = hex("fe00000240");
  base::Buffer out;
  Answer answer({false, true, false});
  answer.packet(out, Part::eof, 5, payload, false, nullptr);
  CHECK(test::to_hex(out.data()) == "05000005fe00000200");
}

}  // namespace
}  // namespace wye::session
