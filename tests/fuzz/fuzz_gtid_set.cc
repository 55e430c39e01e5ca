// GTID sets come from servers and, as consistency tokens, from clients: parse -> print -> parse must agree.
#include <cstdlib>
#include <string_view>

#include "replication/topology/gtid_set.h"

using namespace wye::topology;

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

void try_flavour(Flavour flavour, std::string_view text) {
  const auto split = text.find('|');
  auto left = GtidSet::parse(flavour, text.substr(0, split));
  if (!left) return;
  const std::string printed = left->to_string(flavour);
  const auto again = GtidSet::parse(flavour, printed);
  require(again && *again == *left && again->to_string(flavour) == printed);
  require(left->includes(*left) && left->minus(*left).empty());
  if (split == std::string_view::npos) return;
  const auto right = GtidSet::parse(flavour, text.substr(split + 1));
  if (!right) return;
  GtidSet sum = *left;
  sum.add(*right);
  require(sum.includes(*left) && sum.includes(*right));
  const GtidSet rest = left->minus(*right);
  require(rest.empty() == right->includes(*left) && left->includes(rest));
  GtidSet back = rest;
  back.add(*right);
  require(back.includes(*left) && sum.includes(back));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  try_flavour(Flavour::mysql, text);
  try_flavour(Flavour::mariadb, text);
  if (const auto one = parse_gtid(Flavour::mysql, text)) {
    GtidSet set;
    set.add(*one);
    require(set.contains(*one) && set.count() == 1);
  }
  if (const auto one = parse_gtid(Flavour::mariadb, text)) {
    GtidSet set;
    set.add(*one);
    require(set.contains(*one) && set.covers_through(one->source, one->number));
  }
  return 0;
}
