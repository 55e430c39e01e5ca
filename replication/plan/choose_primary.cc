#include "replication/plan/choose_primary.h"

#include <algorithm>

namespace wye::plan {
namespace {

using topology::Channel;
using topology::GtidSet;
using topology::Observation;
using topology::ServerId;

bool started(const Channel& channel) { return channel.receiver_started || channel.applier_running; }

bool is_named(const Observation& seen, const Channel& channel) {
  const std::uint16_t port = seen.report_port != 0 ? seen.report_port : seen.port;
  if (port == 0 || channel.source_port != port || channel.source_host.empty()) return false;
  return channel.source_host == seen.report_host || channel.source_host == seen.hostname;
}

/// One derive step's view of who could be the primary.
class Election {
 public:
  Election(const Settings& settings, const std::vector<Sight>& sights, const Memory& memory, base::TimePoint now)
      : settings_{settings}, sights_{sights}, memory_{memory} {
    for (const Sight& sight : sights) fresh_.push_back(is_fresh(sight, settings, now));
    sources_.resize(sights.size());
    for (std::size_t i = 0; i < sights.size(); ++i) {
      if (!fresh_[i]) continue;
      for (const Channel& channel : sights[i].observation->channels)
        sources_[i].push_back(find_source(channel, settings, sights));
    }
  }

  Choice run() {
    // Alive but not to be observed: the primary stays what it was, until another one takes its place for certain.
    const bool silent = memory_.primary && refuses(sights_[*memory_.primary]);
    std::vector<ServerId> list = candidates();
    if (list.size() > 1) list = narrowed(list);
    if (list.size() == 1 && !(silent && list.front() != *memory_.primary)) {
      if (std::string doubt = contradiction(list.front()); !doubt.empty()) return {std::nullopt, std::move(doubt)};
      return {list.front(), {}};
    }
    if (silent) return {*memory_.primary, {}};
    if (list.empty()) return {std::nullopt, "no server accepts writes"};
    return {std::nullopt, "several servers accept writes (" + names(list) + ") and nothing tells which is the primary"};
  }

 private:
  const Observation& at(ServerId id) const { return *sights_[id].observation; }
  const std::string& name(ServerId id) const { return settings_.servers[id].name; }
  std::string names(const std::vector<ServerId>& list) const {
    std::string out;
    for (const ServerId id : list) out += (out.empty() ? "" : ", ") + name(id);
    return out;
  }
  ServerId count() const { return static_cast<ServerId>(sights_.size()); }
  bool writable(ServerId id) const { return fresh_[id] && !at(id).read_only && !at(id).super_read_only; }

  bool replicates(ServerId id, std::optional<ServerId> from, bool only_started) const {
    if (!fresh_[id]) return false;
    for (std::size_t c = 0; c < sources_[id].size(); ++c) {
      const auto& source = sources_[id][c];
      if (!source || *source == id || (only_started && !started(at(id).channels[c]))) continue;
      if (!from || *source == *from) return true;
    }
    return false;
  }

  unsigned followers(ServerId id) const {
    unsigned n = 0;
    for (ServerId other = 0; other < count(); ++other) n += other != id && replicates(other, id, true);
    return n;
  }

  /// A replica that was stopped and made writable by hand counts only with a sign that this was a promotion.
  bool promoted(ServerId id) const {
    if (memory_.primary && *memory_.primary == id) return true;
    if (followers(id) > 0) return true;
    return std::all_of(sources_[id].begin(), sources_[id].end(), [this](const auto& source) {
      return !source || (fresh_[*source] && (at(*source).read_only || at(*source).super_read_only));
    });
  }

  /// Two servers that replicate from each other, one of them read-only.
  bool ring_head(ServerId id) const {
    return std::any_of(sources_[id].begin(), sources_[id].end(), [&](const auto& source) {
      return source && fresh_[*source] && at(*source).read_only && replicates(*source, id, false);
    });
  }

  std::vector<ServerId> candidates() const {
    std::vector<ServerId> out;
    for (ServerId id = 0; id < count(); ++id) {
      if (!writable(id)) continue;
      // What an operation is at, a server that is only just filled for one, becomes nothing else meanwhile.
      if (!sights_[id].held.empty() && memory_.primary != id) continue;
      if (replicates(id, std::nullopt, true) ? ring_head(id) : !replicates(id, std::nullopt, false) || promoted(id))
        out.push_back(id);
    }
    return out;
  }

  std::vector<ServerId> narrowed(const std::vector<ServerId>& list) const {
    std::vector<ServerId> followed;
    for (const ServerId id : list)
      if (followers(id) > 0) followed.push_back(id);
    if (followed.size() == 1) return followed;
    // Nobody follows anybody, and the primary is still there and writable: that a second one turned up changes nothing.
    const bool stays = memory_.primary && std::count(list.begin(), list.end(), *memory_.primary) > 0;
    if (followed.empty() && stays) return {*memory_.primary};
    return list;
  }

  /// A server that was only just added, empty and writable, must not become the primary while the real one restarts:
  /// it must have what the replicas of the real one have.
  std::string contradiction(ServerId id) const {
    for (ServerId other = 0; other < count(); ++other) {
      if (other == id || !fresh_[other] || !replicates(other, std::nullopt, true)) continue;
      if (replicates(other, id, true)) continue;
      // Its source may itself follow the candidate.
      const bool below = std::any_of(sources_[other].begin(), sources_[other].end(), [&](const auto& source) {
        return source && *source != other && replicates(*source, id, true);
      });
      if (below) continue;
      GtidSet mine = *at(id).written;
      mine.add(*at(id).executed);
      if (mine.includes(*at(other).executed)) continue;
      return name(id) + " accepts writes, but " + name(other) +
             " replicates from another server and has transactions that " + name(id) + " has not";
    }
    return {};
  }

  const Settings& settings_;
  const std::vector<Sight>& sights_;
  const Memory& memory_;
  std::vector<bool> fresh_;
  std::vector<std::vector<std::optional<ServerId>>> sources_;  // per server, per channel
};

}  // namespace

bool is_fresh(const Sight& sight, const Settings& settings, base::TimePoint now) {
  return sight.observation && !sight.failure && now - sight.observation->began <= settings.max_age;
}

bool refuses(const Sight& sight) { return sight.failure && sight.failure->kind == topology::Failure::Kind::refused; }

std::optional<ServerId> find_source(const Channel& channel, const Settings& settings,
                                    const std::vector<Sight>& sights) {
  std::optional<ServerId> by_name;
  for (std::size_t i = 0; i < sights.size(); ++i) {
    if (settings.servers[i].removed) continue;
    const auto id = static_cast<ServerId>(i);
    const Observation* seen = sights[i].observation.get();
    // By identity where both sides are known; names and addresses can be written in several ways, and be taken over.
    if (seen != nullptr && !channel.source_uuid.empty() && !seen->uuid.empty()) {
      if (channel.source_uuid == seen->uuid) return id;
      continue;
    }
    if (seen != nullptr && channel.source_server_number != 0 && seen->server_number != 0) {
      if (channel.source_server_number == seen->server_number) return id;
      continue;
    }
    const topology::Address& address = settings.servers[i].address;
    const bool at_address =
        address.path.empty() && address.port == channel.source_port && address.host == channel.source_host;
    if (!by_name && (at_address || (seen != nullptr && is_named(*seen, channel)))) by_name = id;
  }
  return by_name;
}

Choice choose_primary(const Settings& settings, const std::vector<Sight>& sights, const Memory& memory,
                      base::TimePoint now) {
  return Election{settings, sights, memory, now}.run();
}

}  // namespace wye::plan
