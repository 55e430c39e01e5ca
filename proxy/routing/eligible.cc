#include "proxy/routing/eligible.h"

#include <algorithm>
#include <array>

namespace wye::routing {
namespace {

using topology::Role;
using topology::Server;
using topology::ServerId;
using topology::State;

struct Score {
  std::uint64_t outstanding = 0, weight = 0;
  std::uint32_t latency_us = 0, wait_us = 0;
};

Score score_of(const Input& input, ServerId id) {
  const Load load = id < input.load.size() ? input.load[id] : Load{};
  return Score{load.outstanding + std::uint64_t{1}, input.topology.servers[id].weight, load.latency_us, load.wait_us};
}

/// Less than 0: a is better. Outstanding per weight, compared without a division; weight 0 is the last resort.
int compare_load(const Score& a, const Score& b) {
  if ((a.weight == 0) != (b.weight == 0)) return a.weight == 0 ? 1 : -1;
  const std::uint64_t left = a.outstanding * std::max<std::uint64_t>(b.weight, 1);
  const std::uint64_t right = b.outstanding * std::max<std::uint64_t>(a.weight, 1);
  return left < right ? -1 : left > right ? 1 : 0;
}

struct Tally {
  unsigned offline = 0, lagging = 0, behind = 0, differ = 0;
  void count(Rejected rejected) {
    switch (rejected) {
      case Rejected::offline:
      case Rejected::unknown_role:
      case Rejected::not_replicating:
      case Rejected::stale_observation:
      case Rejected::draining:
        ++offline;
        return;
      case Rejected::lag_unknown:
      case Rejected::lagging:
        ++lagging;
        return;
      case Rejected::behind:
        ++behind;
        return;
      case Rejected::settings_differ:
        ++differ;
        return;
      case Rejected::none:
      case Rejected::is_primary:
      case Rejected::not_chosen:
        return;
    }
  }
  Reason reason() const {
    if (offline + lagging + behind + differ == 0) return Reason::no_replica;
    if (differ > std::max({offline, lagging, behind})) return Reason::replicas_differ;
    if (behind >= lagging && behind >= offline) return Reason::replicas_behind;
    return lagging >= offline ? Reason::replicas_lagging : Reason::replicas_offline;
  }
};

bool is_primary(const Input& input, const Server& server) {
  const auto& primary = input.topology.primary;
  return server.role == Role::primary || (primary && &server == &input.topology.servers[*primary]);
}

bool settings_differ(const SessionView& session, const Server& server) {
  if (!session.defaults_known) return true;
  return session.max_packet != 0 && server.max_packet != 0 && session.max_packet != server.max_packet;
}

ServerId id_of(const Input& input, const Server& server) {
  return static_cast<ServerId>(&server - input.topology.servers.data());
}

/// Best first, as many as there is room for.
class Waits {
 public:
  void add(ServerId id, const Score& score) {
    std::size_t at = wait_.count;
    while (at > 0 && better(score, scores_[at - 1])) --at;
    if (at == WaitFor::most) return;
    wait_.count = std::min(wait_.count + 1, WaitFor::most);
    for (std::size_t i = wait_.count - 1; i > at; --i) {
      wait_.servers[i] = wait_.servers[i - 1];
      scores_[i] = scores_[i - 1];
    }
    wait_.servers[at] = id;
    scores_[at] = score;
  }
  const WaitFor& best() const { return wait_; }

 private:
  static bool better(const Score& a, const Score& b) {
    const int order = compare_load(a, b);
    return order < 0 || (order == 0 && a.wait_us < b.wait_us);
  }
  WaitFor wait_;
  std::array<Score, WaitFor::most> scores_{};
};

}  // namespace

Rejected judge(const Input& input, const Wanted& wanted, const Server& server) {
  if (is_primary(input, server)) return Rejected::is_primary;
  if (!wanted.server.empty() && server.name != wanted.server) return Rejected::not_chosen;
  if (!wanted.tag.empty() && std::find(server.tags.begin(), server.tags.end(), wanted.tag) == server.tags.end()) {
    return Rejected::not_chosen;
  }
  if (server.state == State::offline || server.state == State::broken) return Rejected::offline;
  if (server.state == State::draining) return Rejected::draining;
  if (server.role != Role::replica) return Rejected::unknown_role;
  if (input.now - server.observed_at > input.options.observation_max_age) return Rejected::stale_observation;
  // Without a primary there is nothing to receive; what was received must still be applied (routing.md 2, 8).
  const bool receives = server.receiver_running || !input.topology.primary;
  if (!server.applier_running || !receives) return Rejected::not_replicating;
  if (!server.lag) return Rejected::lag_unknown;
  if (*server.lag > wanted.max_lag) return Rejected::lagging;
  if (settings_differ(input.session, server)) return Rejected::settings_differ;
  if (!input.need.covered_by(wanted.consistency, id_of(input, server), server)) return Rejected::behind;
  return Rejected::none;
}

bool may_wait_for(const Input& input, const Wanted& wanted, const Server& server) {
  // A replica this far behind in time will not be there in milliseconds. Lag is measured in steps of the observations,
  // so a healthy one may seem some hundred milliseconds behind.
  constexpr base::milliseconds too_far{1000};
  if (input.options.wait.count() == 0) return false;
  if (!server.lag || *server.lag > input.options.wait + too_far) return false;
  const ServerId id = id_of(input, server);
  if (id < input.load.size() && input.load[id].no_wait) return false;
  return input.need.can_wait_for(wanted.consistency, id, server);
}

Choice choose(const Input& input, const Wanted& wanted, bool with_primary) {
  Choice choice;
  Score best;
  std::array<ServerId, 16> equals{};
  std::size_t equal = 0;
  Tally tally;
  Waits waits;
  for (std::size_t i = 0; i < input.topology.servers.size(); ++i) {
    const auto id = static_cast<ServerId>(i);
    const Server& server = input.topology.servers[i];
    if (server.removed) continue;
    const Rejected rejected = judge(input, wanted, server);
    const bool reads_here = with_primary && input.topology.primary == id && server.state == State::online;
    if (rejected != Rejected::none && !reads_here) {
      tally.count(rejected);
      if (rejected == Rejected::behind && may_wait_for(input, wanted, server)) waits.add(id, score_of(input, id));
      continue;
    }
    const Score score = score_of(input, id);
    const int order = choice.server ? compare_load(score, best) : -1;
    const bool stays = input.session.last_read == id;
    const bool best_stays = choice.server && input.session.last_read == choice.server;
    if (order < 0) equal = 0;
    if (order <= 0 && equal < equals.size()) equals[equal++] = id;
    if (order < 0 || (order == 0 && !best_stays && (stays || score.latency_us < best.latency_us))) {
      choice.server = id;
      best = score;
    }
  }
  // Where a session reads first it stays as long as it reads without a pause: by latency all would stay at one server.
  if (!input.session.last_read && input.session.turn && equal > 1) choice.server = equals[*input.session.turn % equal];
  choice.none_because = tally.reason();
  if (!choice.server) choice.wait = waits.best();
  return choice;
}

}  // namespace wye::routing
