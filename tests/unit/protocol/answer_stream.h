#pragma once
#include <algorithm>
#include <cstdint>
#include <vector>

#include "proxy/protocol/response_tracker.h"

namespace wye::test {

/// Drives a ResponseTracker with the bytes of a connection, in whatever pieces they come: what a relay does, less the
/// sockets. Says what it saw as events. Shared by the unit tests and the fuzz target.
class AnswerStream {
 public:
  struct Event {
    protocol::Part part{};
    std::uint64_t length = 0;
    base::Bytes gathered;
    bool operator==(const Event&) const = default;
  };

  AnswerStream(protocol::Expect expect, bool deprecate_eof) : tracker_{expect, {.deprecate_eof = deprecate_eof}} {}

  /// Returns how many bytes it took: less than given once the answer is over or broken.
  std::size_t feed(base::ByteView in) {
    std::size_t taken = 0;
    while (taken < in.size() && !over()) taken += step(in.subspan(taken));
    return taken;
  }
  bool broken() const { return broken_; }
  bool over() const { return broken_ || tracker_.finished(); }
  const protocol::ResponseTracker& tracker() const { return tracker_; }
  const std::vector<Event>& events() const { return events_; }

 private:
  std::size_t step(base::ByteView in) {
    if (head_.size() < protocol::header_size) {
      head_.push_back(in[0]);
      if (head_.size() == protocol::header_size) begin_frame();
      return 1;
    }
    if (!judged_ && !judge(in[0])) return 0;
    const std::size_t n = std::min<std::size_t>(in.size(), left_);
    if (verdict_.gather) base::append(gathered_, in.first(n));
    left_ -= static_cast<std::uint32_t>(n);
    if (left_ == 0) end_frame();
    return n;
  }
  void begin_frame() {
    frame_ = left_ = protocol::read_head(head_.data()).length;
    length_ += left_;
    if (left_ > 0) return;
    if (!judged_ && !judge(0)) return;
    end_frame();
  }
  bool judge(std::uint8_t first) {
    const auto v = tracker_.head(first, frame_);
    if (std::holds_alternative<protocol::Malformed>(v)) {
      broken_ = true;
      return false;
    }
    verdict_ = std::get<protocol::Verdict>(v);
    judged_ = true;
    return true;
  }
  void end_frame() {
    head_.clear();
    if (frame_ == protocol::max_frame) return;  // the packet goes on
    const auto end = tracker_.end_of_packet(gathered_);
    if (std::holds_alternative<protocol::Malformed>(end)) broken_ = true;
    events_.push_back({verdict_.part, length_, std::move(gathered_)});
    gathered_.clear();
    judged_ = false;
    length_ = 0;
    if (tracker_.awaiting_local_infile()) tracker_.local_infile_sent();
  }

  protocol::ResponseTracker tracker_;
  protocol::Verdict verdict_;
  base::Bytes head_, gathered_;
  std::uint32_t frame_ = 0, left_ = 0;
  std::uint64_t length_ = 0;
  bool judged_ = false, broken_ = false;
  std::vector<Event> events_;
};

}  // namespace wye::test
