#include "proxy/protocol/proxy_header.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace wye::protocol {

namespace {

constexpr std::string_view v1_signature = "PROXY ";
constexpr std::array<std::uint8_t, 12> v2_signature{0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d,
                                                    0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a};
constexpr std::size_t v2_head = 16;
constexpr std::uint8_t version_2 = 0x20, command_local = 0, command_proxy = 1;
constexpr std::uint8_t unspec = 0x00, tcp4 = 0x11, udp4 = 0x12, tcp6 = 0x21, udp6 = 0x22, unix_stream = 0x31,
                       unix_datagram = 0x32;
constexpr std::size_t v4_block = 12, v6_block = 36, unix_block = 216;
constexpr std::size_t shortest_v1 = sizeof "PROXY UNKNOWN\r\n" - 1;

std::uint16_t big_endian(const std::uint8_t* two) { return static_cast<std::uint16_t>(two[0] << 8 | two[1]); }

void put_big_endian(Bytes& out, std::size_t n) {
  out.push_back(static_cast<std::uint8_t>(n >> 8 & 0xff));
  out.push_back(static_cast<std::uint8_t>(n & 0xff));
}

template <class Signature>
bool begins(ByteView in, const Signature& signature) {
  const std::size_t n = std::min(in.size(), signature.size());
  return std::equal(in.begin(), in.begin() + static_cast<std::ptrdiff_t>(n), signature.begin(),
                    [](auto a, auto b) { return a == static_cast<std::uint8_t>(b); });
}

/// Fields of a v1 line, parted by exactly one blank.
class Line {
 public:
  explicit Line(std::string_view text) : rest_(text) {}
  std::string_view field() {
    const std::size_t blank = rest_.find(' ');
    const std::string_view f = rest_.substr(0, blank);
    rest_ = blank == rest_.npos ? std::string_view{} : rest_.substr(blank + 1);
    return f;
  }
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

bool port_of(std::string_view text, std::uint16_t& port) {
  // Zeroes in front are not permitted: some would read them as octal.
  if (text.empty() || (text.size() > 1 && text[0] == '0')) return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc{} && end == text.data() + text.size();
}

ParsedProxyHeader parse_v1(ByteView in) {
  const std::string_view text = base::chars_of(in.first(std::min(in.size(), max_proxy_v1)));
  const std::size_t end = text.find('\n');
  if (end == text.npos) {
    if (in.size() >= max_proxy_v1) return Malformed{"PROXY header without an end"};
    return NeedMore{in.size() < shortest_v1 ? shortest_v1 - in.size() : 1};
  }
  if (text[end - 1] != '\r') return Malformed{"PROXY header with a bare line feed"};
  ProxyHeader h;
  h.consumed = end + 1;
  const std::string_view line = text.substr(v1_signature.size(), end - 1 - v1_signature.size());
  if (line == "UNKNOWN" || line.starts_with("UNKNOWN ")) return h;  // what follows says nothing that could be trusted
  const bool four = line.starts_with("TCP4 ");
  if (!four && !line.starts_with("TCP6 ")) return Malformed{"PROXY header of an unknown protocol"};
  Line fields{line.substr(5)};
  const std::string_view from = fields.field(), to = fields.field(), from_port = fields.field(),
                         to_port = fields.rest();
  const auto source = IpAddress::parse(from), destination = IpAddress::parse(to);
  const bool dotted = from.find(':') == from.npos && to.find(':') == to.npos;
  const bool colons = from.find(':') != from.npos && to.find(':') != to.npos;
  if (!source || !destination || !(four ? dotted : colons)) return Malformed{"PROXY header with a bad address"};
  if (!port_of(from_port, h.source.port) || !port_of(to_port, h.destination.port))
    return Malformed{"PROXY header with a bad port"};
  h.from = ProxyHeader::From::ip;
  h.source.address = *source;
  h.destination.address = *destination;
  return h;
}

/// Type, length, value; several.
bool tlvs_fit(ByteView in) {
  while (!in.empty()) {
    if (in.size() < 3) return false;
    const std::size_t length = big_endian(in.data() + 1);
    if (in.size() - 3 < length) return false;
    in = in.subspan(3 + length);
  }
  return true;
}

ParsedProxyHeader addresses(ProxyHeader h, std::uint8_t family, ByteView block) {
  std::size_t size = 0;
  switch (family) {
    case tcp4:
      size = v4_block;
      break;
    case tcp6:
      size = v6_block;
      break;
    case unix_stream:
      size = unix_block;
      break;
    case unspec:
    case udp4:
    case udp6:
    case unix_datagram:  // a receiver that has no use for these falls back to "unspecified", and ignores the block
      return h;
    default:
      return Malformed{"PROXY header of an unknown family"};
  }
  if (block.size() < size) return Malformed{"PROXY header too short for its addresses"};
  if (!tlvs_fit(block.subspan(size))) return Malformed{"PROXY header with a TLV beyond its end"};
  const std::uint8_t* const at = block.data();
  if (family == unix_stream) {
    h.from = ProxyHeader::From::unix_socket;
    return h;
  }
  h.from = ProxyHeader::From::ip;
  if (family == tcp4) {
    h.source = {IpAddress::v4(at), big_endian(at + 8)};
    h.destination = {IpAddress::v4(at + 4), big_endian(at + 10)};
  } else {
    h.source = {IpAddress::v6(at), big_endian(at + 32)};
    h.destination = {IpAddress::v6(at + 16), big_endian(at + 34)};
  }
  return h;
}

ParsedProxyHeader parse_v2(ByteView in) {
  if (in.size() < v2_head) return NeedMore{v2_head - in.size()};
  const std::uint8_t version = in[12] & 0xf0, command = in[12] & 0x0f;
  const std::size_t length = big_endian(in.data() + 14);
  if (version != version_2 || command > command_proxy)
    return Malformed{"PROXY header of an unknown version or command"};
  if (v2_head + length > max_proxy_v2) return Malformed{"PROXY header too long"};
  if (in.size() < v2_head + length) return NeedMore{v2_head + length - in.size()};
  ProxyHeader h;
  h.consumed = v2_head + length;
  if (command == command_local) {
    h.from = ProxyHeader::From::local;
    return h;
  }
  return addresses(h, in[13], in.subspan(v2_head, length));
}

}  // namespace

ParsedProxyHeader parse_proxy_header(ByteView in) {
  if (begins(in, v1_signature)) return parse_v1(in);
  if (begins(in, v2_signature)) return parse_v2(in);
  const ByteView four = in.first(std::min(in.size(), header_size));
  if (four.size() == header_size && (begins(four, v1_signature) || begins(four, v2_signature)))
    return Malformed{"PROXY header with a broken signature"};
  return NoProxyHeader{};
}

void write_proxy_header(Bytes& out, const std::optional<Endpoint>& source, const std::optional<Endpoint>& destination) {
  out.insert(out.end(), v2_signature.begin(), v2_signature.end());
  const bool known = source && destination;
  out.push_back(version_2 | (known ? command_proxy : command_local));
  if (!known) {
    out.push_back(unspec);
    return put_big_endian(out, 0);
  }
  const bool four = source->address.is_v4() && destination->address.is_v4();
  out.push_back(four ? tcp4 : tcp6);
  put_big_endian(out, four ? v4_block : v6_block);
  for (const auto* end : {&*source, &*destination}) {
    const ByteView bytes{end->address.bytes};
    base::append(out, four ? bytes.last(4) : bytes);
  }
  put_big_endian(out, source->port);
  put_big_endian(out, destination->port);
}

}  // namespace wye::protocol
