// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_basic_ok_packet.html#sect_protocol_basic_ok_packet_sessinfo
#include "proxy/protocol/ok_packet.h"
#include "proxy/protocol/wire.h"

namespace wye::protocol {

int next_tracker(ByteView block, std::size_t& offset, std::vector<TrackerItem>& items) {
  if (offset >= block.size()) return 0;
  Reader in{block.subspan(offset)};
  const auto type = static_cast<TrackerType>(in.u8());
  const ByteView data = in.lenenc_bytes();
  if (!in.ok()) return -1;
  Reader item{data};
  switch (type) {
    case TrackerType::system_variable:
      // MySQL has one pair in an item, MariaDB as many as changed.
      do {
        const std::string_view name = item.lenenc_string();
        const std::string_view value = item.lenenc_string();
        if (!item.ok()) return -1;
        items.push_back({type, name, value});
      } while (!item.empty());
      break;
    case TrackerType::gtids:
      item.skip(1);  // encoding specification: only 0 (text) exists
      [[fallthrough]];
    case TrackerType::schema:
    case TrackerType::transaction_characteristics:
    case TrackerType::transaction_state: {
      const std::string_view value = item.lenenc_string();
      items.push_back({type, {}, value});
      break;
    }
    case TrackerType::state_change:  // the item is the flag, '1' or '0', without a length of its own
      items.push_back({type, {}, base::chars_of(item.rest())});
      break;
    default:
      // A tracker of a later server: handed on undecoded, so that who reads it can distrust the session.
      items.push_back({type, {}, base::chars_of(item.rest())});
  }
  if (!item.ok() || !item.empty()) return -1;
  offset += in.offset();
  return 1;
}

}  // namespace wye::protocol
