// Input: 1 byte Expect, 1 byte flags (1: deprecate_eof, 2: session_track), 4 bytes where to cut, then what a server
// sends. The tracker must say the same of the stream however it is cut; what it gathers goes decode -> encode ->
// decode.
#include "proxy/protocol/response_tracker.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/protocol/answer_stream.h"

using namespace wye;
using namespace wye::protocol;
using fuzz::must;
using test::AnswerStream;

namespace {

void check_ok(ByteView payload, bool track) {
  const auto parsed = parse_ok(payload, track);
  const auto* a = std::get_if<OkInfo>(&parsed);
  if (a == nullptr) return;
  Bytes out;
  write_ok(out, *a, {payload[0] == 0xfe, track});
  const auto again = parse_ok(out, track);
  const auto* b = std::get_if<OkInfo>(&again);
  must(b != nullptr && out[0] == payload[0], "an OK that was written can be read");
  must(a->affected_rows == b->affected_rows && a->insert_id == b->insert_id && a->info == b->info, "OK's values");
  const unsigned asked = track ? 0xffffu : 0xffffu & ~unsigned{status::session_state_changed};
  must((a->status & asked) == b->status && a->warnings == b->warnings, "OK's flags");
  must(std::equal(a->session_state.begin(), a->session_state.end(), b->session_state.begin(), b->session_state.end()),
       "OK's trackers");
  std::size_t seen = 0;
  for_each_tracker(a->session_state, [&](const TrackerItem& i) { seen += 1 + i.name.size() + i.value.size(); });
  must(seen <= 2 * a->session_state.size(), "items are not larger than what they came from");
}

void check_err(ByteView payload) {
  const auto parsed = parse_err(payload);
  const auto* a = std::get_if<ErrInfo>(&parsed);
  if (a == nullptr) return;
  Bytes out;
  write_err(out, *a);
  must(std::equal(out.begin(), out.end(), payload.begin(), payload.end()), "ERR is one to one");
}

void check_eof(ByteView payload) {
  const auto parsed = parse_eof(payload);
  const auto* a = std::get_if<EofInfo>(&parsed);
  if (a == nullptr) return;
  Bytes out;
  write_eof(out, *a);
  must(out.size() <= payload.size() && std::equal(out.begin(), out.end(), payload.begin()), "EOF is one to one");
}

void check_gathered(const AnswerStream& stream, bool track) {
  for (const auto& event : stream.events()) {
    const Bytes payload = fuzz::exact(event.gathered);
    if (event.part == Part::ok || event.part == Part::ok_of_result) check_ok(payload, track);
    if (event.part == Part::err) check_err(payload);
    if (event.part == Part::eof) check_eof(payload);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Choices choices{{data, size}};
  const auto expect = static_cast<Expect>(choices.byte() % 8);
  const std::uint8_t flags = choices.byte();
  const bool deprecate_eof = (flags & 1) != 0, track = (flags & 2) != 0;
  fuzz::Cuts cuts{choices.four()};
  const ByteView in = choices.rest();

  AnswerStream whole{expect, deprecate_eof};
  const std::size_t taken = whole.feed(fuzz::exact(in));
  AnswerStream pieces{expect, deprecate_eof};
  std::size_t at = 0;
  while (at < in.size() && !pieces.over()) {
    const std::size_t n = 1 + cuts.next(std::min<std::size_t>(in.size() - at, 1 + cuts.next(48)));
    const std::size_t took = pieces.feed(fuzz::exact(in.subspan(at, n)));
    at += took;
    must(took == n || pieces.over(), "everything is taken until the answer is over");
  }
  must(at == taken, "the answer ends at the same byte");
  must(whole.broken() == pieces.broken() && whole.over() == pieces.over(), "and in the same way");
  must(whole.events() == pieces.events(), "with the same parts");
  must(whole.tracker().status() == pieces.tracker().status() && whole.tracker().failed() == pieces.tracker().failed() &&
           whole.tracker().cursor_open() == pieces.tracker().cursor_open() &&
           whole.tracker().statement_id() == pieces.tracker().statement_id(),
       "and the same state");
  check_gathered(whole, track);
  // The decoders on their own, whatever the first byte of the stream is.
  const Bytes payload = fuzz::exact(in);
  check_ok(payload, track);
  check_err(payload);
  check_eof(payload);
  for_each_tracker(payload, [](const TrackerItem&) {});
  return 0;
}
