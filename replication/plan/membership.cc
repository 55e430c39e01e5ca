#include "replication/plan/membership.h"

#include <algorithm>

#include "replication/plan/set_up_checks.h"
#include "replication/plan/steps.h"

namespace wye::plan {
namespace {

using topology::Channel;
using topology::Observation;

bool seen(const Known& known) { return known.observation && known.survey; }

Identity identity(const std::string& server, const Observation& of) {
  return {server, identity_of(of.version, of.uuid, of.hostname, of.port)};
}

/// Which of the others replicate from it.
std::vector<std::string> followers(const SetUpWish& cluster, const std::vector<Known>& known, std::size_t target) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < known.size(); ++i) {
    if (i == target || !known[i].observation) continue;
    const Observation nobody;  // a server that does not answer is known by its address
    const Observation& source = known[target].observation ? *known[target].observation : nobody;
    for (const Channel& channel : known[i].observation->channels)
      if (comes_from(channel, cluster.servers[target].address, source)) out.push_back(cluster.servers[i].name);
  }
  return out;
}

class Adding {
 public:
  Adding(const AddWish& wish, const std::vector<Known>& known, Provision& out)
      : wish_{wish}, known_{known}, target_{known.size() - 1}, out_{out} {}

  /// Without a change on the server: it must be a replica of ours already.
  void watch() {
    if (!wish_.fill.primary || !seen(known_[*wish_.fill.primary]))
      return trouble("there is no primary that answers", "SHOW SERVERS tells why");
    const Observation& its = *known_[*wish_.fill.primary].observation;
    const Observation& mine = *known_[target_].observation;
    if (mine.version.flavour != its.version.flavour)
      return trouble("MySQL and MariaDB don't replicate from each other by GTID", "manage servers of one kind");
    if (mine.version.number / 100 < its.version.number / 100)
      trouble("its version " + mine.version.text + " is older than that of the primary, " + its.version.text,
              "upgrade it first: an older server can't follow a newer one");
    if (!replicates_from_ours())
      trouble("it replicates from none of these servers, and replication.mode is observe: wye changes nothing on it",
              "let it replicate, or set replication.mode to manage");
    out_.plan.servers = {identity(wish_.fill.target, mine)};
    out_.plan.operation = "ADD SERVER " + wish_.fill.target;
  }

  void twins() {
    if (!wish_.twin.empty())
      return trouble(wish_.address + " is " + wish_.twin + ", which is here already", "nothing is to be done");
    const Observation& mine = *known_[target_].observation;
    for (std::size_t i = 0; i < target_; ++i) {
      const auto& other = known_[i].observation;
      if (other && i != wish_.fill.primary && !mine.uuid.empty() && mine.uuid == other->uuid)
        trouble("it has the same server_uuid as " + servers()[i].name + " (a copied data folder)",
                "stop it, remove auto.cnf from its data folder, start it");
    }
  }

  void trouble(std::string what, std::string remedy) {
    out_.troubles.push_back({wish_.fill.target, std::move(what), std::move(remedy)});
  }

 private:
  const std::vector<Server>& servers() const { return wish_.fill.cluster.servers; }

  bool replicates_from_ours() const {
    const auto& channels = known_[target_].observation->channels;
    return std::any_of(channels.begin(), channels.end(), [&](const Channel& channel) {
      for (std::size_t i = 0; i < target_; ++i)
        if (known_[i].observation && comes_from(channel, servers()[i].address, *known_[i].observation)) return true;
      return false;
    });
  }

  const AddWish& wish_;
  const std::vector<Known>& known_;
  const std::size_t target_;
  Provision& out_;
};

class Removing : Steps {
 public:
  Removing(const RemoveWish& wish, const std::vector<Known>& known, std::size_t target, Removal& out)
      : Steps{wish.cluster, known, out.plan, out.troubles}, wish_{wish}, known_{known}, target_{target}, out_{out} {}

  void check() {
    if (wish_.primary == target_) return trouble("it is the primary", "make another one the primary first");
    if (!wish_.primary && wish_.last_primary == wish_.target)
      return trouble("it was the primary, and there is none now", "make another one the primary first");
    std::string below;
    for (const std::string& one : followers(wish_.cluster, known_, target_)) below += (below.empty() ? "" : ", ") + one;
    if (!below.empty())
      trouble("others replicate from it: " + below, "let them replicate from the primary, or remove them first");
  }

  void run() {
    if (known_[target_].observation) out_.plan.servers = {identity(wish_.target, *known_[target_].observation)};
    if (!wish_.manages) {
      out_.plan.notes.push_back("replication.mode is observe: whether " + wish_.target +
                                " goes on replicating is left to you");
    } else if (!known_[target_].observation) {
      out_.plan.notes.push_back(
          wish_.target + " does not answer (" + known_[target_].failure +
          "), so replication is not ended there; if it comes back: STOP and RESET replication there with ALL");
    } else if (!at(target_).channels.empty()) {
      stop();
    }
    acknowledges();
    if (wish_.file_names_it)
      out_.plan.notes.push_back("the configuration file names " + wish_.target +
                                ": take it out there. Until then wye leaves it out, also after a restart, and says so "
                                "in its log; ADD SERVER takes it back");
  }

 private:
  void trouble(std::string what, std::string remedy) {
    out_.troubles.push_back({wish_.target, std::move(what), std::move(remedy)});
  }

  void stop() {
    const Dialect d = dialect(target_);
    Step& step = add(target_, "replicate no more", {d.text(Phrase::stop_replica), d.text(Phrase::reset_replica)});
    const Channel& channel = at(target_).channels.front();
    Source source;
    source.host = channel.source_host;
    source.port = channel.source_port;
    source.user = wish_.cluster.account;
    source.tls = {wish_.cluster.tls || known_[target_].encrypted, wish_.cluster.verify, wish_.cluster.ca, "", ""};
    if (auto change = d.change_source(source)) step.undo = {*change, d.text(Phrase::start_replica)};
    out_.plan.notes.push_back(wish_.target + " keeps its data and " +
                              (at(target_).read_only ? "takes no writes (read_only)" : "its settings") +
                              "; what it lacks from now on nobody gives it");
  }

  /// The last one that does: commits wait once for the time-out.
  void acknowledges() {
    if (!wish_.primary || !known_[*wish_.primary].observation || !known_[target_].observation) return;
    const auto& source = at(*wish_.primary).semi_sync;
    const auto& mine = at(target_).semi_sync;
    if (!source || !mine || !source->source_enabled || !mine->replica_active || source->clients > 1) return;
    out_.plan.notes.push_back(
        "no other replica acknowledges commits: " + name(*wish_.primary) +
        " waits once for the time-out of semi-synchronous replication, and then goes on without acknowledgements");
  }

  const RemoveWish& wish_;
  const std::vector<Known>& known_;
  const std::size_t target_;
  Removal& out_;
};

}  // namespace

Provision plan_add(const AddWish& wish, const std::vector<Known>& known) {
  Provision out;
  Adding adding{wish, known, out};
  if (!seen(known.back())) {
    adding.trouble("it could not be looked at: " + (known.back().failure.empty() ? "wye stops" : known.back().failure),
                   "start it, make wye's account there with its grants (docs/REPLICATION.md), or mend the address");
    return out;
  }
  adding.twins();
  if (!out.troubles.empty()) return out;
  if (wish.manages) {
    out = plan_provision(wish.fill, known);
  } else {
    adding.watch();
  }
  out.plan.membership = {Membership::Kind::joins, wish.fill.target, wish.address};
  out.plan.notes.push_back(wish.fill.target + " (" + wish.address +
                           ") is kept in the state folder, also after a restart; once the configuration file names it, "
                           "it is taken from there");
  return out;
}

Removal plan_remove(const RemoveWish& wish, const std::vector<Known>& known) {
  Removal out;
  const auto& servers = wish.cluster.servers;
  const auto at = std::find_if(servers.begin(), servers.end(), [&](const Server& s) { return s.name == wish.target; });
  if (at == servers.end()) {
    out.troubles.push_back({wish.target, "there is no such server", "SHOW SERVERS lists all"});
    return out;
  }
  Removing removing{wish, known, static_cast<std::size_t>(at - servers.begin()), out};
  removing.check();
  if (!out.troubles.empty()) return out;
  out.plan.operation = "REMOVE SERVER " + wish.target;
  out.plan.membership = {Membership::Kind::leaves, wish.target, wish.address};
  removing.run();
  return out;
}

}  // namespace wye::plan
