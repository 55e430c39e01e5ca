#include "proxy/session/driver/collector.h"

#include <utility>

#include "proxy/protocol/wire.h"

namespace wye::session {

namespace {

constexpr std::size_t most = std::size_t{256} * 1024;

std::vector<std::string> parse_row(base::ByteView payload, std::uint64_t columns) {
  std::vector<std::string> row;
  protocol::Reader in{payload};
  for (std::uint64_t i = 0; i < columns && in.ok(); ++i) {
    if (in.left() > 0 && payload[in.offset()] == 0xfb) {
      in.skip(1);
      row.emplace_back();
    } else {
      row.emplace_back(in.lenenc_string());
    }
  }
  return row;
}

}  // namespace

void RowCollector::on_raw(base::ByteView frames) {
  if (frames_.size() + frames.size() > most) {
    too_big_ = true;
  } else {
    base::append(frames_, frames);
  }
}

void RowCollector::on_packet(protocol::Part part, std::uint8_t, base::ByteView payload,
                             const protocol::ResponseTracker&) {
  if (part != protocol::Part::column_count) return;
  frames_.clear();  // of an answer before
  head_.assign(payload.begin(), payload.end());
  // CLIENT_OPTIONAL_RESULTSET_METADATA: whether definitions follow stands before the count, which is one byte here.
  protocol::Reader in{payload};
  const bool follow = payload.size() != 2 || in.u8() != 0;
  columns_ = in.lenenc();
  definitions_ = follow ? columns_ : 0;
}

void RowCollector::on_end(const protocol::ResponseTracker& tracker) {
  if (std::exchange(too_big_, false) || tracker.failed()) return done_(nullptr);
  Rows rows;
  base::ByteView rest = frames_;
  for (std::uint64_t i = 0;; ++i) {
    const auto framed = protocol::next_packet(rest, most);
    const auto* packet = std::get_if<protocol::Packet>(&framed);
    if (packet == nullptr) break;
    if (i >= definitions_)
      rows.push_back(parse_row(packet->payload, columns_));  // the first ones are column definitions
    rest = rest.subspan(packet->consumed);
  }
  done_(&rows);
}

}  // namespace wye::session
