#include "proxy/session/flows/upload.h"

#include <algorithm>

namespace wye::session {

Upload::Step Upload::pump(base::Buffer& in, base::Buffer* out, std::uint64_t max_total, bool numbered) {
  while (!complete()) {
    if (!in_frame_ || left_ == 0) {
      if (in.size() < protocol::header_size) return Step::need_more;
      const auto head = protocol::read_head(in.data().data());
      if (numbered && head.sequence != frames_) return Step::out_of_sequence;
      total_ += head.length;
      if (total_ > max_total) return Step::too_large;
      if (out != nullptr) {
        std::uint8_t counted[protocol::header_size];
        protocol::write_head(counted, {head.length, frames_});
        out->append(counted);
      }
      in.consume(protocol::header_size);
      left_ = head.length;
      full_ = head.length == protocol::max_frame;
      in_frame_ = true;
      ++frames_;
      continue;
    }
    if (in.empty()) return Step::need_more;
    const std::size_t take = std::min<std::size_t>(left_, in.size());
    if (out != nullptr) out->append(in.data().first(take));
    in.consume(take);
    left_ -= static_cast<std::uint32_t>(take);
  }
  return Step::complete;
}

}  // namespace wye::session
