#pragma once
#include <cstdint>
#include <variant>

#include "proxy/base/bytes.h"

// Packets: https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_basic_packets.html
namespace wye::protocol {

using base::Bytes;
using base::ByteView;

inline constexpr std::size_t header_size = 4;
inline constexpr std::uint32_t max_frame = 0xffffff;

/// Head of one frame: 3 bytes length, 1 byte sequence id.
struct Head {
  std::uint32_t length = 0;  // 0 .. max_frame
  std::uint8_t sequence = 0;
};
Head read_head(const std::uint8_t* four_bytes);
void write_head(std::uint8_t* four_bytes, Head head);

struct Packet {
  std::uint8_t sequence = 0;  // of the first frame
  ByteView payload;           // aliases the input: valid until that changes
  std::size_t consumed = 0;   // bytes of the input, head included
};
struct NeedMore {
  std::size_t at_least = 1;
};  // so many more bytes
struct Malformed {
  const char* why;
};  // close the connection
using Framed = std::variant<Packet, NeedMore, Malformed>;

/// Reads one packet that fits in one frame from the front of `in`; copies nothing. For small packets (handshake, OK,
/// ERR). Malformed: longer than `max_payload` (which is less than max_frame).
Framed next_packet(ByteView in, std::size_t max_payload);

/// Appends one packet to `out`, cut into frames of max_frame (and a closing empty frame where needed).
/// Returns the sequence id that follows the last frame's.
std::uint8_t write_packet(Bytes& out, std::uint8_t sequence, ByteView payload);

}  // namespace wye::protocol
