#pragma once
#include <cstdint>

#include "proxy/base/bytes.h"
#include "proxy/protocol/framing.h"

namespace wye::session {

/// What is still to come of a client's command whose beginning is already on its way: frames that pass as they are.
/// Pure.
class Upload {
 public:
  /// `left`: payload bytes of the current frame still to come; `full`: that frame has max_frame bytes, so another
  /// follows.
  void begin(std::uint32_t left, bool full, std::uint64_t total_so_far) {
    left_ = left;
    full_ = full;
    total_ = total_so_far;
    frames_ = 1;
    in_frame_ = true;
    if (left_ == 0 && full_) in_frame_ = false;
  }
  void none() { left_ = 0, full_ = false, in_frame_ = false, frames_ = 1, total_ = 0; }
  bool complete() const { return left_ == 0 && !full_; }
  std::uint8_t frames() const { return frames_; }  // of the command so far: the answer's first sequence id
  std::uint64_t total() const { return total_; }

  enum class Step : std::uint8_t { need_more, complete, out_of_sequence, too_large };
  /// Takes what it can from `in` and appends frames to `out` (nullptr: drops them), numbered for the server.
  /// `numbered`: the client's sequence ids must be in order. In a compressed stream they mean nothing: clients take
  /// over the number of the compressed frame whenever they send one, and servers look at that alone.
  Step pump(base::Buffer& in, base::Buffer* out, std::uint64_t max_total, bool numbered = true);

 private:
  std::uint32_t left_ = 0;
  bool full_ = false, in_frame_ = false;
  std::uint8_t frames_ = 1;
  std::uint64_t total_ = 0;
};

}  // namespace wye::session
