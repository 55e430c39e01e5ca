#pragma once
#include <functional>
#include <map>
#include <string>

#include "proxy/protocol/response_tracker.h"
#include "proxy/session/flows/next_transaction.h"

namespace wye::session {

using protocol::Bytes;
using protocol::ByteView;

/// session_track_*, where the client has set them.
using OwnTrackers = std::map<std::string, std::string, std::less<>>;

/// What the client negotiated and the server negotiated, as far as answers differ.
struct Encoding {
  bool client_deprecate_eof = false, client_session_track = false, server_deprecate_eof = false;
  const OwnTrackers* own = nullptr;
  bool mariadb = false;      // it tells later what an answer could not tell, but only along with something else
  bool as_is = false;        // the server's trackers are the client's own
  bool tells_next = false;   // wye has switched the trackers of transactions on
  bool tells_begin = false;  // the server tells of BEGIN and its end although they are off: MySQL 9.7.4 does (tried)
  const NextTransaction* next = nullptr;
};

/// Turns the answer of a server into the answer that the client negotiated. Pure; writes frames with the client's
/// sequence ids. Packets that need no change are passed as raw bytes by the caller, who only adds shift() to their
/// sequence ids.
class Answer {
 public:
  Answer() = default;
  explicit Answer(Encoding encoding) : x_(encoding) {}
  /// To be added (mod 256) to the sequence id of each packet that passes unparsed.
  std::uint8_t shift() const { return shift_; }
  bool needs_cut() const { return x_.server_deprecate_eof && !x_.client_deprecate_eof; }

  /// A gathered packet. `definitions_end`: an EOF that stands between definitions and rows (or behind definitions of a
  /// PREPARE). Appends what the client gets, possibly nothing.
  void packet(base::Buffer& out, protocol::Part part, std::uint8_t sequence, ByteView payload, bool definitions_end,
              const protocol::OkInfo* ok);
  /// The next OK is not as the server has sent it.
  void changed() { changed_ = true; }
  /// Nor are its trackers: they have joined those of earlier results, and are the client's.
  void joined() { joined_ = true; }
  /// The server (DEPRECATE_EOF) has sent its last definition of a block; a client without it wants an EOF there.
  void definitions_end(base::Buffer& out, std::uint8_t next_sequence, std::uint16_t status);

 private:
  void put(base::Buffer& out, std::uint8_t sequence, ByteView payload);
  Encoding x_;
  std::uint8_t shift_ = 0;
  bool changed_ = false, joined_ = false;
  Bytes scratch_;
};

/// The tracker items that a client with CLIENT_SESSION_TRACK sees by its own settings, else by the server's default
/// (schema and the five variables of session_track_system_variables); all others are wye's own.
void filter_trackers(ByteView block, Bytes& to, const Encoding& encoding = {});

/// A server tells a client without DEPRECATE_EOF of what changed under a result by the next OK. wye hears it with the
/// result: `pending` keeps it. True: it has joined this OK, which has a view of it.
bool carry_trackers(protocol::Part part, const Encoding& encoding, protocol::OkInfo& ok, Bytes& pending,
                    std::string_view schema);
/// A block that tells the schema, for `pending`.
Bytes schema_tracker(std::string_view schema);
/// MariaDB leaves the schema that a routine came back to unsaid after an error, until something else is told. Under
/// wye's trackers something always is: `pending` keeps it. True: `ok` has nothing left to tell.
bool keep_schema(const Encoding& encoding, protocol::OkInfo& ok, Bytes& pending);

}  // namespace wye::session
