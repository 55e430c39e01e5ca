// The cutting of a server's stream into answers: the same whatever pieces it comes in.
#include <random>

#include "tests/unit/pool/backend_support.h"

namespace wye::pool {
namespace {

using protocol::Expect;
using protocol::max_frame;
using test::command;
using test::Connected;
using test::hex;
using test::Sink;

const std::string definition = "036465660000000131000c3f0001000000038100000000";

base::Bytes packets(const std::vector<std::string>& payloads, std::uint8_t sequence = 1) {
  base::Bytes out;
  for (const auto& p : payloads) sequence = protocol::write_packet(out, sequence, hex(p));
  return out;
}

struct Statement {
  Expect expect;
  std::vector<std::string> payloads;
  bool wants_end = false;
  std::uint8_t shift = 0;
};

const std::vector<Statement>& recorded() {
  const std::string end = "fe000002000000", more = "fe00000a000000", err = "ff19042334323030306e6f",
                    ok = "00000002000000";
  static const std::vector<Statement> all = {
      {Expect::query, {ok}},
      {Expect::query, {"02", definition, definition, "01310132", "01330134", end}},
      {Expect::query, {"02", definition, definition, "01310132", "01330134", end}, true, 7},
      {Expect::ok_or_err, {err}},
      {Expect::query, {"01", definition, end}, true},
      {Expect::query,
       {"01", definition, "0131", more, ok.substr(0, 6) + "0a000000", "01", definition, "0132", err},
       true,
       250},
      {Expect::prepare, {"000100000002000100000000", definition, definition, definition}, true},
      {Expect::prepare, {"000100000000000000000000"}, true},
      {Expect::query, {"01", definition, "fe000042000000"}, true},
      {Expect::rows, {"000001000000", "000002000000", "fe000082000000"}},
      {Expect::text, {"557074696d653a203530"}},
      {Expect::definitions, {definition, definition, end}},
      {Expect::eof_or_err, {end}, true},
      {Expect::query, {ok}},
      {Expect::query, {"01", definition, err}, true},
  };
  return all;
}

/// What each statement's sink saw of the recorded stream, given in pieces of the sizes that `next` says.
std::vector<std::vector<std::string>> seen_in_pieces(const std::function<std::size_t()>& next) {
  static Connected c;  // one login serves all: every stream is read to its end
  if (c.backend == nullptr) {
    c.server.greeting.plugin = "mysql_native_password";
    c.settled();
  }
  base::Bytes stream;
  std::vector<std::unique_ptr<Sink>> sinks;
  for (const auto& s : recorded()) {
    base::append(stream, packets(s.payloads));
    auto& sink = *sinks.emplace_back(std::make_unique<Sink>());
    sink.wants_end = s.wants_end;
    sink.shift = s.shift;
    c.backend->submit(sink, s.expect, command(0x0e));
  }
  for (std::size_t at = 0; at < stream.size();) {
    const auto n = std::min(next(), stream.size() - at);
    base::Bytes piece(stream.begin() + static_cast<std::ptrdiff_t>(at),
                      stream.begin() + static_cast<std::ptrdiff_t>(at + n));
    piece.shrink_to_fit();  // a sanitizer sees a read past it
    c.feed(std::move(piece));
    at += n;
  }
  CHECK(c.backend->idle());
  CHECK_FALSE(c.backend->inside_packet());
  std::vector<std::vector<std::string>> seen;
  for (const auto& s : sinks) seen.push_back(s->lines);
  return seen;
}

TEST_CASE("each sink sees its own answer and nothing of its neighbours'") {
  const auto seen = seen_in_pieces([] { return SIZE_MAX; });
  REQUIRE(seen.size() == recorded().size());
  const auto& rows = seen[1];
  REQUIRE(rows.size() == 4);
  CHECK(rows[0] == "packet 4 1 02");
  const auto raw = packets({definition, definition, "01310132", "01330134"}, 2);
  CHECK(rows[1] == "raw " + std::string(base::chars_of(raw)));
  CHECK(rows[2] == "packet 3 6 fe000002000000");
  CHECK(rows[3] == "end");
  // Shifted by 7 from where the client has an EOF of its own... the sink does not change its shift here: all frames
  // alike.
  const auto& shifted = seen[2];
  REQUIRE(shifted.size() == 6);
  CHECK(shifted[1] == "raw " + std::string(base::chars_of(packets({definition, definition}, 2 + 7))));
  CHECK(shifted[2] == "definitions end 4");
  CHECK(shifted[3] == "raw " + std::string(base::chars_of(packets({"01310132", "01330134"}, 4 + 7))));
  CHECK(shifted[4] == "packet 3 6 fe000002000000");  // whole packets keep the server's number
  CHECK(seen[3] == std::vector<std::string>{"packet 1 1 ff19042334323030306e6f", "failed"});
  CHECK(seen[4][2] == "definitions end 3");  // no rows: still ahead of the end
  CHECK(seen[4][3] == "packet 3 3 fe000002000000");
  // PREPARE: one end per block.
  REQUIRE(seen[6].size() == 6);
  CHECK(seen[6][2] == "definitions end 3");
  CHECK(seen[6][4] == "definitions end 5");
  CHECK(seen[7] == std::vector<std::string>{"packet 8 1 000100000000000000000000", "end"});
  // A cursor's definitions are ended by the one packet that says so.
  REQUIRE(seen[8].size() == 4);
  CHECK(seen[8][2] == "packet 3 3 fe000042000000");
  CHECK(seen[13] == std::vector<std::string>{"packet 0 1 00000002000000", "end"});
  // An error in the place of the first row: the client's EOF is still ahead of it.
  REQUIRE(seen[14].size() == 5);
  CHECK(seen[14][2] == "definitions end 3");
  CHECK(seen[14][3] == "packet 1 3 ff19042334323030306e6f");
}

TEST_CASE("the stream in one piece, byte by byte, and at every border: the sinks see the same") {
  const auto whole = seen_in_pieces([] { return SIZE_MAX; });
  for (std::size_t size = 1; size <= 40; ++size) {
    CAPTURE(size);
    CHECK(seen_in_pieces([size] { return size; }) == whole);
  }
  for (std::size_t first = 1; first < 600; ++first) {
    CAPTURE(first);
    CHECK(seen_in_pieces([first, begun = false]() mutable { return std::exchange(begun, true) ? SIZE_MAX : first; }) ==
          whole);
  }
}

TEST_CASE("the stream at random cuts: the sinks see the same") {
  const auto whole = seen_in_pieces([] { return SIZE_MAX; });
  std::mt19937 random(42);  // NOLINT: the same cuts each time
  for (int i = 0; i < 300; ++i) CHECK(seen_in_pieces([&] { return 1 + random() % (i % 2 == 0 ? 9U : 120U); }) == whole);
}

/// Collects raw bytes only: for large ones.
struct Large : ResponseSink {
  base::Bytes raw;
  std::size_t calls = 0;
  bool ended = false;
  void on_raw(base::ByteView frames) override {
    base::append(raw, frames);
    ++calls;
  }
  void on_packet(Part, std::uint8_t, base::ByteView, const ResponseTracker&) override {}
  void on_end(const ResponseTracker&) override { ended = true; }
  void on_lost(const base::Error&) override {}
};

TEST_CASE("rows of full frames and what continues them") {
  for (const std::uint32_t size : {max_frame - 1, max_frame, max_frame + 1, 2 * max_frame, 2 * max_frame + 70'000}) {
    CAPTURE(size);
    Connected c;
    c.server.greeting.plugin = "mysql_native_password";
    c.settled();
    base::Bytes row(size, 0xff);  // as the first byte of a continuation frame this would be an ERR
    row[0] = 'x';
    base::Bytes middle;
    std::uint8_t sequence = protocol::write_packet(middle, 2, hex(definition));
    sequence = protocol::write_packet(middle, sequence, row);
    sequence = protocol::write_packet(middle, sequence, hex("0131"));
    base::Bytes stream;
    protocol::write_packet(stream, 1, hex("01"));
    base::append(stream, middle);
    protocol::write_packet(stream, sequence, hex("fe000002000000"));
    base::append(stream, packets({"00000002000000"}));
    Large large;
    Sink behind;
    c.backend->submit(large, Expect::query, command(0x03));
    c.backend->submit(behind, Expect::query, command(0x03));
    for (std::size_t at = 0; at < stream.size(); at += 65'521) {
      const auto n = std::min<std::size_t>(65'521, stream.size() - at);
      c.feed({stream.begin() + static_cast<std::ptrdiff_t>(at), stream.begin() + static_cast<std::ptrdiff_t>(at + n)});
    }
    CHECK((large.raw == middle));
    CHECK(large.ended);
    CHECK(large.calls <= 2 * (stream.size() / 65'521 + 3));  // runs, not frames
    CHECK(behind.ended);
  }
}

TEST_CASE("a chunk of many rows is one call") {
  Connected c;
  c.server.greeting.plugin = "mysql_native_password";
  c.settled();
  Sink sink;
  c.backend->submit(sink, Expect::query, command(0x03));
  c.feed(packets({"05", definition, definition, definition, definition, definition}));
  CHECK(sink.raw_calls == 1);
  base::Bytes rows;
  for (int i = 0; i < 1000; ++i) protocol::write_packet(rows, static_cast<std::uint8_t>(7 + i), hex("0131"));
  c.feed(rows);
  CHECK(sink.raw_calls == 2);
  CHECK_FALSE(c.backend->inside_packet());
  c.feed(hex("020000"));
  CHECK_FALSE(c.backend->inside_packet());
  c.feed(hex("0001"));
  CHECK(c.backend->inside_packet());
  c.backend->close();  // before the sink goes
}

TEST_CASE("bytes that nobody asked for end the connection") {
  Connected c;
  c.server.greeting.plugin = "mysql_native_password";
  c.settled();
  c.feed(packets({"ff1d0423303853303173687574646f776e"}, 0));
  CHECK(c.backend->dead());
  CHECK(c.holder.error->code == 2027);
  CHECK(c.holder.lost.size() == 1);
}

TEST_CASE("an answer that breaks the protocol ends it for all that wait, each told once") {
  Connected c;
  c.server.greeting.plugin = "mysql_native_password";
  c.settled();
  Sink first, second;
  c.backend->submit(first, Expect::ok_or_err, command(0x0e));
  c.backend->submit(second, Expect::query, command(0x03));
  c.feed(packets({"05"}));
  CHECK(first.lines == std::vector<std::string>{"lost 2027"});
  CHECK(second.lines == std::vector<std::string>{"lost 2027"});
  CHECK(c.holder.lost.size() == 1);
}

TEST_CASE("lost in the middle: inside a packet or between two") {
  for (const std::size_t cut : {0U, 2U, 4U, 5U, 7U}) {
    Connected c;
    c.server.greeting.plugin = "mysql_native_password";
    c.settled();
    Sink first, second;
    c.backend->submit(first, Expect::query, command(0x03));
    c.backend->submit(second, Expect::query, command(0x03));
    auto stream = packets({"01", definition});
    base::append(stream, base::ByteView{packets({"03313233"}, 3)}.first(cut));
    c.feed(stream);
    CHECK(c.backend->inside_packet() == (cut >= 5));  // not a byte of it was passed before
    CHECK(c.backend->last_sequence() == (cut < 5 ? 2 : 3));
    c.server.last().stream->close();
    REQUIRE(test::run_until(c.loop, [&] { return !c.holder.lost.empty(); }));
    CHECK(first.error->code == 2013);
    CHECK(first.error->message == "Lost connection to server db1 (closed by peer)");
    CHECK(second.lines == std::vector<std::string>{"lost 2013"});
  }
}

TEST_CASE("an orphan's answer is read and dropped, its neighbours' are not") {
  for (const std::size_t before : {0U, 3U, 20U, 34U, 37U}) {
    Connected c;
    c.server.greeting.plugin = "mysql_native_password";
    c.settled();
    Sink second;
    auto first = std::make_unique<Sink>();
    c.backend->submit(*first, Expect::query, command(0x03));
    c.backend->submit(second, Expect::query, command(0x03));
    auto stream = packets({"01", definition, "0131", "fe000002000000"});
    base::append(stream, packets({"00000002000000"}));
    c.feed({stream.begin(), stream.begin() + static_cast<std::ptrdiff_t>(before)});
    c.backend->orphan(*first);
    first.reset();  // a sanitizer sees a call of it
    c.feed({stream.begin() + static_cast<std::ptrdiff_t>(before), stream.end()});
    CHECK(second.lines == std::vector<std::string>{"packet 0 1 00000002000000", "end"});
    CHECK(c.backend->idle());
  }
}

TEST_CASE("a sink may close or orphan in any callback; nothing is touched after that") {
  auto stream = packets({"01", definition, "0131", "0132", "fe000002000000"});
  base::append(stream, packets({"00000002000000"}));
  for (const std::size_t piece : {std::size_t{1}, std::size_t{3}, stream.size()}) {
    for (int where = 0; where < 3; ++where) {
      for (const bool destroy : {false, true}) {
        Connected c;
        c.server.greeting.plugin = "mysql_native_password";
        c.settled();
        Sink first, second;
        const auto act = [&] {
          c.backend->close();
          if (destroy) c.loop.defer([&] { c.backend.reset(); });
        };
        (where == 0 ? first.when_packet : where == 1 ? first.when_raw : first.when_ended) = act;
        c.backend->submit(first, Expect::query, command(0x03));
        c.backend->submit(second, Expect::query, command(0x03));
        for (std::size_t at = 0; at < stream.size() && !c.backend->dead(); at += piece) {
          const auto n = std::min(piece, stream.size() - at);
          c.feed(
              {stream.begin() + static_cast<std::ptrdiff_t>(at), stream.begin() + static_cast<std::ptrdiff_t>(at + n)});
        }
        CHECK(c.backend->dead());
        CHECK(first.lines.back() == (where == 2 ? "end" : "lost 2013"));
        CHECK(second.lines == std::vector<std::string>{"lost 2013"});
        c.loop.run_deferred();
      }
    }
  }
}

}  // namespace
}  // namespace wye::pool
