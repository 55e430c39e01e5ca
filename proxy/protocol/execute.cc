#include "proxy/protocol/execute.h"

#include <optional>

#include "proxy/protocol/wire.h"

namespace wye::protocol {

namespace {

constexpr std::uint8_t execute_command = 0x17, unsigned_flag = 0x80;
constexpr std::size_t fixed_size = 10;  // command, statement id, flags, iterations

std::size_t bitmap_size(std::size_t parameters) { return (parameters + 7) / 8; }

/// How a value of a type is laid out.
enum class Layout : std::uint8_t { none, one, two, four, eight, date, time, lenenc };

std::optional<Layout> layout_of(std::uint8_t type) {
  switch (type) {
    case 0x06:  // NULL
      return Layout::none;
    case 0x01:  // TINY
      return Layout::one;
    case 0x02:  // SHORT
    case 0x0d:  // YEAR
      return Layout::two;
    case 0x03:  // LONG
    case 0x04:  // FLOAT
    case 0x09:  // INT24
      return Layout::four;
    case 0x05:  // DOUBLE
    case 0x08:  // LONGLONG
      return Layout::eight;
    case 0x07:  // TIMESTAMP
    case 0x0a:  // DATE
    case 0x0c:  // DATETIME
      return Layout::date;
    case 0x0b:  // TIME
      return Layout::time;
    case 0x00:  // DECIMAL
    case 0x0f:  // VARCHAR
    case 0x10:  // BIT
      return Layout::lenenc;
    default:
      break;
  }
  // VECTOR, then JSON, NEWDECIMAL, ENUM, SET, the BLOBs, VAR_STRING, STRING, GEOMETRY. What is between and below is
  // internal to servers.
  if (type == 0xf2 || type >= 0xf5) return Layout::lenenc;
  return std::nullopt;
}

ByteView dated(Reader& in, bool time) {
  const std::uint8_t n = in.u8();
  const bool known = time ? n == 0 || n == 8 || n == 12 : n == 0 || n == 4 || n == 7 || n == 11;
  if (!known) in.fail();
  return in.take(n);
}

ByteView read_value(Reader& in, Layout layout) {
  switch (layout) {
    case Layout::none:
      return {};
    case Layout::one:
      return in.take(1);
    case Layout::two:
      return in.take(2);
    case Layout::four:
      return in.take(4);
    case Layout::eight:
      return in.take(8);
    case Layout::date:
    case Layout::time:
      return dated(in, layout == Layout::time);
    case Layout::lenenc:
      return in.lenenc_bytes();
  }
  return {};
}

}  // namespace

std::variant<ExecuteHead, NeedMore, Malformed> parse_execute_head(ByteView payload_prefix, std::uint16_t parameters) {
  if (!payload_prefix.empty() && payload_prefix[0] != execute_command) return Malformed{"not COM_STMT_EXECUTE"};
  const std::size_t bitmap = bitmap_size(parameters);
  std::size_t need = fixed_size + (parameters > 0 ? bitmap + 1 : 0);
  if (payload_prefix.size() < need) return NeedMore{need - payload_prefix.size()};
  Reader in{payload_prefix};
  ExecuteHead head;
  in.skip(1);
  head.statement_id = in.u32();
  head.flags = in.u8();
  head.iterations = in.u32();
  head.null_bitmap = in.take(bitmap);
  head.types_offset = in.offset();
  if (parameters > 0) {
    const std::uint8_t bound = in.u8();
    if (bound > 1) return Malformed{"bad flag in COM_STMT_EXECUTE"};
    head.new_params_bound = bound == 1;
  }
  if (head.new_params_bound) {
    need += 2 * std::size_t{parameters};
    if (payload_prefix.size() < need) return NeedMore{need - payload_prefix.size()};
    head.types = in.take(2 * std::size_t{parameters});
  }
  head.values_offset = in.offset();
  return head;
}

bool write_execute_with_types(Bytes& out, ByteView payload_prefix, std::uint16_t parameters, ByteView types) {
  const auto parsed = parse_execute_head(payload_prefix, parameters);
  const auto* head = std::get_if<ExecuteHead>(&parsed);
  if (head == nullptr || head->new_params_bound || parameters == 0) return false;
  if (types.size() != 2 * std::size_t{parameters}) return false;
  out.reserve(out.size() + payload_prefix.size() + types.size());
  put_bytes(out, payload_prefix.first(head->types_offset));
  put_u8(out, 1);
  put_bytes(out, types);
  put_bytes(out, payload_prefix.subspan(head->values_offset));
  return true;
}

std::variant<std::vector<Parameter>, Malformed> parse_execute_values(ByteView payload, const ExecuteHead& head,
                                                                     ByteView types, std::uint16_t parameters,
                                                                     const std::vector<bool>& long_data) {
  constexpr Malformed bad{"bad values in COM_STMT_EXECUTE"};
  if (types.size() != 2 * std::size_t{parameters} || head.values_offset > payload.size()) return bad;
  if (head.null_bitmap.size() != bitmap_size(parameters)) return bad;
  Reader in{payload.subspan(head.values_offset)};
  std::vector<Parameter> out(parameters);
  for (std::size_t i = 0; i < parameters; ++i) {
    Parameter& p = out[i];
    p.type = types[2 * i];
    p.is_unsigned = (types[2 * i + 1] & unsigned_flag) != 0;
    const auto layout = layout_of(p.type);
    if (!layout) return bad;
    if (i < long_data.size() && long_data[i]) {  // as in servers, what was sent ahead wins over the bitmap
      p.source = Parameter::Source::long_data;
    } else if ((head.null_bitmap[i / 8] >> (i % 8) & 1) != 0) {
      p.source = Parameter::Source::null;
    } else {
      p.value = read_value(in, *layout);
    }
  }
  if (!in.ok() || !in.empty()) return bad;
  return out;
}

void write_execute(Bytes& out, const ExecuteHead& head, const std::vector<Parameter>& parameters) {
  put_u8(out, execute_command);
  put_u32(out, head.statement_id);
  put_u8(out, head.flags);
  put_u32(out, head.iterations);
  if (parameters.empty()) return;
  const std::size_t bitmap = out.size();
  put_zeros(out, bitmap_size(parameters.size()));
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    if (parameters[i].source != Parameter::Source::null) continue;
    out[bitmap + i / 8] = static_cast<std::uint8_t>(out[bitmap + i / 8] | 1u << (i % 8));
  }
  put_u8(out, head.new_params_bound ? 1 : 0);
  if (head.new_params_bound) {
    for (const auto& p : parameters) {
      put_u8(out, p.type);
      put_u8(out, p.is_unsigned ? unsigned_flag : std::uint8_t{0});
    }
  }
  for (const auto& p : parameters) {
    if (p.source != Parameter::Source::value) continue;
    const auto layout = layout_of(p.type);
    if (layout == Layout::lenenc) {
      put_lenenc_bytes(out, p.value);
      continue;
    }
    if (layout == Layout::date || layout == Layout::time) put_u8(out, static_cast<std::uint8_t>(p.value.size()));
    put_bytes(out, p.value);
  }
}

}  // namespace wye::protocol
