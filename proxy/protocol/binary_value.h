#pragma once
#include <cstdint>
#include <optional>

#include "proxy/protocol/wire.h"

// Values in the binary protocol, as clients send them (COM_STMT_EXECUTE, query attributes):
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_binary_resultset.html
namespace wye::protocol {

/// How a value of a type is laid out.
enum class Layout : std::uint8_t { none, one, two, four, eight, date, time, lenenc };

/// Absent: a type (MYSQL_TYPE_*) that no client may send.
std::optional<Layout> layout_of(std::uint8_t type);

/// The value without its length byte or length-encoded integer; in.ok() is false if it does not fit.
ByteView read_value(Reader& in, Layout layout);

}  // namespace wye::protocol
