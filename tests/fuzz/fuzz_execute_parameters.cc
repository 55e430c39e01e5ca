// Input: 2 bytes number of parameters, 1 byte which were sent ahead, then COM_STMT_EXECUTE.
#include "proxy/protocol/execute.h"
#include "tests/fuzz/fuzz.h"

using namespace wye;
using namespace wye::protocol;
using fuzz::must;

namespace {

using Values = std::vector<Parameter>;

bool equal(const Values& a, const Values& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const Parameter& x, const Parameter& y) {
    return x.source == y.source && x.type == y.type && x.is_unsigned == y.is_unsigned &&
           std::equal(x.value.begin(), x.value.end(), y.value.begin(), y.value.end());
  });
}

ExecuteHead parsed_head(ByteView payload, std::uint16_t parameters) {
  const auto head = parse_execute_head(payload, parameters);
  must(std::holds_alternative<ExecuteHead>(head), "a head that was written can be read");
  return std::get<ExecuteHead>(head);
}

void check_prefixes(ByteView payload, const ExecuteHead& head, std::uint16_t parameters) {
  must(head.values_offset <= payload.size() && head.types_offset <= head.values_offset, "offsets lie inside");
  for (std::size_t n = 0; n < head.values_offset && n < 64; ++n) {
    const Bytes prefix = fuzz::exact(payload.first(n));
    const auto cut = parse_execute_head(prefix, parameters);
    const auto* more = std::get_if<NeedMore>(&cut);
    must(more != nullptr && n + more->at_least <= head.values_offset, "a prefix wants no more than the head");
  }
}

void check_round_trip(const ExecuteHead& head, const Values& values, const std::vector<bool>& ahead, ByteView types) {
  Bytes out;
  write_execute(out, head, values);
  const auto parameters = static_cast<std::uint16_t>(values.size());
  const ExecuteHead again = parsed_head(out, parameters);
  must(again.statement_id == head.statement_id && again.flags == head.flags && again.iterations == head.iterations &&
           again.new_params_bound == head.new_params_bound,
       "head");
  const auto back = parse_execute_values(out, again, again.new_params_bound ? again.types : types, parameters, ahead);
  const auto* b = std::get_if<Values>(&back);
  must(b != nullptr && equal(*b, values), "values survive");
}

/// The client bound its types earlier: with them put in, the values must read the same.
void check_rebound(ByteView payload, const ExecuteHead& head, std::uint16_t parameters, ByteView types,
                   const std::vector<bool>& ahead) {
  Bytes out;
  write_execute_with_types(out, payload, head, types);
  const Bytes bound = fuzz::exact(out);
  const ExecuteHead again = parsed_head(bound, parameters);
  must(again.new_params_bound && again.statement_id == head.statement_id, "now bound");
  must(std::equal(types.begin(), types.end(), again.types.begin(), again.types.end()), "to these types");
  const auto before = parse_execute_values(payload, head, types, parameters, ahead);
  const auto after = parse_execute_values(bound, again, again.types, parameters, ahead);
  must(before.index() == after.index(), "and as good or bad as before");
  if (const auto* a = std::get_if<Values>(&before)) must(equal(*a, std::get<Values>(after)), "with the same values");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Choices choices{{data, size}};
  const auto parameters = static_cast<std::uint16_t>(choices.word() & 0x3ff);
  const std::uint8_t which = choices.byte();
  std::vector<bool> ahead(which == 0 ? 0 : parameters);
  for (std::size_t i = 0; i < ahead.size(); ++i) ahead[i] = (which >> (i % 8) & 1) != 0;
  const Bytes payload = fuzz::exact(choices.rest());
  (void)parse_execute_head(payload, parameters, true);
  (void)parse_bulk_head(payload, parameters);
  const auto parsed = parse_execute_head(payload, parameters);
  const auto* head = std::get_if<ExecuteHead>(&parsed);
  if (head == nullptr) return 0;
  check_prefixes(payload, *head, parameters);
  // Without types of its own: those of an earlier EXECUTE, here the bytes at its end.
  Bytes earlier(2 * std::size_t{parameters});
  for (std::size_t i = 0; i < earlier.size(); ++i) earlier[i] = payload[payload.size() - 1 - i % payload.size()];
  const ByteView types = head->new_params_bound ? head->types : ByteView{earlier};
  if (!head->new_params_bound && parameters > 0) check_rebound(payload, *head, parameters, types, ahead);
  const auto values = parse_execute_values(payload, *head, types, parameters, ahead);
  if (const auto* v = std::get_if<Values>(&values)) check_round_trip(*head, *v, ahead, types);
  return 0;
}
