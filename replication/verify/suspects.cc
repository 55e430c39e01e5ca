#include "replication/verify/suspects.h"

#include <algorithm>

namespace wye::verify {
namespace {

std::optional<std::string> value_in(const Entries& entries, const std::string& name) {
  const auto at = entries.find(name);
  return at == entries.end() ? std::nullopt : std::optional{at->second};
}

}  // namespace

void Suspects::look(const Entries& primary, const Entries& replica, unsigned weight) {
  if (!begun_) {
    begun_ = true;
    for (const auto& [name, text] : primary)
      if (auto other = value_in(replica, name); other != text) left_[name] = {text, std::move(other), weight};
    for (const auto& [name, text] : replica)
      if (!primary.contains(name)) left_[name] = {std::nullopt, text, weight};
    return;
  }
  // Only what was different at every look so far: the others have met.
  for (auto at = left_.begin(); at != left_.end();) {
    Pair now{value_in(primary, at->first), value_in(replica, at->first), weight};
    if (now.primary == now.replica) {
      at = left_.erase(at);
      continue;
    }
    if (now.primary == at->second.primary && now.replica == at->second.replica) now.looks += at->second.looks;
    at->second = std::move(now);
    ++at;
  }
}

bool Suspects::all_sure() const {
  return std::all_of(left_.begin(), left_.end(), [this](const auto& one) { return is_sure(one.second); });
}

RowWatch::Verdict RowWatch::look(const Row& primary, const Row& replica, unsigned weight) {
  if (primary == replica) return Verdict::equal;
  Verdict verdict = Verdict::open;
  if (primary && replica) {
    lone_looks_ = 0;
    verdict = look_at_cells(primary, replica, weight);
  } else {
    const bool same = primary == last_primary_ && replica == last_replica_;
    lone_looks_ = same ? lone_looks_ + weight : weight;
    for (Cell& cell : cells_) cell.looks = 0;
    if (lone_looks_ >= needed_) verdict = Verdict::different;
  }
  last_primary_ = primary;
  last_replica_ = replica;
  return verdict;
}

RowWatch::Verdict RowWatch::look_at_cells(const Row& primary, const Row& replica, unsigned weight) {
  cells_.resize(primary->size());
  bool sure = false, all_met = true;
  for (std::size_t i = 0; i < cells_.size() && i < replica->size(); ++i) {
    Cell& cell = cells_[i];
    const std::string &p = (*primary)[i], &r = (*replica)[i];
    const bool same = cell.primary == p && cell.replica == r;
    cell.looks = p == r ? 0 : same ? cell.looks + weight : weight;
    cell.met = cell.met || p == r;
    cell.primary = p;
    cell.replica = r;
    sure = sure || cell.looks >= needed_;
    all_met = all_met && cell.met;
  }
  return sure ? Verdict::different : all_met ? Verdict::equal : Verdict::open;
}

std::vector<std::size_t> RowWatch::columns() const {
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i < cells_.size(); ++i)
    if (cells_[i].looks >= needed_) out.push_back(i);
  return out;
}

bool RowWatch::stands(const Row& primary) const {
  const auto differing = columns();
  if (differing.empty() || !primary) return primary == last_primary_;
  return std::all_of(differing.begin(), differing.end(),
                     [&](std::size_t i) { return i < primary->size() && (*primary)[i] == cells_[i].primary; });
}

}  // namespace wye::verify
