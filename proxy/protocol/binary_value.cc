#include "proxy/protocol/binary_value.h"

namespace wye::protocol {

std::optional<Layout> layout_of(std::uint8_t type) {
  switch (type) {
    case 0x06:  // NULL
      return Layout::none;
    case 0x01:  // TINY
      return Layout::one;
    case 0x02:  // SHORT
    case 0x0d:  // YEAR
      return Layout::two;
    case 0x03:  // LONG
    case 0x04:  // FLOAT
    case 0x09:  // INT24
      return Layout::four;
    case 0x05:  // DOUBLE
    case 0x08:  // LONGLONG
      return Layout::eight;
    case 0x07:  // TIMESTAMP
    case 0x0a:  // DATE
    case 0x0c:  // DATETIME
      return Layout::date;
    case 0x0b:  // TIME
      return Layout::time;
    case 0x00:  // DECIMAL
    case 0x0f:  // VARCHAR
    case 0x10:  // BIT
      return Layout::lenenc;
    default:
      break;
  }
  // VECTOR, then JSON, NEWDECIMAL, ENUM, SET, the BLOBs, VAR_STRING, STRING, GEOMETRY. What is between and below is
  // internal to servers.
  if (type == 0xf2 || type >= 0xf5) return Layout::lenenc;
  return std::nullopt;
}

namespace {

ByteView dated(Reader& in, bool time) {
  const std::uint8_t n = in.u8();
  const bool known = time ? n == 0 || n == 8 || n == 12 : n == 0 || n == 4 || n == 7 || n == 11;
  if (!known) in.fail();
  return in.take(n);
}

}  // namespace

ByteView read_value(Reader& in, Layout layout) {
  switch (layout) {
    case Layout::none:
      return {};
    case Layout::one:
      return in.take(1);
    case Layout::two:
      return in.take(2);
    case Layout::four:
      return in.take(4);
    case Layout::eight:
      return in.take(8);
    case Layout::date:
    case Layout::time:
      return dated(in, layout == Layout::time);
    case Layout::lenenc:
      return in.lenenc_bytes();
  }
  return {};
}

}  // namespace wye::protocol
