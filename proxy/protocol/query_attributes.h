#pragma once
#include <array>
#include <cstdint>
#include <variant>

#include "proxy/protocol/framing.h"

// COM_QUERY under CLIENT_QUERY_ATTRIBUTES: attributes stand between the command byte and the text.
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_query.html
namespace wye::protocol {

/// What stands for "no attributes": their number, and that of the sets of values, which is always 1.
inline constexpr std::array<std::uint8_t, 2> no_query_attributes{0, 1};

struct QueryHead {
  std::uint64_t attributes = 0;
  std::size_t text_offset = 0;  // from the command byte
};

/// `payload_prefix`: from the first byte (0x03), or as much of it as is there. NeedMore of a payload that is complete
/// means malformed. Values are only walked over.
std::variant<QueryHead, NeedMore, Malformed> parse_query_head(ByteView payload_prefix);

}  // namespace wye::protocol
