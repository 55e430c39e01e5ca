#include "proxy/protocol/compression.h"

#include <zlib.h>
#include <zstd.h>

#include <algorithm>

#include "proxy/protocol/handshake.h"
#include "tests/unit/catch.h"
#include "tests/unit/protocol/hex.h"

namespace wye::protocol {
namespace {

using test::hex;

Bytes text(std::size_t size) {
  Bytes out(size);
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<std::uint8_t>('a' + (i * 7 + i / 251) % 26);
  return out;
}

/// Bytes that nothing makes smaller.
Bytes noise(std::size_t size) {
  Bytes out(size);
  std::uint32_t x = 1;
  for (auto& b : out) {
    x = x * 1664525u + 1013904223u;
    b = static_cast<std::uint8_t>(x >> 24);
  }
  return out;
}

Bytes zlib_of(ByteView in) {
  uLongf size = compressBound(in.size());
  Bytes out(size);
  REQUIRE(::compress(out.data(), &size, in.data(), in.size()) == Z_OK);
  out.resize(size);
  return out;
}

Bytes zstd_of(ByteView in, int level = 3) {
  Bytes out(ZSTD_compressBound(in.size()));
  out.resize(ZSTD_compress(out.data(), out.size(), in.data(), in.size(), level));
  return out;
}

/// A frame as a client makes it.
Bytes frame(std::uint8_t sequence, ByteView body, std::size_t declared) {
  Bytes out(4);
  write_head(out.data(), {static_cast<std::uint32_t>(body.size()), sequence});
  for (int i = 0; i < 3; ++i) out.push_back(static_cast<std::uint8_t>(declared >> (8 * i)));
  base::append(out, body);
  return out;
}

struct Result {
  Bytes bytes;
  std::string why;  // empty: all was taken
};

/// Feeds `in` in pieces of `cut` bytes, with room for `room` at a time.
Result decompressed(CompressedStream& stream, ByteView in, std::size_t cut = SIZE_MAX, std::size_t room = 4096) {
  Result r;
  Bytes out(room);
  while (!in.empty()) {
    const Bytes piece(in.begin(), in.begin() + static_cast<std::ptrdiff_t>(std::min(cut, in.size())));
    in = in.subspan(piece.size());
    for (ByteView rest{piece};;) {
      const auto result = stream.decompress(rest, out);
      if (const auto* bad = std::get_if<Malformed>(&result)) {
        r.why = bad->why;
        return r;
      }
      const auto step = std::get<CompressedStream::Step>(result);
      rest = rest.subspan(step.consumed);
      base::append(r.bytes, ByteView{out}.first(step.produced));
      if (step.produced < room) {
        REQUIRE(rest.empty());
        break;
      }
    }
  }
  return r;
}

struct Both {
  CompressionPool pool;
  CompressedStream writer, reader;
  explicit Both(Compression algorithm, int level = 3)
      : writer(pool, algorithm, level), reader(pool, algorithm, level) {}
};

/// Heads of the frames in `stream`: "length sequence declared", parted by commas.
std::string heads(ByteView stream) {
  std::string out;
  while (!stream.empty()) {
    REQUIRE(stream.size() >= compressed_head);
    const Head head = read_head(stream.data());
    const auto declared = stream[4] | stream[5] << 8 | stream[6] << 16;
    out += (out.empty() ? "" : ", ") + std::to_string(head.length) + " " + std::to_string(head.sequence) + " " +
           std::to_string(declared);
    REQUIRE(stream.size() >= compressed_head + head.length);
    stream = stream.subspan(compressed_head + head.length);
  }
  return out;
}

const auto algorithms = {Compression::zlib, Compression::zstd};

TEST_CASE("what is agreed on: zlib if there is a choice, as from a server") {
  CHECK(compression_of(0) == Compression::none);
  CHECK(compression_of(~(cap::compress | cap::zstd)) == Compression::none);
  CHECK(compression_of(cap::compress) == Compression::zlib);
  CHECK(compression_of(cap::zstd) == Compression::zstd);
  CHECK(compression_of(cap::compress | cap::zstd) == Compression::zlib);
}

TEST_CASE("little is stored, and so is what does not get smaller") {
  for (const auto algorithm : algorithms) {
    Both both(algorithm);
    base::Buffer out;
    both.writer.compress(out, text(49));
    both.writer.compress(out, noise(1000));
    both.writer.compress(out, {});
    CHECK(heads(out.data()) == "49 0 0, 1000 1 0");
  }
}

TEST_CASE("frames are what zlib and zstd themselves read") {
  const Bytes plain = text(1000);
  for (const auto algorithm : algorithms) {
    Both both(algorithm);
    base::Buffer out;
    both.writer.compress(out, plain);
    const ByteView body = out.data().subspan(compressed_head);
    CHECK(body.size() < plain.size() / 2);
    Bytes back(plain.size());
    if (algorithm == Compression::zlib) {
      uLongf size = back.size();
      REQUIRE(::uncompress(back.data(), &size, body.data(), body.size()) == Z_OK);
      CHECK(size == plain.size());
    } else {
      CHECK(ZSTD_decompress(back.data(), back.size(), body.data(), body.size()) == plain.size());
    }
    CHECK(back == plain);
  }
}

TEST_CASE("what is written is read back, whatever the size, however it is cut, however little room there is") {
  for (const auto algorithm : algorithms) {
    for (const std::size_t size : {1, 49, 50, 51, 1000, 70'000}) {
      for (const std::size_t cut : {std::size_t{1}, std::size_t{7}, std::size_t{1000}, SIZE_MAX}) {
        for (const std::size_t room : {1, 100, 65536}) {
          if (size == 70'000 && room == 1) continue;
          for (const bool noisy : {false, true}) {
            Both both(algorithm);
            const Bytes plain = noisy ? noise(size) : text(size);
            base::Buffer out;
            both.writer.compress(out, plain);
            const auto r = decompressed(both.reader, out.data(), cut, room);
            INFO(size << " " << cut << " " << room);
            CHECK(r.why.empty());
            CHECK((r.bytes == plain));
            CHECK(both.reader.between_frames());
          }
        }
      }
    }
  }
}

TEST_CASE("a frame holds at most 0xffffff bytes") {
  for (const auto algorithm : algorithms) {
    Both both(algorithm, 1);
    const Bytes plain(std::size_t{max_frame} + 1, 'x');
    for (const auto& [size, frames] : {std::pair{std::size_t{max_frame} - 1, 1}, {max_frame, 1}, {max_frame + 1, 2}}) {
      base::Buffer out;
      both.writer.compress(out, ByteView{plain}.first(size));
      const std::string all = heads(out.data());
      CHECK(std::count(all.begin(), all.end(), ',') + 1 == frames);
      const auto r = decompressed(both.reader, out.data(), 100'000, 65536);
      CHECK(r.why.empty());
      CHECK((r.bytes == Bytes(plain.begin(), plain.begin() + static_cast<std::ptrdiff_t>(size))));
    }
    const Bytes all_noise = noise(max_frame);
    base::Buffer out;
    both.writer.compress(out, all_noise);
    CHECK(heads(out.data()).starts_with("16777215 4 0"));
    CHECK((decompressed(both.reader, out.data(), 1 << 20, 65536).bytes == all_noise));
  }
}

TEST_CASE("packets and frames need not begin or end together") {
  Both both(Compression::zlib);
  const Bytes packets = text(300);
  Bytes stream = frame(0, ByteView{packets}.first(3), 0);
  base::append(stream, frame(1, zlib_of(ByteView{packets}.subspan(3, 200)), 200));
  base::append(stream, frame(2, {}, 0));
  base::append(stream, frame(3, zlib_of(ByteView{packets}.subspan(203)), 97));
  for (const std::size_t cut : {std::size_t{1}, SIZE_MAX}) {
    CompressedStream reader(both.pool, Compression::zlib, 0);
    const auto r = decompressed(reader, stream, cut);
    CHECK(r.why.empty());
    CHECK(r.bytes == packets);
  }
}

TEST_CASE("sequence ids: a command begins with 0, its answer goes on, both directions count as one") {
  CompressionPool pool;
  CompressedStream server(pool, Compression::zlib, 0);
  base::Buffer out;
  CHECK(decompressed(server, frame(0, hex("03"), 0)).why.empty());
  server.compress(out, hex("01"));
  server.compress(out, hex("02"));
  CHECK(heads(out.data()) == "1 1 0, 1 2 0");
  CHECK(decompressed(server, frame(3, hex("aa"), 0)).why.empty());  // the content of a file that the answer asked for
  CHECK(decompressed(server, frame(4, hex("ab"), 0)).why.empty());
  out.clear();
  server.compress(out, hex("03"));
  CHECK(heads(out.data()) == "1 5 0");
  CHECK(decompressed(server, frame(0, hex("03"), 0)).why.empty());
  out.clear();
  server.compress(out, hex("01"));
  CHECK(heads(out.data()) == "1 1 0");
  CHECK(decompressed(server, frame(3, hex("03"), 0)).why == "compressed frames out of order");
}

TEST_CASE("sequence ids wrap at 256") {
  CompressionPool pool;
  CompressedStream server(pool, Compression::zlib, 0);
  for (int i = 0; i < 300; ++i) {
    CHECK(decompressed(server, frame(static_cast<std::uint8_t>(i), hex("01"), 0)).why.empty());
  }
  base::Buffer out;
  server.compress(out, hex("02"));
  CHECK(heads(out.data()) == "1 44 0");
}

TEST_CASE("zstd's level is held to 1 .. 9") {
  const Bytes plain = text(100'000);
  const auto size_at = [&](int level) {
    Both both(Compression::zstd, level);
    base::Buffer out;
    both.writer.compress(out, plain);
    return out.size() - compressed_head;
  };
  CHECK(size_at(0) == zstd_of(plain, 1).size());
  CHECK(size_at(3) == zstd_of(plain, 3).size());
  CHECK(size_at(22) == zstd_of(plain, 9).size());
}

TEST_CASE("frames of every level that a client may use are read") {
  const Bytes plain = text(3'000'000);
  for (const int level : {-1, 1, 3, 19, 22}) {
    Both both(Compression::zstd);
    const auto r = decompressed(both.reader, frame(0, zstd_of(plain, level), plain.size()), 5000, 65536);
    INFO(level);
    CHECK(r.why.empty());
    CHECK((r.bytes == plain));
  }
}

TEST_CASE("broken frames are refused") {
  const Bytes plain = text(1000);
  for (const auto algorithm : algorithms) {
    const Bytes good = algorithm == Compression::zlib ? zlib_of(plain) : zstd_of(plain);
    const Bytes cut(good.begin(), good.end() - 1);
    Bytes more = good;
    more.push_back(0);
    Bytes two = good;
    base::append(two, good);
    Bytes flipped = good;
    flipped[flipped.size() / 2] ^= 0xff;
    flipped[1] ^= 0xff;
    const std::pair<Bytes, std::string> rows[] = {
        {frame(0, good, 1000), ""},
        {frame(1, good, 1000), "compressed frames out of order"},
        {frame(0, good, 999), "compressed data is longer than declared"},
        {frame(0, good, 1), "compressed data is longer than declared"},
        {frame(0, good, 1001), "compressed data ends early"},
        {frame(0, cut, 1000), "compressed data is cut off"},
        {frame(0, more, 1000), "compressed data ends early"},
        {frame(0, two, 2000), "compressed data ends early"},
        {frame(0, {}, 1000), "compressed data is cut off"},
        {frame(0, flipped, 1000), "compressed data is broken"},
        {frame(0, plain, 2000), "compressed data is broken"},
        {frame(0, hex("26b52ffd 04 58 95 01 00 94 60 30 00 00 14 92"), 205),
         "compressed data is broken"},  // of zstd 0.6
    };
    for (const auto& [bytes, why] : rows) {
      for (const std::size_t chunk : {std::size_t{1}, SIZE_MAX}) {
        for (const std::size_t room : {std::size_t{1}, std::size_t{1000}, std::size_t{4096}}) {
          Both both(algorithm);
          INFO(why << " " << chunk << " " << room);
          CHECK(decompressed(both.reader, bytes, chunk, room).why == why);
        }
      }
    }
  }
}

TEST_CASE("a bomb gives no more than its head declares, piece by piece") {
  const Bytes zeros(std::size_t{64} << 20, 0);
  for (const auto algorithm : algorithms) {
    const Bytes bomb = algorithm == Compression::zlib ? zlib_of(zeros) : zstd_of(zeros);
    Both both(algorithm);
    Bytes out(65536);
    const Bytes in = frame(0, bomb, max_frame);
    ByteView rest{in};
    std::size_t total = 0;
    for (;;) {
      const auto result = both.reader.decompress(rest, out);
      if (std::holds_alternative<Malformed>(result)) break;
      const auto step = std::get<CompressedStream::Step>(result);
      rest = rest.subspan(step.consumed);
      total += step.produced;
      REQUIRE(total <= max_frame);
      REQUIRE(step.consumed + step.produced > 0);
    }
    CHECK(total <= max_frame);
  }
}

TEST_CASE("a stream that ends inside a frame gives its context back") {
  CompressionPool pool;
  const Bytes plain = text(5000);
  for (int i = 0; i < 40; ++i) {
    for (const auto algorithm : algorithms) {
      const Bytes whole = frame(0, algorithm == Compression::zlib ? zlib_of(plain) : zstd_of(plain), plain.size());
      {
        CompressedStream ended(pool, algorithm, 3);
        CHECK(decompressed(ended, ByteView{whole}.first(whole.size() - 3)).why.empty());
        CHECK_FALSE(ended.between_frames());
      }
      CompressedStream next(pool, algorithm, 3);
      CHECK(decompressed(next, whole).bytes == plain);
    }
  }
}

}  // namespace
}  // namespace wye::protocol
