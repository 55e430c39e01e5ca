#include "proxy/protocol/framing.h"

#include "tests/unit/catch.h"
#include "tests/unit/protocol/hex.h"

namespace wye::protocol {
namespace {

using test::hex;

TEST_CASE("a packet in one frame is read without a copy") {
  const Bytes in = hex("03 00 00 07 616263 ff");
  const auto framed = next_packet(in, 100);
  REQUIRE(std::holds_alternative<Packet>(framed));
  const auto& packet = std::get<Packet>(framed);
  CHECK(packet.sequence == 7);
  CHECK(packet.payload.data() == in.data() + 4);
  CHECK(packet.payload.size() == 3);
  CHECK(packet.consumed == 7);
}

TEST_CASE("an empty packet is a packet") {
  const auto framed = next_packet(hex("00 00 00 02"), 100);
  REQUIRE(std::holds_alternative<Packet>(framed));
  CHECK(std::get<Packet>(framed).consumed == 4);
}

TEST_CASE("every prefix of a packet wants exactly what is missing from its head or its payload") {
  const Bytes whole = hex("05 00 00 00 0102030405");
  test::each_prefix(whole, [&](ByteView prefix) {
    const auto framed = next_packet(prefix, 5);
    REQUIRE(std::holds_alternative<NeedMore>(framed));
    const std::size_t goal = prefix.size() < header_size ? header_size : whole.size();
    CHECK(std::get<NeedMore>(framed).at_least == goal - prefix.size());
  });
}

TEST_CASE("what is too large is refused by its head alone") {
  CHECK(std::holds_alternative<Malformed>(next_packet(hex("06 00 00 00"), 5)));
  CHECK(std::holds_alternative<NeedMore>(next_packet(hex("05 00 00 00"), 5)));
  CHECK(std::holds_alternative<Malformed>(next_packet(hex("ff ff ff 00"), max_frame)));
  // "GET / HTTP/1.1" read as a head
  CHECK(std::holds_alternative<Malformed>(next_packet(base::bytes_of("GET / HTTP/1.1\r\n"), 64 * 1024)));
}

TEST_CASE("heads survive writing and reading") {
  for (const std::uint32_t length : {0u, 1u, 0xffu, 0x100u, 0xabcdefu, max_frame}) {
    std::uint8_t raw[4];
    write_head(raw, {length, 0xfe});
    CHECK(read_head(raw).length == length);
    CHECK(read_head(raw).sequence == 0xfe);
  }
}

/// Puts the frames of `stream` together again; checks lengths and sequence ids on the way.
Bytes reassembled(const Bytes& stream, std::uint8_t sequence, int& frames) {
  Bytes out;
  std::size_t at = 0;
  for (frames = 0;; ++frames) {
    REQUIRE(stream.size() - at >= header_size);
    const Head head = read_head(stream.data() + at);
    CHECK(head.sequence == sequence++);
    at += header_size;
    REQUIRE(stream.size() - at >= head.length);
    base::append(out, ByteView{stream}.subspan(at, head.length));
    at += head.length;
    if (head.length < max_frame) break;
  }
  ++frames;
  CHECK(at == stream.size());
  return out;
}

TEST_CASE("packets are cut at 0xffffff, with a closing empty frame where needed") {
  struct Row {
    std::size_t size;
    int frames;
  };
  for (const auto& [size, expected] : {Row{0, 1}, Row{1, 1}, Row{max_frame - 1, 1}, Row{max_frame, 2},
                                       Row{max_frame + 1, 2}, Row{std::size_t{2} * max_frame, 3}}) {
    CAPTURE(size);
    Bytes payload(size);
    for (std::size_t i = 0; i < size; ++i) payload[i] = static_cast<std::uint8_t>(i * 31 >> 3);
    Bytes stream;
    const std::uint8_t next = write_packet(stream, 254, payload);
    int frames = 0;
    CHECK((reassembled(stream, 254, frames) == payload));
    CHECK(frames == expected);
    CHECK(next == static_cast<std::uint8_t>(254 + expected));  // 254, 255, 0, ...
  }
}

TEST_CASE("write_packet appends") {
  Bytes out = hex("aa");
  CHECK(write_packet(out, 0, hex("0e")) == 1);
  CHECK(write_packet(out, 1, {}) == 2);
  CHECK(test::to_hex(out) == "aa010000000e00000001");
}

}  // namespace
}  // namespace wye::protocol
