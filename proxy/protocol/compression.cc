#include "proxy/protocol/compression.h"

#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <vector>

#include "proxy/protocol/handshake.h"

namespace wye::protocol {

namespace {

// Servers take zlib's 6. Level 1 costs a third of the time for results a tenth larger, and a worker serves many
// clients.
constexpr int zlib_level = 1;
constexpr int zstd_least = 1, zstd_most = 9;
constexpr int zstd_window_log = 24;  // no frame holds more
// Of a frame as it has been since zstd 0.8. The library would read the older ones too, with decoders that nobody needs.
constexpr std::uint8_t zstd_magic[] = {0x28, 0xb5, 0x2f, 0xfd};
constexpr std::size_t keep_free = 16, keep_context = std::size_t{512} * 1024, keep_scratch = std::size_t{512} * 1024;

constexpr const char* cut_off = "compressed data is cut off";

struct DeflateEnd {
  void operator()(z_stream* z) const {
    deflateEnd(z);
    delete z;
  }
};
struct InflateEnd {
  void operator()(z_stream* z) const {
    inflateEnd(z);
    delete z;
  }
};
struct ZstdFree {
  void operator()(ZSTD_CCtx* c) const { ZSTD_freeCCtx(c); }
  void operator()(ZSTD_DCtx* c) const { ZSTD_freeDCtx(c); }
};
using Deflate = std::unique_ptr<z_stream, DeflateEnd>;
using Inflate = std::unique_ptr<z_stream, InflateEnd>;
using ZstdIn = std::unique_ptr<ZSTD_DCtx, ZstdFree>;
using ZstdOut = std::unique_ptr<ZSTD_CCtx, ZstdFree>;

Deflate make_deflate() {
  auto z = std::make_unique<z_stream>();
  if (deflateInit(z.get(), zlib_level) != Z_OK) throw std::bad_alloc();
  return Deflate(z.release());
}

Inflate make_inflate() {
  auto z = std::make_unique<z_stream>();
  if (inflateInit(z.get()) != Z_OK) throw std::bad_alloc();
  return Inflate(z.release());
}

ZstdIn make_zstd_in() {
  ZstdIn c(ZSTD_createDCtx());
  if (c == nullptr) throw std::bad_alloc();
  ZSTD_DCtx_setParameter(c.get(), ZSTD_d_windowLogMax, zstd_window_log);
  return c;
}

template <class Context>
Context taken_from(std::vector<Context>& free) {
  if (free.empty()) return nullptr;
  Context c = std::move(free.back());
  free.pop_back();
  return c;
}

}  // namespace

struct CompressionPool::Contexts {
  Deflate deflate;  // one of each is enough: a frame is compressed in one go
  ZstdOut zstd;
  Bytes scratch;         // only grows, so that it is not zeroed each time
  std::size_t used = 0;  // of scratch
  std::vector<Inflate> free_inflate;
  std::vector<ZstdIn> free_zstd;
};

CompressionPool::CompressionPool() : contexts_(std::make_unique<Contexts>()) {}
CompressionPool::~CompressionPool() = default;

struct CompressedStream::Inflating {
  Inflate zlib;
  ZstdIn zstd;

  enum class Result : std::uint8_t { more, end, bad };
  Result run(ByteView in, std::span<std::uint8_t> out, std::size_t& taken, std::size_t& made) const {
    return zlib != nullptr ? run_zlib(in, out, taken, made) : run_zstd(in, out, taken, made);
  }

 private:
  Result run_zlib(ByteView in, std::span<std::uint8_t> out, std::size_t& taken, std::size_t& made) const {
    zlib->next_in = const_cast<Bytef*>(in.data());  // not written to
    zlib->avail_in = static_cast<uInt>(in.size());
    zlib->next_out = out.data();
    zlib->avail_out = static_cast<uInt>(out.size());
    const int r = ::inflate(zlib.get(), Z_NO_FLUSH);
    taken = in.size() - zlib->avail_in;
    made = out.size() - zlib->avail_out;
    if (r == Z_STREAM_END) return Result::end;
    return r == Z_OK || r == Z_BUF_ERROR ? Result::more : Result::bad;
  }
  Result run_zstd(ByteView in, std::span<std::uint8_t> out, std::size_t& taken, std::size_t& made) const {
    ZSTD_inBuffer from{in.data(), in.size(), 0};
    ZSTD_outBuffer to{out.data(), out.size(), 0};
    const std::size_t r = ZSTD_decompressStream(zstd.get(), &to, &from);
    taken = from.pos;
    made = to.pos;
    if (ZSTD_isError(r) != 0) return Result::bad;
    return r == 0 ? Result::end : Result::more;
  }
};

Compression compression_of(std::uint32_t capabilities) {
  if ((capabilities & cap::compress) != 0) return Compression::zlib;
  return (capabilities & cap::zstd) != 0 ? Compression::zstd : Compression::none;
}

CompressedStream::CompressedStream(CompressionPool& pool, Compression algorithm, int level)
    : pool_(pool), algorithm_(algorithm), level_(std::clamp(level, zstd_least, zstd_most)) {}

CompressedStream::~CompressedStream() { give_back(); }

/// Into the pool's scratch. False: it did not get smaller.
bool CompressedStream::shrunk(ByteView payload) {
  auto& all = *pool_.contexts_;
  const std::size_t room = payload.size() - 1;
  if (all.scratch.size() < room) all.scratch.resize(room);
  if (algorithm_ == Compression::zstd) {
    if (all.zstd == nullptr) all.zstd.reset(ZSTD_createCCtx());
    if (all.zstd == nullptr) throw std::bad_alloc();
    all.used = ZSTD_compressCCtx(all.zstd.get(), all.scratch.data(), room, payload.data(), payload.size(), level_);
    return ZSTD_isError(all.used) == 0;
  }
  if (all.deflate == nullptr) all.deflate = make_deflate();
  z_stream& z = *all.deflate;
  deflateReset(&z);
  z.next_in = const_cast<Bytef*>(payload.data());  // not written to
  z.avail_in = static_cast<uInt>(payload.size());
  z.next_out = all.scratch.data();
  z.avail_out = static_cast<uInt>(room);
  if (deflate(&z, Z_FINISH) != Z_STREAM_END) return false;
  all.used = room - z.avail_out;
  return true;
}

void CompressedStream::compress(base::Buffer& out, ByteView payload) {
  auto& all = *pool_.contexts_;
  while (!payload.empty()) {
    const ByteView piece = payload.first(std::min<std::size_t>(payload.size(), max_frame));
    const bool smaller = piece.size() >= min_compress && shrunk(piece);
    const ByteView body = smaller ? ByteView{all.scratch}.first(all.used) : piece;
    const std::size_t before = smaller ? piece.size() : 0;
    std::uint8_t head[compressed_head];
    write_head(head, {static_cast<std::uint32_t>(body.size()), sequence_++});
    for (std::size_t i = 0; i < 3; ++i) head[header_size + i] = static_cast<std::uint8_t>(before >> (8 * i));
    out.append(head);
    out.append(body);
    payload = payload.subspan(piece.size());
  }
  if (all.scratch.capacity() > keep_scratch) Bytes{}.swap(all.scratch);
}

void CompressedStream::lend() {
  auto& all = *pool_.contexts_;
  inflating_ = std::make_unique<Inflating>();
  filled_ = false;
  if (algorithm_ == Compression::zstd) {
    inflating_->zstd = taken_from(all.free_zstd);
    if (inflating_->zstd == nullptr) inflating_->zstd = make_zstd_in();
    ZSTD_DCtx_reset(inflating_->zstd.get(), ZSTD_reset_session_only);
  } else {
    inflating_->zlib = taken_from(all.free_inflate);
    if (inflating_->zlib == nullptr) inflating_->zlib = make_inflate();
    inflateReset(inflating_->zlib.get());
  }
}

void CompressedStream::give_back() {
  if (inflating_ == nullptr) return;
  auto& all = *pool_.contexts_;
  if (inflating_->zlib != nullptr && all.free_inflate.size() < keep_free)
    all.free_inflate.push_back(std::move(inflating_->zlib));
  // A frame with a large window has made its context large.
  if (inflating_->zstd != nullptr && all.free_zstd.size() < keep_free &&
      ZSTD_sizeof_DCtx(inflating_->zstd.get()) <= keep_context)
    all.free_zstd.push_back(std::move(inflating_->zstd));
  inflating_.reset();
}

/// Is what comes next, at its place in the payload, how a zstd frame begins?
bool CompressedStream::begins_as_zstd(ByteView in) const {
  const std::size_t at = size_in_ - left_in_;
  for (std::size_t i = 0; i < in.size() && at + i < std::size(zstd_magic); ++i)
    if (in[i] != zstd_magic[at + i]) return false;
  return true;
}

/// The head is complete. What is wrong with it, or nullptr.
const char* CompressedStream::begin_frame() {
  const Head head = read_head(head_);
  left_in_ = size_in_ = head.length;
  left_out_ =
      std::size_t{head_[4]} | static_cast<std::size_t>(head_[5]) << 8 | static_cast<std::size_t>(head_[6]) << 16;
  if (head.sequence != 0 && head.sequence != sequence_) return "compressed frames out of order";
  sequence_ = static_cast<std::uint8_t>(head.sequence + 1);
  head_filled_ = 0;
  in_frame_ = true;
  stored_ = left_out_ == 0;
  if (stored_) {
    left_out_ = left_in_;
  } else {
    lend();
  }
  return nullptr;
}

const char* CompressedStream::stored(ByteView in, std::span<std::uint8_t> out, Step& step) {
  const std::size_t n = std::min({in.size(), out.size(), left_in_});
  if (n > 0) std::memcpy(out.data(), in.data(), n);
  step = {n, n};
  left_in_ -= n;
  left_out_ -= n;
  in_frame_ = left_in_ > 0;
  return nullptr;
}

const char* CompressedStream::inflate(ByteView in, std::span<std::uint8_t> out, Step& step) {
  if (in.empty() && !filled_) return left_in_ == 0 ? cut_off : nullptr;
  if (algorithm_ == Compression::zstd && !begins_as_zstd(in.first(std::min(in.size(), left_in_))))
    return "compressed data is broken";
  // With all of the declared bytes there, what is left is a checksum or nothing: one byte shows if there are more.
  std::uint8_t excess = 0;
  const bool only_end = left_out_ == 0;
  const auto room = only_end ? std::span<std::uint8_t>{&excess, 1} : out.first(std::min(out.size(), left_out_));
  if (room.empty()) return nullptr;
  const auto result = inflating_->run(in.first(std::min(in.size(), left_in_)), room, step.consumed, step.produced);
  left_in_ -= step.consumed;
  filled_ = step.produced == room.size();
  if (result == Inflating::Result::bad) return "compressed data is broken";
  if (only_end && step.produced > 0) return "compressed data is longer than declared";
  left_out_ -= step.produced;
  if (result == Inflating::Result::end) {
    if (left_in_ > 0 || left_out_ > 0) return "compressed data ends early";
    give_back();
    in_frame_ = false;
    return nullptr;
  }
  if (left_in_ == 0 && !filled_) return cut_off;
  return nullptr;
}

std::variant<CompressedStream::Step, Malformed> CompressedStream::decompress(ByteView in, std::span<std::uint8_t> out) {
  Step all;
  for (;;) {
    if (!in_frame_) {
      const std::size_t n = std::min(in.size() - all.consumed, compressed_head - head_filled_);
      if (n > 0) std::memcpy(head_ + head_filled_, in.data() + all.consumed, n);
      head_filled_ += n;
      all.consumed += n;
      if (head_filled_ < compressed_head) return all;
      if (const char* why = begin_frame()) return Malformed{why};
    }
    Step step;
    const auto rest = in.subspan(all.consumed);
    const auto room = out.subspan(all.produced);
    const char* const why = stored_ ? stored(rest, room, step) : inflate(rest, room, step);
    if (why != nullptr) return Malformed{why};
    all.consumed += step.consumed;
    all.produced += step.produced;
    if (in_frame_ && step.consumed == 0 && step.produced == 0) return all;
  }
}

}  // namespace wye::protocol
