#pragma once
#include <optional>
#include <string>
#include <vector>

#include "proxy/protocol/framing.h"

// Answers that wye makes itself.
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_query_response_text_resultset.html
namespace wye::protocol {

using Cell = std::optional<std::string>;  // absent: NULL
struct Table {
  std::vector<std::string> columns;
  std::vector<std::vector<Cell>> rows;
};

/// What the client negotiated.
struct ResultShape {
  bool deprecate_eof = false;
  bool session_track = false;
  std::uint16_t status = 0x0002;
  bool optional_metadata = false;  // CLIENT_OPTIONAL_RESULTSET_METADATA: a byte says that definitions follow
};

/// Appends a whole text result set, all columns VARCHAR in utf8mb4, beginning with `sequence`.
void write_result(Bytes& out, std::uint8_t sequence, const Table& table, ResultShape shape);

}  // namespace wye::protocol
