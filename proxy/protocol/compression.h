#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <variant>

#include "proxy/protocol/framing.h"

// Compressed packets: https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_basic_compression_packet.html
// A stream of ordinary packets is cut anywhere into frames: 3 bytes length, 1 byte sequence id of its own, 3 bytes
// length before compression (0: the payload is stored as it is).
namespace wye::protocol {

enum class Compression : std::uint8_t { none, zlib, zstd };

/// What both sides agreed on; a client that offers both gets zlib, as from a server.
Compression compression_of(std::uint32_t capabilities);

inline constexpr std::size_t compressed_head = 7;
inline constexpr std::size_t min_compress = 50;  // bytes; less is stored, as servers and clients do

/// Compression contexts of one thread, lent to the streams for the time of one frame: an idle connection holds none.
class CompressionPool {
 public:
  CompressionPool();
  ~CompressionPool();
  CompressionPool(const CompressionPool&) = delete;
  CompressionPool& operator=(const CompressionPool&) = delete;

 private:
  friend class CompressedStream;
  struct Contexts;
  std::unique_ptr<Contexts> contexts_;
};

/// The server's side of one compressed connection, both directions; they share the sequence id. Its memory does not
/// depend on what a head claims: a frame is decompressed while it comes, in pieces.
class CompressedStream {
 public:
  /// `level` is the client's wish for zstd, 1..22, and held to what does not keep a worker's other clients waiting.
  /// REQUIRES: not none; the pool outlives this.
  CompressedStream(CompressionPool& pool, Compression algorithm, int level);
  ~CompressedStream();
  CompressedStream(const CompressedStream&) = delete;
  CompressedStream& operator=(const CompressedStream&) = delete;

  /// Appends `payload` as frames, numbered behind the last one that was read or written.
  void compress(base::Buffer& out, ByteView payload);

  struct Step {
    std::size_t consumed = 0, produced = 0;
  };
  /// Reads frames from the front of `in` and puts what they hold into `out`. Takes all of `in` unless `out` is full;
  /// after a step that filled it there may be more, also without further input. Malformed (close the connection): a
  /// sequence id that is neither 0 (a command begins) nor the next, data that can't be decompressed or is not as long
  /// as declared.
  std::variant<Step, Malformed> decompress(ByteView in, std::span<std::uint8_t> out);
  bool between_frames() const { return !in_frame_ && head_filled_ == 0; }

 private:
  struct Inflating;
  const char* begin_frame();
  const char* stored(ByteView in, std::span<std::uint8_t> out, Step& step);
  const char* inflate(ByteView in, std::span<std::uint8_t> out, Step& step);
  void lend();
  void give_back();
  bool shrunk(ByteView payload);
  bool begins_as_zstd(ByteView in) const;

  CompressionPool& pool_;
  Compression algorithm_;
  int level_;
  std::uint8_t sequence_ = 0;
  std::uint8_t head_[compressed_head] = {};
  std::size_t head_filled_ = 0;
  bool in_frame_ = false;
  bool stored_ = false;
  bool filled_ = false;                     // the last step had no room left: there may be more without further input
  std::size_t left_in_ = 0, left_out_ = 0;  // of the frame: bytes still to come, bytes still to be produced
  std::size_t size_in_ = 0;                 // of the frame
  std::unique_ptr<Inflating> inflating_;    // between begin and end of a compressed frame only
};

}  // namespace wye::protocol
