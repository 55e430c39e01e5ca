#pragma once
#include <cstdint>

#include "proxy/base/result.h"
#include "proxy/protocol/response_tracker.h"

namespace wye::pool {

using base::Bytes;
using base::ByteView;
using base::Error;
using protocol::Part;
using protocol::ResponseTracker;

/// Receives one statement's answer, and nothing of its neighbours'. Called on the worker's thread, in the order of the
/// stream.
class ResponseSink {
 public:
  virtual ~ResponseSink() = default;
  /// Added to the sequence id of each frame that is passed raw.
  virtual std::uint8_t sequence_shift() const { return 0; }
  /// True: on_definitions_end() is called where a server with DEPRECATE_EOF sends no EOF and one without it would.
  virtual bool wants_definitions_end() const { return false; }
  virtual void on_definitions_end(std::uint8_t next_sequence) { (void)next_sequence; }
  /// A cursor that can't be opened is an error right behind the definitions, without their end.
  virtual bool opens_cursor() const { return false; }
  /// False: a server that asks for a file breaks the protocol.
  virtual bool takes_local_infile() const { return false; }
  /// Frames, heads included, that pass unparsed; possibly cut anywhere. The view is gone when this returns.
  virtual void on_raw(ByteView frames) = 0;
  /// A whole small packet (OK, ERR, EOF, counts); the tracker has already seen it.
  virtual void on_packet(Part part, std::uint8_t sequence, ByteView payload, const ResponseTracker& tracker) = 0;
  virtual void on_end(const ResponseTracker& tracker) = 0;
  /// The connection died before on_end(). Nothing more comes.
  virtual void on_lost(const Error& error) = 0;
};

}  // namespace wye::pool
