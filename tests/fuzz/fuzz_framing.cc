// Input: 2 bytes max_payload, then a stream of frames.
#include "proxy/protocol/framing.h"
#include "proxy/protocol/wire.h"
#include "tests/fuzz/fuzz.h"

using namespace wye;
using namespace wye::protocol;
using fuzz::must;

namespace {

void check_packet(ByteView stream, const Packet& packet, std::size_t limit) {
  must(packet.consumed == packet.payload.size() + header_size, "consumed is head and payload");
  must(packet.payload.size() <= limit, "no packet beyond the limit");
  Bytes out;
  const auto next = write_packet(out, packet.sequence, packet.payload);
  must(next == static_cast<std::uint8_t>(packet.sequence + 1), "one frame, one sequence id");
  must(std::equal(out.begin(), out.end(), stream.begin()), "encoding gives the bytes that were decoded");
  for (std::size_t n = 0; n < packet.consumed && n < 64; ++n) {
    const Bytes prefix = fuzz::exact(stream.first(n));
    const auto cut = next_packet(prefix, limit);
    const auto* more = std::get_if<NeedMore>(&cut);
    must(more != nullptr, "a prefix of a packet wants more");
    must(more->at_least > 0 && n + more->at_least <= packet.consumed, "and never more than the packet has");
  }
}

void check_integers(ByteView payload) {
  Reader in{payload};
  while (in.ok() && !in.empty()) {
    const std::size_t before = in.offset();
    const std::uint64_t value = in.lenenc();
    if (!in.ok()) break;
    Bytes out;
    put_lenenc(out, value);
    must(out.size() <= in.offset() - before, "the form that is written is the shortest");
    Reader back{out};
    must(back.lenenc() == value && back.ok() && back.empty(), "length-encoded integer survives");
  }
  must(in.offset() <= payload.size(), "the reader stays inside");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Choices choices{{data, size}};
  const std::size_t limit = choices.word();
  const Bytes copy = fuzz::exact(choices.rest());
  ByteView stream{copy};
  for (;;) {
    const auto framed = next_packet(stream, limit);
    const auto* packet = std::get_if<Packet>(&framed);
    if (packet == nullptr) break;
    check_packet(stream, *packet, limit);
    check_integers(packet->payload);
    stream = stream.subspan(packet->consumed);
  }
  return 0;
}
