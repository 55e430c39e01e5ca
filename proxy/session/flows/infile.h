#pragma once
#include <cstdint>

#include "proxy/session/flows/upload.h"

namespace wye::session {

/// The file of a LOAD DATA LOCAL INFILE on its way from the client: packets of any number, the last one empty. Frames
/// pass as they are, their sequence ids moved to the server's count. Nothing is kept. Pure.
/// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_query_response_local_infile_request.html
class Infile {
 public:
  /// `next_sequence`: the client's first frame must have it. `shift`: the client's count less the server's.
  void begin(std::uint8_t next_sequence, std::uint8_t shift) {
    *this = Infile{};
    next_ = next_sequence;
    shift_ = shift;
    active_ = true;
  }
  bool active() const { return active_; }
  std::uint8_t next_sequence() const { return next_; }

  /// Takes what it can from `in` and appends frames to `out` (nullptr: drops them). `numbered`: see Upload::pump.
  /// complete: the empty packet went through. too_large: one packet of the file, not the file, exceeds `max_packet`.
  Upload::Step pump(base::Buffer& in, base::Buffer* out, std::uint64_t max_packet, bool numbered = true);

 private:
  bool active_ = false;
  bool packet_open_ = false;  // the frame before was full: the next one continues its packet, even if it is empty
  std::uint8_t next_ = 0, shift_ = 0;
  std::uint32_t left_ = 0;    // payload bytes of the current frame still to come
  std::uint64_t packet_ = 0;  // payload bytes of the current packet so far
};

}  // namespace wye::session
