// Input: the stream of a peer that may begin with a PROXY header.
#include "proxy/protocol/proxy_header.h"
#include "tests/fuzz/fuzz.h"

using namespace wye;
using namespace wye::protocol;
using fuzz::must;

namespace {

void check_prefixes(ByteView header) {
  for (std::size_t n = 0; n < header.size(); ++n) {
    const Bytes prefix = fuzz::exact(header.first(n));
    const auto cut = parse_proxy_header(prefix);
    const auto* more = std::get_if<NeedMore>(&cut);
    must(more != nullptr, "a prefix of a header wants more");
    must(more->at_least > 0 && n + more->at_least <= header.size(), "and never more than the header has");
  }
}

void check_header(ByteView stream, const ProxyHeader& h) {
  must(h.consumed > 0 && h.consumed <= stream.size() && h.consumed <= max_proxy_v2, "a header stays inside");
  const Bytes alone = fuzz::exact(stream.first(h.consumed));
  const auto same = parse_proxy_header(alone);
  must(std::holds_alternative<ProxyHeader>(same), "what follows a header does not matter to it");
  if (h.consumed < 300) check_prefixes(alone);
  if (h.from != ProxyHeader::From::ip) return;
  must(IpAddress::parse(h.source.address.text()) == h.source.address, "an address survives as text");
  Bytes out;
  write_proxy_header(out, h.source, h.destination);
  const auto again = parse_proxy_header(out);
  const auto* b = std::get_if<ProxyHeader>(&again);
  must(b != nullptr && b->source == h.source && b->destination == h.destination && b->consumed == out.size(),
       "addresses survive writing and reading");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes stream = fuzz::exact({data, size});
  const auto parsed = parse_proxy_header(stream);
  if (const auto* h = std::get_if<ProxyHeader>(&parsed)) check_header(stream, *h);
  if (std::holds_alternative<NeedMore>(parsed)) must(size < max_proxy_v2, "a stream is judged at some point");
  Networks networks;
  const auto text = base::chars_of(stream);
  if (networks.add(text)) {
    const auto address = IpAddress::parse(text.substr(0, text.find('/')));
    must(address && networks.contains(*address), "a network holds its own address");
  }
  return 0;
}
