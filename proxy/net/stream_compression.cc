// A stream's frames of compression: between its socket (or TLS) and its owner.
#include <algorithm>

#include "proxy/net/stream.h"

namespace wye::net {

namespace {
constexpr std::size_t compressed_at_once = std::size_t{64} * 1024;  // a millisecond or two; zlib looks back 32 KiB
}

void Stream::start_compression(protocol::Compression algorithm, int level) {
  if (fd_ < 0 || compressed_ != nullptr || algorithm == protocol::Compression::none) return;
  compressed_ = std::unique_ptr<Compressed>(
      new Compressed{protocol::CompressedStream(loop_.compressing().pool, algorithm, level), {}, {}});
}

/// One frame a turn, unless the last one still waits for the socket: more would keep the loop's other streams waiting.
void Stream::compress_some() {
  if (compressed_ == nullptr || !out_.empty() || compressed_->plain.empty()) return;
  auto& plain = compressed_->plain;
  const auto piece = plain.data().first(std::min(plain.size(), compressed_at_once));
  compressed_->frames.compress(out_, piece);
  plain.consume(piece.size());
}

void Stream::deliver(std::span<std::uint8_t> bytes) {
  if (compressed_ == nullptr) return owner_.on_bytes(bytes);
  base::ByteView rest = bytes;
  if (decompress(rest)) compressed_->in.append(rest);
}

void Stream::deliver_held() {
  base::ByteView rest = compressed_->in.data();
  const std::size_t before = rest.size();
  if (decompress(rest)) compressed_->in.consume(before - rest.size());
}

/// Hands on what the front of `bytes` holds, piece by piece, until there is no more or the owner pauses; `bytes`
/// becomes the rest. False: the stream is closed.
bool Stream::decompress(base::ByteView& bytes) {
  auto& scratch = loop_.compressing().scratch;
  for (;;) {
    compressed_->held = false;
    const auto result = compressed_->frames.decompress(bytes, scratch);
    if (const auto* bad = std::get_if<protocol::Malformed>(&result)) {
      fail(bad->why);
      return false;
    }
    const auto step = std::get<protocol::CompressedStream::Step>(result);
    bytes = bytes.subspan(step.consumed);
    if (step.produced == 0) return true;
    owner_.on_bytes(std::span{scratch}.first(step.produced));
    if (fd_ < 0) return false;
    if (!paused_) continue;
    compressed_->held = true;
    return true;
  }
}

}  // namespace wye::net
