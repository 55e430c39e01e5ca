#include "proxy/routing/levels.h"

#include <algorithm>

namespace wye::routing {

using topology::GtidSet;
using topology::Server;
using topology::ServerId;

namespace {

void raise(std::vector<std::uint64_t>& numbers, std::size_t slot, std::uint64_t number) {
  if (numbers.size() <= slot) numbers.resize(slot + 1);
  numbers[slot] = std::max(numbers[slot], number);
}

/// Its numbers tell the order of all commits of that server.
bool only_source(const Frontier& frontier, std::size_t slot) {
  for (std::size_t other = 0; other < frontier.used(); ++other) {
    if (other != slot && frontier.source(other).uuid == frontier.source(slot).uuid) return false;
  }
  return true;
}

}  // namespace

void SessionPosition::follow(const Sightings& sightings) {
  if (sightings.epoch() == epoch_ || !sightings.primary()) return;
  const bool nothing = own_.empty() && seen_.empty() && reads_.empty();
  epoch_ = sightings.epoch();
  if (nothing) return;
  own_.clear();
  seen_.clear();
  reads_.assign(1, {*sightings.primary(), sightings.epoch_began(), nullptr});
}

void SessionPosition::wrote(const Frontier& frontier, const GtidSet& commits, ServerId primary, base::TimePoint sent) {
  for (const auto& [source, entry] : commits.entries()) {
    const auto slot = frontier.find(source);
    if (!slot || entry.intervals.empty()) continue;  // a full frontier serves no reads on replicas
    const std::uint64_t number = entry.intervals.back().last;
    raise(own_, *slot, number);
    // What it had seen on the primary before has a smaller number.
    const bool only_there = reads_.size() == 1 && reads_.front().server == primary && reads_.front().at <= sent;
    if (!only_there || !only_source(frontier, *slot)) continue;
    raise(seen_, *slot, number);
    reads_.clear();
  }
}

void SessionPosition::saw(ServerId server, base::TimePoint at, bool covers) {
  if (covers) {
    reads_.clear();
    seen_.clear();
  }
  std::erase_if(reads_, [&](const Read& read) { return read.server == server; });
  reads_.push_back({server, at, nullptr});
}

void SessionPosition::learned(ServerId primary, Sightings::Set set, base::TimePoint asked) {
  std::erase_if(reads_, [&](const Read& read) { return read.at <= asked || read.server == primary; });
  reads_.push_back({primary, asked, std::move(set)});
}

std::optional<base::TimePoint> SessionPosition::read_elsewhere(ServerId server) const {
  std::optional<base::TimePoint> last;
  for (const Read& read : reads_) {
    if (read.server != server && (!last || read.at > *last)) last = read.at;
  }
  return last;
}

std::optional<GtidSet> SessionPosition::as_set(const FrontierNeed& need) const {
  GtidSet all;
  for (const auto* numbers : {&own_, &seen_}) need.add_numbers(all, *numbers);
  for (const Read& read : reads_) {
    const auto set = need.seen_in(read.server, read.at, read.known);
    if (set == nullptr) return std::nullopt;
    all.add(*set);
  }
  return all;
}

bool LevelNeed::has_seen(ServerId id, const Server& replica) const {
  if (!frontier_.has(id, replica, position_.seen())) return false;
  for (const auto& read : position_.reads()) {
    if (read.server == id && read.known == nullptr && frontier_.sightings().stands(id, read.at)) continue;
    const auto set = frontier_.seen_in(read.server, read.at, read.known);
    primary_may_tell_ = primary_may_tell_ || set == nullptr;
    if (set == nullptr || !frontier_.has(id, replica, *set)) return false;
  }
  return true;
}

bool LevelNeed::covered_by(Consistency level, ServerId id, const Server& replica) const {
  if (token_ != nullptr && (replica.executed == nullptr || !frontier_.has(id, replica, *token_))) {
    // It may never have been: nobody waits for it, and no replica is asked, before the primary is known to have it.
    primary_may_tell_ = primary_may_tell_ || !frontier_.can_ask(replica, *token_, true);
    return false;
  }
  if (level == Consistency::eventual) return true;
  if (replica.executed == nullptr || frontier_.overflowed()) return false;
  const bool seen = has_seen(id, replica);
  if (level == Consistency::session && !frontier_.has(id, replica, position_.own())) return false;
  const bool global = level == Consistency::global || level == Consistency::primary;
  return seen && (!global || frontier_.covered_by(id, replica));
}

bool LevelNeed::can_wait_for(Consistency level, ServerId id, const Server& replica) const {
  if (!frontier_.can_ask(replica)) return false;
  if (token_ != nullptr && !frontier_.can_ask(replica, *token_, true)) return false;
  if (level == Consistency::eventual) return true;
  if (level == Consistency::global && !frontier_.attainable()) return false;
  for (const auto& read : position_.reads()) {
    if (read.server == id && read.known == nullptr && frontier_.sightings().stands(id, read.at)) continue;
    const auto set = frontier_.seen_in(read.server, read.at, read.known);
    if (set == nullptr || !frontier_.can_ask(replica, *set, false)) return false;
  }
  return true;
}

Goal LevelNeed::freeze(Consistency level) const {
  Goal goal;
  if (level == Consistency::global) goal = frontier_.freeze();
  if (level == Consistency::session) goal.numbers = position_.own();
  if (token_ != nullptr) goal.seen.push_back({std::nullopt, std::make_shared<const GtidSet>(*token_)});
  if (level == Consistency::eventual) return goal;
  for (std::size_t slot = 0; slot < position_.seen().size(); ++slot) raise(goal.numbers, slot, position_.seen()[slot]);
  for (const auto& read : position_.reads()) {
    const bool stands = read.known == nullptr && frontier_.sightings().stands(read.server, read.at);
    goal.seen.push_back(
        {stands ? std::optional{read.server} : std::nullopt, frontier_.seen_in(read.server, read.at, read.known)});
  }
  return goal;
}

}  // namespace wye::routing
