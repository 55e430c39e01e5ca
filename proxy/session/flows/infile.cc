#include "proxy/session/flows/infile.h"

#include <algorithm>

namespace wye::session {

Upload::Step Infile::pump(base::Buffer& in, base::Buffer* out, std::uint64_t max_packet, bool numbered) {
  while (active_) {
    if (left_ > 0) {
      if (in.empty()) return Upload::Step::need_more;
      const std::size_t take = std::min<std::size_t>(left_, in.size());
      if (out != nullptr) out->append(in.data().first(take));
      in.consume(take);
      left_ -= static_cast<std::uint32_t>(take);
      continue;
    }
    if (in.size() < protocol::header_size) return Upload::Step::need_more;
    const auto head = protocol::read_head(in.data().data());
    if (numbered && head.sequence != next_) return Upload::Step::out_of_sequence;
    packet_ = (packet_open_ ? packet_ : 0) + head.length;
    if (packet_ > max_packet) return Upload::Step::too_large;
    if (out != nullptr) {
      std::uint8_t moved[protocol::header_size];
      protocol::write_head(moved, {head.length, static_cast<std::uint8_t>(next_ - shift_)});
      out->append(moved);
    }
    in.consume(protocol::header_size);
    ++next_;
    left_ = head.length;
    if (head.length == 0 && !packet_open_) active_ = false;
    packet_open_ = head.length == protocol::max_frame;
  }
  return Upload::Step::complete;
}

}  // namespace wye::session
