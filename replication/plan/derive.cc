#include "replication/plan/derive.h"

#include <algorithm>

#include "replication/plan/choose_primary.h"

namespace wye::plan {
namespace {

using topology::Channel;
using topology::Observation;
using topology::Role;
using topology::ServerId;
using topology::State;

// On top of two intervals: an answer takes time, also to be worked off.
constexpr base::milliseconds tolerance{50};

std::string seconds_text(base::Clock::duration time) {
  const auto tenths = std::chrono::duration_cast<base::milliseconds>(time).count() / 100;
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " s";
}

/// The history follows the primary, in order of time; returns true if a new epoch begins.
bool follow_primary(const std::vector<Sight>& sights, std::optional<ServerId> primary, Memory& memory) {
  if (!primary) return false;
  const auto& seen = sights[*primary].observation;
  const bool another =
      !memory.last_primary || *memory.last_primary != *primary || (seen && seen->uuid != memory.last_primary_uuid);
  if (another) {
    // The history goes on, if the new primary has all that the old one was seen with: how old a replica's picture is
    // doesn't depend on who the primary is. If not, add() starts a new one.
    memory.last_primary = *primary;
    memory.last_primary_uuid = seen ? seen->uuid : std::string{};
  }
  bool continued = true;
  if (seen && seen->began > memory.history_at) {
    continued = memory.history.add(seen->began, seen->ended, seen->written);
    memory.history_at = seen->began;
  }
  return another || !continued;
}

void copy_observation(const Observation& seen, topology::Server& server) {
  server.version = seen.version;
  server.server_number = seen.server_number;
  server.uuid = seen.uuid;
  server.read_only = seen.read_only;
  server.super_read_only = seen.super_read_only;
  server.defaults = seen.defaults;
  server.max_packet = seen.max_packet;
  server.commits_after_replicas = seen.semi_sync && seen.semi_sync->source_enabled && seen.semi_sync->after_sync;
  server.executed = seen.executed;
  server.received = seen.received;
  server.observed_at = seen.began;
  if (seen.channels.empty()) return;
  server.receiver_running = server.applier_running = true;
  for (const Channel& channel : seen.channels) {
    const std::string source = channel.source_host + ":" + std::to_string(channel.source_port);
    server.source += (server.source.empty() ? "" : ", ") + source;
    server.receiver_running = server.receiver_running && channel.receiver_running;
    server.applier_running = server.applier_running && channel.applier_running;
    if (server.error.empty() && channel.applier_errno != 0)
      server.error = std::to_string(channel.applier_errno) + ": " + channel.applier_error;
    if (server.error.empty() && channel.receiver_errno != 0)
      server.error = std::to_string(channel.receiver_errno) + ": " + channel.receiver_error;
  }
}

/// One derive step over all servers, once it is known who the primary is.
class Derivation {
 public:
  Derivation(const Settings& settings, const std::vector<Sight>& sights, const Memory& memory, const Choice& choice,
             base::TimePoint now)
      : settings_{settings}, sights_{sights}, memory_{memory}, choice_{choice}, now_{now} {
    primary_observed_ = choice.primary && is_fresh(sights[*choice.primary], settings, now);
  }

  topology::Server server(ServerId id) const {
    const Server& wanted = settings_.servers[id];
    topology::Server out;
    out.name = wanted.name;
    out.address = wanted.address;
    out.weight = wanted.weight;
    out.tags = wanted.tags;
    out.removed = wanted.removed;
    out.leaving = sights_[id].leaving;
    if (wanted.removed) {
      out.reason = "removed";
      return out;
    }
    if (sights_[id].observation) copy_observation(*sights_[id].observation, out);
    out.role = role(id);
    if (out.role == Role::primary && sights_[id].observation) out.executed = sights_[id].observation->written;
    if (!is_fresh(sights_[id], settings_, now_)) {
      out.state = refuses(sights_[id]) ? State::broken : State::offline;
      out.reason = unseen_reason(id);
      out.receiver_running = out.applier_running = false;  // nobody knows
    } else {
      if (out.role == Role::replica) measure(id, out);
      judge(out);
    }
    const bool aside = sights_[id].drained || !sights_[id].held.empty();
    if (aside && out.state != State::offline && out.state != State::broken) {
      out.state = State::draining;
      out.reason = sights_[id].held.empty() ? "drained by the operator" : sights_[id].held;
    }
    return out;
  }

 private:
  Role role(ServerId id) const {
    if (choice_.primary && *choice_.primary == id) return Role::primary;
    if (is_fresh(sights_[id], settings_, now_))
      return sights_[id].observation->channels.empty() ? Role::unknown : Role::replica;
    return memory_.roles[id] == Role::replica ? Role::replica : Role::unknown;
  }

  std::string unseen_reason(ServerId id) const {
    const Sight& sight = sights_[id];
    if (sight.failure) return std::to_string(sight.failure->code) + ": " + sight.failure->message;
    if (!sight.observation) return "not observed yet";
    return "no answer for " + seconds_text(now_ - sight.observation->began);
  }

  /// Without a primary, or while it can't be asked, there is nothing newer to compare with than its last known
  /// position.
  void measure(ServerId id, topology::Server& out) const {
    const Observation& seen = *sights_[id].observation;
    if (!seen.gtids || memory_.history.empty()) return;
    // A replica that should have been looked at again by now may not have moved since; likewise the primary may have
    // gone on.
    const base::milliseconds late = 2 * settings_.interval + tolerance;
    const base::TimePoint at = now_ - seen.began > late ? now_ : seen.began;
    const History::Distance distance =
        memory_.history.distance(*seen.executed, at, choice_.primary ? late : base::milliseconds::max());
    out.behind = distance.behind;
    const bool moving = out.applier_running && (choice_.primary ? out.receiver_running && primary_observed_ : true);
    if (moving) out.lag = distance.lag;
  }

  void judge(topology::Server& out) const {
    if (out.role == Role::primary) {
      out.state = State::online;
      return;
    }
    out.state = State::broken;
    if (out.role == Role::unknown) {
      out.reason = !out.read_only && !choice_.why_not.empty() ? choice_.why_not : "it replicates from no server";
    } else if (!out.applier_running) {
      out.reason = "the applier is stopped";
    } else if (!out.receiver_running && choice_.primary) {
      out.reason = "the receiver is not connected";
    } else if (out.lag && *out.lag <= settings_.max_lag) {
      out.state = State::online;
      return;
    } else {
      out.state = State::lagging;
      out.reason = lag_reason(out);
    }
    if (!out.error.empty()) out.reason += " (" + out.error + ")";
  }

  std::string lag_reason(const topology::Server& out) const {
    if (out.lag) return seconds_text(*out.lag) + " behind";
    if (memory_.history.empty()) return "no primary seen yet to compare with";
    if (choice_.primary && !primary_observed_) return "the primary can't be asked for its position";
    if (out.behind > 0) return std::to_string(out.behind) + " transactions behind, for longer than wye has watched";
    return "its GTIDs are not known";
  }

  const Settings& settings_;
  const std::vector<Sight>& sights_;
  const Memory& memory_;
  const Choice& choice_;
  const base::TimePoint now_;
  bool primary_observed_ = false;
};

}  // namespace

bool source_purged(const topology::Observation& seen) {
  // 1236 stands for whatever the source refuses to send; both flavours name this reason in their text.
  return std::any_of(seen.channels.begin(), seen.channels.end(), [](const topology::Channel& channel) {
    return (channel.receiver_errno == 1236 || channel.receiver_errno == 13'114) &&
           channel.receiver_error.find("purged") != std::string::npos;
  });
}

topology::Topology derive(const Settings& settings, const std::vector<Sight>& sights, Memory& memory,
                          base::TimePoint now) {
  memory.roles.resize(sights.size(), Role::unknown);
  const Choice choice = choose_primary(settings, sights, memory, now);
  if (follow_primary(sights, choice.primary, memory)) ++memory.epoch;
  memory.primary = choice.primary;
  if (choice.primary && sights[*choice.primary].observation)
    memory.flavour = sights[*choice.primary].observation->version.flavour;

  topology::Topology out;
  out.epoch = memory.epoch;
  out.serial = ++memory.serial;
  out.primary = choice.primary;
  out.flavour = memory.flavour;
  const Derivation derivation{settings, sights, memory, choice, now};
  for (std::size_t id = 0; id < sights.size(); ++id) {
    out.servers.push_back(derivation.server(static_cast<ServerId>(id)));
    if (is_fresh(sights[id], settings, now)) memory.roles[id] = out.servers.back().role;
    if (settings.servers[id].removed) memory.roles[id] = topology::Role::unknown;
  }
  return out;
}

}  // namespace wye::plan
