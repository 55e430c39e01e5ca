#include "proxy/protocol/query_attributes.h"

#include <algorithm>
#include <vector>

#include "proxy/protocol/binary_value.h"

namespace wye::protocol {

namespace {

constexpr std::uint64_t most_attributes = 0xffff;  // as the server counts parameters

/// Types and names, then the values of those that are not NULL.
bool skip_attributes(Reader& in, std::size_t count) {
  const ByteView nulls = in.take((count + 7) / 8);
  const std::uint8_t bound = in.u8();
  if (in.ok() && bound != 1) return false;
  std::vector<Layout> layouts;
  layouts.reserve(std::min<std::size_t>(count, 64));
  for (std::size_t i = 0; i < count && in.ok(); ++i) {
    const auto layout = layout_of(in.u8());
    in.skip(1);  // unsigned
    in.lenenc_bytes();
    if (in.ok() && !layout) return false;
    layouts.push_back(layout.value_or(Layout::none));
  }
  for (std::size_t i = 0; i < count && in.ok(); ++i) {
    if ((nulls[i / 8] >> (i % 8) & 1) == 0) read_value(in, layouts[i]);
  }
  return true;
}

}  // namespace

std::variant<QueryHead, NeedMore, Malformed> parse_query_head(ByteView payload_prefix) {
  Reader in{payload_prefix};
  in.skip(1);
  QueryHead head;
  head.attributes = in.lenenc();
  const std::uint64_t sets = in.lenenc();
  if (in.ok()) {
    if (sets != 1 || head.attributes > most_attributes) return Malformed{"bad query attributes"};
    if (head.attributes > 0 && !skip_attributes(in, static_cast<std::size_t>(head.attributes)))
      return Malformed{"bad query attributes"};
  }
  if (!in.ok()) return NeedMore{};
  head.text_offset = in.offset();
  return head;
}

}  // namespace wye::protocol
