// Input: 1 byte algorithm and way, 4 bytes seed of the cuts, then frames (to be read), or bytes (to be written and
// read).
#include "proxy/protocol/compression.h"
#include "tests/fuzz/fuzz.h"

using namespace wye;
using namespace wye::protocol;
using fuzz::must;

namespace {

constexpr std::size_t enough = std::size_t{4} << 20;  // a bomb is known to be one by then

struct Read {
  Bytes bytes;
  bool malformed = false;
  std::size_t taken = 0;
};

/// The stream in pieces, as a socket would bring it; room for the output varies as well.
Read read(CompressedStream& stream, ByteView in, fuzz::Cuts& cuts, bool whole) {
  Read r;
  Bytes out(65536);
  while (!in.empty() && r.bytes.size() < enough) {
    Bytes piece = fuzz::exact(in.first(whole ? in.size() : 1 + cuts.next(in.size())));
    in = in.subspan(piece.size());
    for (ByteView rest{piece};;) {
      const std::size_t room = whole ? out.size() : 1 + cuts.next(out.size());
      const auto result = stream.decompress(rest, std::span{out}.first(room));
      if (std::holds_alternative<Malformed>(result)) {
        r.malformed = true;
        return r;
      }
      const auto step = std::get<CompressedStream::Step>(result);
      must(step.consumed <= rest.size() && step.produced <= room, "a step stays inside");
      must(step.produced == room || step.consumed == rest.size(), "all is taken unless there is no room");
      r.taken += step.consumed;
      rest = rest.subspan(step.consumed);
      base::append(r.bytes, ByteView{out}.first(step.produced));
      if (step.produced < room || r.bytes.size() >= enough) break;
    }
  }
  return r;
}

void check_reading(CompressionPool& pool, Compression algorithm, ByteView in, fuzz::Cuts& cuts) {
  CompressedStream one(pool, algorithm, 3), two(pool, algorithm, 3);
  const Read a = read(one, in, cuts, true), b = read(two, in, cuts, false);
  if (a.bytes.size() >= enough || b.bytes.size() >= enough) return;
  must(a.malformed == b.malformed, "cuts do not matter to what is refused");
  if (!a.malformed) must(a.bytes == b.bytes && a.taken == in.size(), "cuts do not matter to what is read");
}

void check_round_trip(CompressionPool& pool, Compression algorithm, int level, ByteView in, fuzz::Cuts& cuts) {
  CompressedStream writer(pool, algorithm, level), reader(pool, algorithm, level);
  base::Buffer frames;
  for (ByteView rest = in; !rest.empty();) {
    const ByteView piece = rest.first(1 + cuts.next(rest.size()));
    writer.compress(frames, piece);
    rest = rest.subspan(piece.size());
  }
  const Read r = read(reader, frames.data(), cuts, false);
  must(!r.malformed && reader.between_frames(), "what is written can be read");
  must(r.bytes == Bytes(in.begin(), in.end()), "and is the same");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Choices choices{{data, size}};
  const std::uint8_t how = choices.byte();
  fuzz::Cuts cuts(choices.four());
  const Bytes in = fuzz::exact(choices.rest());
  CompressionPool pool;
  const auto algorithm = (how & 1) == 0 ? Compression::zlib : Compression::zstd;
  if ((how & 2) == 0) {
    check_reading(pool, algorithm, in, cuts);
  } else {
    check_round_trip(pool, algorithm, how >> 2, in, cuts);
  }
  return 0;
}
