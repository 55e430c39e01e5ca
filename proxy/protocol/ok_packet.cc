// OK, ERR and EOF: https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_basic_response_packets.html
#include "proxy/protocol/ok_packet.h"

#include "proxy/protocol/wire.h"

namespace wye::protocol {

namespace {

constexpr std::uint8_t ok_head = 0x00, err_head = 0xff, eof_head = 0xfe;
constexpr std::size_t sqlstate_size = 5;

// The documentation says that without CLIENT_SESSION_TRACK the info is the rest of the packet. Servers write it
// length-encoded there as well, and client libraries read it so; the other form is only taken where that does not fit.
std::string_view info_without_tracking(Reader& in) {
  if (in.empty()) return {};
  Reader encoded = in;
  const std::string_view info = encoded.lenenc_string();
  const ByteView rest = in.rest();
  return encoded.ok() && encoded.empty() ? info : base::chars_of(rest);
}

}  // namespace

std::variant<OkInfo, Malformed> parse_ok(ByteView payload, bool session_track) {
  Reader in{payload};
  const std::uint8_t head = in.u8();
  OkInfo ok;
  ok.affected_rows = in.lenenc();
  ok.insert_id = in.lenenc();
  ok.status = in.u16();
  ok.warnings = in.u16();
  if (!in.ok() || (head != ok_head && head != eof_head)) return Malformed{"bad OK packet"};
  if (!session_track) {
    ok.info = info_without_tracking(in);
    return ok;
  }
  if (!in.empty()) ok.info = in.lenenc_string();
  if ((ok.status & status::session_state_changed) != 0) ok.session_state = in.lenenc_bytes();
  if (!in.ok() || !in.empty()) return Malformed{"bad session state in OK packet"};
  return ok;
}

void write_ok(Bytes& out, const OkInfo& ok, OkShape shape) {
  const bool tracked = shape.session_track && (ok.status & status::session_state_changed) != 0;
  const auto flags = static_cast<std::uint16_t>(tracked ? ok.status : ok.status & ~status::session_state_changed);
  put_u8(out, shape.deprecate_eof_head ? eof_head : ok_head);
  put_lenenc(out, ok.affected_rows);
  put_lenenc(out, ok.insert_id);
  put_u16(out, flags);
  put_u16(out, ok.warnings);
  if (tracked || !ok.info.empty()) put_lenenc_string(out, ok.info);  // servers leave an empty info out
  if (tracked) put_lenenc_bytes(out, ok.session_state);
}

std::variant<EofInfo, Malformed> parse_eof(ByteView payload) {
  Reader in{payload};
  const std::uint8_t head = in.u8();
  EofInfo eof;
  eof.warnings = in.u16();
  eof.status = in.u16();
  if (!in.ok() || head != eof_head || payload.size() >= 9) return Malformed{"bad EOF packet"};
  return eof;
}

void write_eof(Bytes& out, EofInfo eof) {
  put_u8(out, eof_head);
  put_u16(out, eof.warnings);
  put_u16(out, eof.status);
}

std::variant<ErrInfo, Malformed> parse_err(ByteView payload) {
  Reader in{payload};
  const std::uint8_t head = in.u8();
  ErrInfo err;
  err.code = in.u16();
  if (!in.ok() || head != err_head) return Malformed{"bad ERR packet"};
  const std::string_view rest = base::chars_of(in.rest());
  if (rest.size() > sqlstate_size && rest.front() == '#') {
    err.state = rest.substr(1, sqlstate_size);
    err.message = rest.substr(1 + sqlstate_size);
  } else {
    err.message = rest;
  }
  return err;
}

void write_err(Bytes& out, const ErrInfo& err) {
  put_u8(out, err_head);
  put_u16(out, err.code);
  if (err.state.size() == sqlstate_size) {
    put_u8(out, '#');
    put_string(out, err.state);
  }
  put_string(out, err.message);
}

}  // namespace wye::protocol
