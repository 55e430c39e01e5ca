#include "replication/topology/binlog_state.h"

namespace wye::topology {

base::Result<GtidSet> parse_binlog_state(std::string_view text) {
  GtidSet set;
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    auto gtid = parse_gtid(Flavour::mariadb, text.substr(0, comma));
    if (!gtid) return gtid.error();
    GtidSource author;
    author.domain = gtid->source.domain;
    for (std::size_t i = 0; i < 4; ++i)
      author.uuid[12 + i] = static_cast<std::uint8_t>(gtid->server_id >> (24 - 8 * i));
    set.add_through(author, gtid->number);
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return set;
}

std::uint32_t author_of(const GtidSource& source) {
  std::uint32_t out = 0;
  for (std::size_t i = 0; i < 4; ++i) out = out << 8 | source.uuid[12 + i];
  return out;
}

}  // namespace wye::topology
