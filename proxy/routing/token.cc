#include "proxy/routing/token.h"

namespace wye::routing {

namespace {
constexpr std::size_t longest_token = 4096;
}

base::Result<topology::GtidSet> parse_token(topology::Flavour flavour, std::string_view text) {
  const auto bad = [](const char* why) { return base::Error{1105, "HY000", why}; };
  if (text.size() > longest_token) return bad("a token that is too long");
  auto set = topology::GtidSet::parse(flavour, text);
  if (!set || set->empty()) return bad("a token that is none");
  return set;
}

}  // namespace wye::routing
