#include "proxy/protocol/framing.h"

#include <algorithm>

namespace wye::protocol {

Head read_head(const std::uint8_t* four_bytes) {
  const std::uint32_t length = static_cast<std::uint32_t>(four_bytes[0]) |
                               static_cast<std::uint32_t>(four_bytes[1]) << 8 |
                               static_cast<std::uint32_t>(four_bytes[2]) << 16;
  return {length, four_bytes[3]};
}

void write_head(std::uint8_t* four_bytes, Head head) {
  four_bytes[0] = static_cast<std::uint8_t>(head.length & 0xff);
  four_bytes[1] = static_cast<std::uint8_t>(head.length >> 8 & 0xff);
  four_bytes[2] = static_cast<std::uint8_t>(head.length >> 16 & 0xff);
  four_bytes[3] = head.sequence;
}

Framed next_packet(ByteView in, std::size_t max_payload) {
  if (in.size() < header_size) return NeedMore{header_size - in.size()};
  const Head head = read_head(in.data());
  // A full frame is the beginning of a longer packet, whatever the caller's limit is. Judged by the head alone, so that
  // a peer can't make us wait for (and keep) bytes that we would refuse.
  if (head.length > max_payload || head.length == max_frame) return Malformed{"packet too large"};
  const std::size_t whole = header_size + head.length;
  if (in.size() < whole) return NeedMore{whole - in.size()};
  return Packet{head.sequence, in.subspan(header_size, head.length), whole};
}

std::uint8_t write_packet(Bytes& out, std::uint8_t sequence, ByteView payload) {
  out.reserve(out.size() + payload.size() + header_size * (payload.size() / max_frame + 1));
  for (;;) {
    const std::size_t n = std::min<std::size_t>(payload.size(), max_frame);
    std::uint8_t head[header_size];
    write_head(head, {static_cast<std::uint32_t>(n), sequence});
    ++sequence;  // wraps after 255, as the protocol wants
    base::append(out, {head, header_size});
    base::append(out, payload.first(n));
    payload = payload.subspan(n);
    if (n < max_frame) return sequence;
  }
}

}  // namespace wye::protocol
