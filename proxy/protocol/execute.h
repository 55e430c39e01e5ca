#pragma once
#include <cstdint>
#include <variant>
#include <vector>

#include "proxy/protocol/framing.h"

// COM_STMT_EXECUTE: https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_stmt_execute.html
// MariaDB's COM_STMT_BULK_EXECUTE: https://mariadb.com/kb/en/com_stmt_bulk_execute/
namespace wye::protocol {

/// What stands ahead of the values. Views alias the payload. With no parameters there is neither bitmap nor flag nor
/// types.
struct ExecuteHead {
  std::uint32_t statement_id = 0;
  std::uint8_t flags = 0;  // cursor type
  std::uint32_t iterations = 1;
  bool new_params_bound = false;
  std::uint16_t count = 0;  // values: the statement's parameters, with attributes those behind them too
  ByteView null_bitmap;     // (count + 7) / 8 bytes
  ByteView types;           // per value 2 bytes (type, 0x80 for unsigned), with attributes also its name; empty unless
                            // new_params_bound
  std::size_t types_offset = 0;   // where the flag byte new_params_bound is
  std::size_t values_offset = 0;  // where the values begin
};

/// `payload_prefix`: the payload from its first byte (0x17), or as much of it as is there. NeedMore of a payload that
/// is complete means malformed. `attributes`: CLIENT_QUERY_ATTRIBUTES was negotiated.
std::variant<ExecuteHead, NeedMore, Malformed> parse_execute_head(ByteView payload_prefix, std::uint16_t parameters,
                                                                  bool attributes = false);

/// For a server that never saw the types which the client sent once: appends `payload_prefix`, in which
/// new_params_bound is 0, with that flag set and `types` (an ExecuteHead's, of equally many values) behind it; bytes
/// beyond the head follow as they are. The payload grows by types.size().
void write_execute_with_types(Bytes& out, ByteView payload_prefix, const ExecuteHead& head, ByteView types);

/// COM_STMT_BULK_EXECUTE (0xfa), as far as it is not values.
struct BulkHead {
  static constexpr std::uint16_t send_types = 128;
  std::uint32_t statement_id = 0;
  std::uint16_t flags = 0;
  ByteView types;                 // 2 bytes per parameter; empty unless the flag says so
  std::size_t values_offset = 0;  // where the rows begin
};
std::variant<BulkHead, NeedMore, Malformed> parse_bulk_head(ByteView payload_prefix, std::uint16_t parameters);
void write_bulk_with_types(Bytes& out, ByteView payload_prefix, const BulkHead& head, ByteView types);

/// One parameter's value, as it came.
struct Parameter {
  enum class Source : std::uint8_t { value, null, long_data };  // long_data: came by COM_STMT_SEND_LONG_DATA
  Source source = Source::value;
  std::uint8_t type = 0;  // MYSQL_TYPE_*
  bool is_unsigned = false;
  ByteView value;  // without its length byte or length-encoded integer; empty unless Source::value
};

/// Walks the values of a whole payload. `types` is head.types, or what the client bound earlier. `long_data[i]`: the
/// value of parameter i was sent ahead; may be empty. Malformed: a type that no client may send, a value that ends
/// beyond the payload, bytes behind the last one.
std::variant<std::vector<Parameter>, Malformed> parse_execute_values(ByteView payload, const ExecuteHead& head,
                                                                     ByteView types, std::uint16_t parameters,
                                                                     const std::vector<bool>& long_data);

/// A whole payload. Reads of `head` only statement_id, flags, iterations and new_params_bound.
void write_execute(Bytes& out, const ExecuteHead& head, const std::vector<Parameter>& parameters);

}  // namespace wye::protocol
