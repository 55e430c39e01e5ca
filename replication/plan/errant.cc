#include "replication/plan/errant.h"

#include <algorithm>

#include "replication/topology/binlog_state.h"

namespace wye::plan {
namespace {

using topology::Flavour;
using topology::GtidSet;
using topology::Observation;

std::string uuid_text(const topology::GtidSource& source) {
  GtidSet one;
  one.add(topology::Gtid{source, 1, 0});
  const std::string text = one.to_string(Flavour::mysql);
  return text.substr(0, text.find(':'));
}

std::uint64_t last_of(const std::shared_ptr<const GtidSet>& set, const topology::GtidSource& source) {
  if (set == nullptr) return 0;
  const auto found = set->entries().find(source);
  return found == set->entries().end() ? 0 : found->second.intervals.back().last;
}

GtidSet mariadb(const Observation& server, const Observation& primary) {
  GtidSet out;
  if (server.authored == nullptr || primary.authored == nullptr) return out;
  for (const auto& [source, entry] : server.authored->entries()) {
    if (topology::author_of(source) == primary.server_number) continue;
    const std::uint64_t last = entry.intervals.back().last;
    topology::GtidSource domain;
    domain.domain = source.domain;
    std::uint64_t had = std::max(last_of(primary.authored, source), last_of(primary.slave_pos, domain));
    if (last <= had) continue;
    if (const std::uint64_t applied = last_of(server.slave_pos, domain); applied < last) had = std::max(had, applied);
    GtidSet before;
    out.add_through(source, last);
    before.add_through(source, had);
    out = out.minus(before);
  }
  return out;
}

}  // namespace

GtidSet find_errant(const Observation& server, const Observation& primary) {
  if (server.version.flavour != primary.version.flavour) return {};
  if (server.version.flavour == Flavour::mariadb) return mariadb(server, primary);
  GtidSet all = *server.written;
  all.add(*server.executed);
  const GtidSet more = all.minus(*primary.written);
  GtidSet its;
  for (const auto& [source, entry] : more.entries())
    if (uuid_text(source) == primary.uuid) its.add_through(source, entry.intervals.back().last);
  return more.minus(its);
}

std::vector<Errant> list_errant(const GtidSet& errant, Flavour flavour) {
  std::vector<Errant> out;
  for (const auto& [source, entry] : errant.entries()) {
    for (const GtidSet::Interval& interval : entry.intervals) {
      Errant one{{}, interval.last - interval.first + 1};
      if (flavour == Flavour::mariadb) {
        const std::string author =
            std::to_string(source.domain) + "-" + std::to_string(topology::author_of(source)) + "-";
        one.text = author + std::to_string(interval.last);
      } else {
        one.text =
            uuid_text(source) + (source.tag.empty() ? "" : ":" + source.tag) + ":" + std::to_string(interval.first);
        if (one.count > 1) one.text += "-" + std::to_string(interval.last);
      }
      out.push_back(std::move(one));
    }
  }
  return out;
}

std::string errant_text(const GtidSet& errant, Flavour flavour) {
  std::string out;
  for (const Errant& one : list_errant(errant, flavour)) out += (out.empty() ? "" : ",") + one.text;
  return out;
}

}  // namespace wye::plan
