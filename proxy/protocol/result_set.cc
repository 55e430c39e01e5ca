#include "proxy/protocol/result_set.h"

#include "proxy/protocol/response_tracker.h"
#include "proxy/protocol/wire.h"

namespace wye::protocol {

namespace {

constexpr std::uint16_t utf8mb4_general_ci = 45;
constexpr std::uint8_t var_string = 0xfd;

void put_definition(Bytes& to, const std::string& name) {
  put_lenenc_string(to, "def");
  put_lenenc_string(to, "");
  put_lenenc_string(to, "");
  put_lenenc_string(to, "");
  put_lenenc_string(to, name);
  put_lenenc_string(to, "");
  put_lenenc(to, 0x0c);
  put_u16(to, utf8mb4_general_ci);
  put_u32(to, 1024);
  put_u8(to, var_string);
  put_u16(to, 0);
  put_u8(to, 0);
  put_u16(to, 0);
}

}  // namespace

void write_result(Bytes& out, std::uint8_t sequence, const Table& table, ResultShape shape) {
  Bytes payload;
  const auto send = [&] {
    sequence = write_packet(out, sequence, payload);
    payload.clear();
  };
  if (shape.optional_metadata) put_u8(payload, 1);  // RESULTSET_METADATA_FULL
  put_lenenc(payload, table.columns.size());
  send();
  for (const auto& column : table.columns) {
    put_definition(payload, column);
    send();
  }
  if (!shape.deprecate_eof) {
    write_eof(payload, {0, shape.status});
    send();
  }
  for (const auto& row : table.rows) {
    for (const auto& cell : row) {
      if (cell) {
        put_lenenc_string(payload, *cell);
      } else {
        put_u8(payload, 0xfb);
      }
    }
    send();
  }
  if (shape.deprecate_eof) {
    OkInfo ok;
    ok.status = shape.status;
    write_ok(payload, ok, {true, shape.session_track});
  } else {
    write_eof(payload, {0, shape.status});
  }
  send();
}

}  // namespace wye::protocol
