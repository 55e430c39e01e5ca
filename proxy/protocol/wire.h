#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "proxy/base/bytes.h"

// Integers and strings as packets hold them: little-endian, length-encoded, NUL-terminated, rest of packet.
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_basic_data_types.html
namespace wye::protocol {

using base::Bytes;
using base::ByteView;

/// Reads a payload from its front; never past its end. Failure is sticky: after the first read that does not fit, ok()
/// is false and every read gives 0 or an empty view, so a decoder reads all of its fields and asks ok() once.
/// Views alias the input. Copies are cheap: copy a reader to look ahead.
class Reader {
 public:
  explicit Reader(ByteView in) : in_{in} {}

  bool ok() const { return ok_; }
  bool empty() const { return left() == 0; }
  std::size_t left() const { return in_.size() - at_; }
  std::size_t offset() const { return at_; }
  void fail() {
    ok_ = false;
    at_ = in_.size();
  }

  ByteView take(std::size_t n) {
    if (n > left()) {
      fail();
      return {};
    }
    const ByteView r = in_.subspan(at_, n);
    at_ += n;
    return r;
  }
  /// `n` bytes given as a 64-bit length from the wire: no narrowing before the check.
  ByteView take64(std::uint64_t n) {
    if (n > left()) {
      fail();
      return {};
    }
    return take(static_cast<std::size_t>(n));
  }
  void skip(std::size_t n) { take(n); }

  std::uint8_t u8() { return static_cast<std::uint8_t>(little_endian(1)); }
  std::uint16_t u16() { return static_cast<std::uint16_t>(little_endian(2)); }
  std::uint32_t u24() { return static_cast<std::uint32_t>(little_endian(3)); }
  std::uint32_t u32() { return static_cast<std::uint32_t>(little_endian(4)); }
  std::uint64_t u64() { return little_endian(8); }

  /// Length-encoded integer. 0xfb (NULL in rows) and 0xff are no integers: they fail.
  std::uint64_t lenenc() {
    const std::uint8_t first = u8();
    if (first < 0xfb) return first;
    if (first == 0xfc) return little_endian(2);
    if (first == 0xfd) return little_endian(3);
    if (first == 0xfe) return little_endian(8);
    fail();
    return 0;
  }
  ByteView lenenc_bytes() { return take64(lenenc()); }
  std::string_view lenenc_string() { return base::chars_of(lenenc_bytes()); }

  /// Up to the next NUL, which is consumed and must be there.
  std::string_view nul_string() {
    const std::string_view all = base::chars_of(in_.subspan(at_));
    const std::size_t end = all.find('\0');
    if (end == std::string_view::npos) {
      fail();
      return {};
    }
    at_ += end + 1;
    return all.substr(0, end);
  }
  /// As nul_string, but some old peers leave out the NUL of the last field: then up to the end.
  std::string_view nul_string_or_rest() {
    const std::string_view all = base::chars_of(in_.subspan(at_));
    return all.find('\0') == std::string_view::npos ? base::chars_of(rest()) : nul_string();
  }
  ByteView rest() { return take(left()); }

 private:
  std::uint64_t little_endian(std::size_t n) {
    const ByteView b = take(n);
    std::uint64_t r = 0;
    for (std::size_t i = b.size(); i-- > 0;) r = r << 8 | b[i];
    return r;
  }
  ByteView in_;
  std::size_t at_ = 0;
  bool ok_ = true;
};

namespace detail {
inline void put_little_endian(Bytes& out, std::uint64_t v, int n) {
  for (int i = 0; i < n; ++i, v >>= 8) out.push_back(static_cast<std::uint8_t>(v & 0xff));
}
}  // namespace detail

inline void put_u8(Bytes& out, std::uint8_t v) { out.push_back(v); }
inline void put_u16(Bytes& out, std::uint16_t v) { detail::put_little_endian(out, v, 2); }
inline void put_u24(Bytes& out, std::uint32_t v) { detail::put_little_endian(out, v, 3); }
inline void put_u32(Bytes& out, std::uint32_t v) { detail::put_little_endian(out, v, 4); }
inline void put_u64(Bytes& out, std::uint64_t v) { detail::put_little_endian(out, v, 8); }
inline void put_zeros(Bytes& out, std::size_t n) { out.insert(out.end(), n, std::uint8_t{0}); }
inline void put_bytes(Bytes& out, ByteView v) { base::append(out, v); }
inline void put_string(Bytes& out, std::string_view v) { base::append(out, base::bytes_of(v)); }

/// The shortest form, as servers write it.
inline void put_lenenc(Bytes& out, std::uint64_t v) {
  if (v < 0xfb) return put_u8(out, static_cast<std::uint8_t>(v));
  if (v <= 0xffff) {
    put_u8(out, 0xfc);
    return put_u16(out, static_cast<std::uint16_t>(v));
  }
  if (v <= 0xffffff) {
    put_u8(out, 0xfd);
    return put_u24(out, static_cast<std::uint32_t>(v));
  }
  put_u8(out, 0xfe);
  put_u64(out, v);
}
inline void put_lenenc_bytes(Bytes& out, ByteView v) {
  put_lenenc(out, v.size());
  put_bytes(out, v);
}
inline void put_lenenc_string(Bytes& out, std::string_view v) { put_lenenc_bytes(out, base::bytes_of(v)); }

/// Cut at an embedded NUL, so that a string from outside can never shift the fields behind it.
inline void put_nul_string(Bytes& out, std::string_view v) {
  put_string(out, v.substr(0, v.find('\0')));
  put_u8(out, 0);
}

}  // namespace wye::protocol
