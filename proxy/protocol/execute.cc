#include "proxy/protocol/execute.h"

#include <optional>

#include "proxy/protocol/binary_value.h"

namespace wye::protocol {

namespace {

constexpr std::uint8_t execute_command = 0x17, bulk_command = 0xfa, unsigned_flag = 0x80;
constexpr std::uint8_t count_available = 0x08;  // PARAMETER_COUNT_AVAILABLE
constexpr std::size_t bulk_flags_offset = 5;

std::size_t bitmap_size(std::size_t parameters) { return (parameters + 7) / 8; }

}  // namespace

std::variant<ExecuteHead, NeedMore, Malformed> parse_execute_head(ByteView payload_prefix, std::uint16_t parameters,
                                                                  bool attributes) {
  if (!payload_prefix.empty() && payload_prefix[0] != execute_command) return Malformed{"not COM_STMT_EXECUTE"};
  Reader in{payload_prefix};
  ExecuteHead head;
  in.skip(1);
  head.statement_id = in.u32();
  head.flags = in.u8();
  head.iterations = in.u32();
  head.count = parameters;
  if (attributes && (parameters > 0 || (head.flags & count_available) != 0)) {
    const std::uint64_t count = in.lenenc();
    if (in.ok() && count > 0xffff) return Malformed{"too many parameters in COM_STMT_EXECUTE"};
    head.count = static_cast<std::uint16_t>(count);
  }
  head.null_bitmap = in.take(bitmap_size(head.count));
  head.types_offset = in.offset();
  if (head.count > 0) {
    const std::uint8_t bound = in.u8();
    if (bound > 1) return Malformed{"bad flag in COM_STMT_EXECUTE"};
    head.new_params_bound = bound == 1;
  }
  if (head.new_params_bound) {
    const std::size_t from = in.offset();
    for (std::size_t i = 0; i < head.count && in.ok(); ++i) {
      in.skip(2);
      if (attributes) in.lenenc_bytes();
    }
    if (in.ok()) head.types = payload_prefix.subspan(from, in.offset() - from);
  }
  if (!in.ok()) return NeedMore{};
  head.values_offset = in.offset();
  return head;
}

void write_execute_with_types(Bytes& out, ByteView payload_prefix, const ExecuteHead& head, ByteView types) {
  out.reserve(out.size() + payload_prefix.size() + types.size());
  put_bytes(out, payload_prefix.first(head.types_offset));
  put_u8(out, 1);
  put_bytes(out, types);
  put_bytes(out, payload_prefix.subspan(head.values_offset));
}

std::variant<BulkHead, NeedMore, Malformed> parse_bulk_head(ByteView payload_prefix, std::uint16_t parameters) {
  if (!payload_prefix.empty() && payload_prefix[0] != bulk_command) return Malformed{"not COM_STMT_BULK_EXECUTE"};
  Reader in{payload_prefix};
  BulkHead head;
  in.skip(1);
  head.statement_id = in.u32();
  head.flags = in.u16();
  if ((head.flags & BulkHead::send_types) != 0) head.types = in.take(2 * std::size_t{parameters});
  if (!in.ok()) return NeedMore{};
  head.values_offset = in.offset();
  return head;
}

void write_bulk_with_types(Bytes& out, ByteView payload_prefix, const BulkHead& head, ByteView types) {
  out.reserve(out.size() + payload_prefix.size() + types.size());
  put_bytes(out, payload_prefix.first(bulk_flags_offset));
  put_u16(out, static_cast<std::uint16_t>(head.flags | BulkHead::send_types));
  put_bytes(out, types);
  put_bytes(out, payload_prefix.subspan(head.values_offset));
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
