#pragma once
#include <cstdint>
#include <optional>
#include <variant>

#include "proxy/protocol/framing.h"
#include "proxy/protocol/ok_packet.h"

namespace wye::protocol {

/// What the tracker must know to find the end of an answer. The four grammars of answers:
/// COM_QUERY: https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_query_response.html
/// COM_STMT_PREPARE: .../page_protocol_com_stmt_prepare.html ; COM_STMT_EXECUTE answers as COM_QUERY; COM_STMT_FETCH:
/// rows, then EOF/OK.
enum class Expect : std::uint8_t {
  ok_or_err,    // PING, INIT_DB, RESET_CONNECTION, STMT_RESET: one packet
  query,        // COM_QUERY, COM_STMT_EXECUTE, COM_PROCESS_INFO
  prepare,      // COM_STMT_PREPARE
  rows,         // COM_STMT_FETCH
  definitions,  // COM_FIELD_LIST: column definitions, then EOF
  text,         // COM_STATISTICS: one packet of text without a header
  eof_or_err,   // COM_SET_OPTION, COM_DEBUG: one EOF or OK packet
  stream,       // COM_BINLOG_DUMP[_GTID]: events without end, until EOF or ERR
  nothing,      // STMT_CLOSE, STMT_SEND_LONG_DATA, QUIT: no answer at all
};

/// What one packet of an answer is; decided at its head (first frame's first bytes and length) and the tracker's state.
enum class Part : std::uint8_t {
  ok,
  err,
  eof,           // a real EOF packet (0xfe, below 9 bytes, DEPRECATE_EOF off)
  ok_of_result,  // the OK packet with head 0xfe that ends a result set under DEPRECATE_EOF
  column_count,
  definition,
  row,
  local_infile,  // 0xfb + file name: the client must send the file now
  prepare_ok,
  text,
  event,     // of a binary log
  progress,  // MariaDB: an ERR packet 0xffff in the middle of an answer; the statement goes on
};

/// What the tracker wants of the packet whose head it has seen.
struct Verdict {
  Part part = Part::row;
  bool gather = false;  // true: give the whole payload to end_of_packet (small packets: OK, ERR, EOF, counts,
                        // PREPARE_OK); false: bytes may pass unparsed
};

/// How answers are written on one backend connection, as negotiated there.
struct AnswerFormat {
  bool deprecate_eof = false;
  bool optional_metadata = false;  // CLIENT_OPTIONAL_RESULTSET_METADATA: a flag says whether definitions follow
  bool progress = false;           // MARIADB_CLIENT_PROGRESS
};

/// Finds the end of one answer in a stream of packets. Pure: fed with packet heads and gathered payloads, never with
/// sockets. One tracker per statement in flight; a value of a few words, no allocation.
///
///   verdict = tracker.head(first_byte, length)   at each packet's first frame (continuation frames are not heads)
///   tracker.end_of_packet(payload)               when the packet is complete; payload empty unless gather was true
///   tracker.finished()                           the answer is over; the next packet belongs to the next statement
///
/// What is to be gathered fits in one frame: a longer one is Malformed.
/// A payload of length 0 has no first byte: pass 0 and length 0.
class ResponseTracker {
 public:
  ResponseTracker() = default;
  ResponseTracker(Expect expect, AnswerFormat format);

  std::variant<Verdict, Malformed> head(std::uint8_t first_byte, std::uint32_t length);
  std::variant<std::monostate, Malformed> end_of_packet(ByteView payload);

  /// The client has finished sending LOCAL INFILE data (its empty packet went through): an OK or ERR follows.
  void local_infile_sent();

  bool finished() const { return finished_; }
  Part part() const { return part_; }  // of the last packet; after end_of_packet() it may be Part::progress
  bool awaiting_local_infile() const { return state_ == State::infile; }
  bool failed() const { return failed_; }                        // ended with ERR
  std::uint16_t status() const { return status_; }               // flags of the last OK/EOF seen
  std::uint64_t definitions_left() const { return remaining_; }  // of the block that is being read
  bool cursor_open() const { return cursor_; }                   // EXECUTE with a cursor: rows come by FETCH
  std::uint64_t rows() const { return rows_; }                   // of all results, once they are over or begun
  bool between_packets_of_rows() const { return state_ == State::rows; }
  // COM_STMT_PREPARE's answer
  std::uint32_t statement_id() const { return statement_id_; }
  std::uint16_t columns() const { return columns16_; }
  std::uint16_t parameters() const { return parameters_; }
  std::uint16_t prepare_warnings() const { return prepare_warnings_; }

 private:
  enum class State : std::uint8_t {
    first,
    definitions,
    definitions_eof,
    rows,
    infile,
    infile_reply,
    prepare_parameters,
    prepare_parameters_eof,
    prepare_columns,
    prepare_columns_eof,
    done
  };
  std::optional<Part> part_of(std::uint8_t first_byte, std::uint32_t length) const;
  std::optional<Part> part_of_first(std::uint8_t first_byte, std::uint32_t length) const;
  std::optional<Part> closing(std::uint32_t length) const;
  const char* begin_result(ByteView payload);
  const char* begin_prepared(ByteView payload);
  void next_of_prepared(State state, std::uint16_t count);
  void end_of_definitions();
  void end_of_eof(std::uint16_t flags);
  void end_of_result(std::uint16_t flags);
  void finish();
  Expect expect_ = Expect::ok_or_err;
  AnswerFormat format_;
  State state_ = State::first;
  Part part_ = Part::ok;
  bool finished_ = false, failed_ = false, cursor_ = false;
  bool metadata_ = true;  // PREPARE: definitions follow the counts
  std::uint16_t status_ = 0, parameters_ = 0, columns16_ = 0, prepare_warnings_ = 0;
  std::uint32_t statement_id_ = 0;
  std::uint64_t remaining_ = 0;  // definitions still to come
  std::uint64_t rows_ = 0;
};

}  // namespace wye::protocol
