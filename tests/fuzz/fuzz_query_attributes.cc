// Input: the payload of a COM_QUERY under CLIENT_QUERY_ATTRIBUTES, 0x03 included; the same bytes as COM_STMT_EXECUTE
// and bulk heads.
#include "proxy/protocol/execute.h"
#include "proxy/protocol/query_attributes.h"
#include "tests/fuzz/fuzz.h"

using namespace wye;
using namespace wye::protocol;
using fuzz::must;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes payload = fuzz::exact({data, size});
  const auto parsed = parse_query_head(payload);
  if (const auto* head = std::get_if<QueryHead>(&parsed)) {
    must(head->text_offset <= payload.size(), "the text begins inside");
    // What is behind the attributes has no say; what is cut off is missed.
    const Bytes prefix = fuzz::exact(ByteView{payload}.first(head->text_offset));
    const auto again = parse_query_head(prefix);
    const auto* same = std::get_if<QueryHead>(&again);
    must(same != nullptr && same->text_offset == head->text_offset && same->attributes == head->attributes, "prefix");
    if (head->text_offset > 0) {
      const Bytes cut = fuzz::exact(ByteView{payload}.first(head->text_offset - 1));
      must(!std::holds_alternative<QueryHead>(parse_query_head(cut)), "a head that is cut is no head");
    }
  }
  for (const std::uint16_t parameters : {0, 1, 9}) {
    const auto execute = parse_execute_head(payload, parameters, true);
    if (const auto* head = std::get_if<ExecuteHead>(&execute)) {
      must(head->values_offset <= payload.size(), "values begin inside");
      if (!head->new_params_bound && head->count > 0) {
        Bytes types;
        for (unsigned i = 0; i < head->count; ++i) types.insert(types.end(), {0xfd, 0, 0});  // a string without a name
        Bytes bound;
        write_execute_with_types(bound, payload, *head, types);
        const auto again = parse_execute_head(bound, parameters, true);
        const auto* now = std::get_if<ExecuteHead>(&again);
        must(now != nullptr && now->new_params_bound && now->count == head->count, "types are put in");
      }
    }
    const auto bulk = parse_bulk_head(payload, parameters);
    if (const auto* head = std::get_if<BulkHead>(&bulk))
      must(head->values_offset <= payload.size(), "rows begin inside");
  }
  return 0;
}
