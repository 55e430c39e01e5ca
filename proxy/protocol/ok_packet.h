#pragma once
#include <cstdint>
#include <string_view>
#include <variant>
#include <vector>

#include "proxy/protocol/framing.h"

// OK, ERR, EOF and what an OK says of the session.
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_basic_response_packets.html
namespace wye::protocol {

/// Status flags of OK and EOF packets (SERVER_STATUS_*, SERVER_MORE_RESULTS_EXISTS ...).
namespace status {
inline constexpr std::uint16_t in_transaction = 0x0001, autocommit = 0x0002, more_results = 0x0008,
                               cursor_exists = 0x0040, last_row_sent = 0x0080, no_backslash_escapes = 0x0200,
                               metadata_changed = 0x0400, in_transaction_readonly = 0x2000,
                               session_state_changed = 0x4000;
}

/// The parsed end of a result or statement, as far as routing needs it.
struct OkInfo {
  std::uint64_t affected_rows = 0, insert_id = 0;
  std::uint16_t status = 0, warnings = 0;
  std::string_view info;   // all views alias the payload given to parse_ok
  ByteView session_state;  // the undecoded tracker block, empty if none
};
struct ErrInfo {
  std::uint16_t code = 0;
  std::string_view state;  // 5 characters, or empty before authentication
  std::string_view message;
};

/// Session trackers in an OK packet.
/// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_basic_ok_packet.html
/// Types that are not listed may come (a later server's): their value is the undecoded item, and nothing is known.
enum class TrackerType : std::uint8_t {
  system_variable = 0,
  schema = 1,
  state_change = 2,
  gtids = 3,
  transaction_characteristics = 4,
  transaction_state = 5
};
struct TrackerItem {
  TrackerType type = TrackerType::system_variable;
  std::string_view name;  // system_variable only
  std::string_view value;
};

/// Parse whole payloads (first byte included). Malformed input: Malformed, never a read past the end.
std::variant<OkInfo, Malformed> parse_ok(ByteView payload, bool session_track);  // 0x00 or 0xfe head
std::variant<ErrInfo, Malformed> parse_err(ByteView payload);
struct EofInfo {
  std::uint16_t warnings = 0, status = 0;
};
std::variant<EofInfo, Malformed> parse_eof(ByteView payload);
/// Items of OkInfo::session_state. False: malformed. `item` is called with views into the block.
template <class F>
bool for_each_tracker(ByteView block, F&& item);
/// Non-template core of it: reads the item at `offset`, advances it. Returns 1 item, 0 end, -1 malformed.
int next_tracker(ByteView block, std::size_t& offset, std::vector<TrackerItem>& items);

template <class F>
bool for_each_tracker(ByteView block, F&& item) {
  std::vector<TrackerItem> items;
  std::size_t offset = 0;
  for (;;) {
    items.clear();
    const int r = next_tracker(block, offset, items);
    if (r <= 0) return r == 0;
    for (const auto& i : items) item(i);
  }
}

// Re-encoding where the two sides negotiated differently. All append a payload (no head) to `out`.
/// What the *client* negotiated.
struct OkShape {
  bool deprecate_eof_head = false;  // head 0xfe instead of 0x00
  bool session_track = false;
};
/// Writes an OK payload. Without session_track the tracker block and the flag 0x4000 are left out; the info is
/// length-encoded in both, as servers write it (the documentation calls it the rest of the packet: tried). An empty
/// info is left out.
void write_ok(Bytes& out, const OkInfo& ok, OkShape shape);
void write_eof(Bytes& out, EofInfo eof);  // as given: who did not ask for trackers must not see session_state_changed
void write_err(Bytes& out, const ErrInfo& err);

}  // namespace wye::protocol
