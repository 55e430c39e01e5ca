#include <algorithm>

#include "replication/manager/manager_impl.h"
#include "replication/manager/operator.h"

// Servers that come and go while wye runs. A new one gets the next place in the lists; one that goes leaves its place,
// for workers know servers by it.
namespace wye::manager {
namespace {

constexpr std::size_t most_places = 1000;  // as metrics::WorkerMetrics has

bool same_name(const plan::Server& server, const std::string& name) { return !server.removed && server.name == name; }

}  // namespace

std::optional<std::size_t> Manager::Impl::find(const std::string& server) const {
  for (std::size_t id = 0; id < settings->servers.size(); ++id)
    if (same_name(settings->servers[id], server)) return id;
  return std::nullopt;
}

std::vector<Operator::Known> Manager::Impl::known() {
  const std::lock_guard lock{mutex};
  std::vector<Operator::Known> out;
  for (std::size_t id = 0; id < servers.size(); ++id) {
    const plan::Server& server = settings->servers[id];
    if (!server.removed) out.push_back({static_cast<topology::ServerId>(id), server, servers[id]->spec.promote});
  }
  return out;
}

std::string Manager::Impl::last_primary() {
  const std::lock_guard lock{mutex};
  return saved ? saved->primary : std::string{};
}

void Manager::Impl::begin_watch(std::size_t id) {
  Watched& mine = *servers[id];
  if (!mine.ends) mine.thread = std::thread{[this, &mine, id] { watch(mine, id); }};
}

base::Status Manager::Impl::join(const Member& server, const topology::Address& address) {
  const std::lock_guard lock{mutex};
  if (stopping || !started) return base::Error{1105, "HY000", "wye stops"};
  auto id = find(server.name);
  if (!id) {
    if (servers.size() >= most_places)
      return base::Error{1105, "HY000", "too many servers since wye's start: restart it"};
    ServerSpec spec;
    spec.name = server.name;
    spec.address = address;
    spec.said = server.address;
    servers.push_back(std::make_unique<Watched>(spec));
    auto next = std::make_shared<plan::Settings>(*settings);
    next->servers.push_back({spec.name, spec.address, spec.weight, spec.tags, spec.said});
    settings = std::move(next);
    sights.emplace_back();
    surveys.emplace_back();
    id = servers.size() - 1;
    begin_watch(*id);
  }
  sights[*id].held = "it is being added: SHOW OPERATION";
  touch();
  return base::Ok{};
}

void Manager::Impl::leave(const std::string& server, bool leaves) {
  std::unique_lock lock{mutex};
  const auto id = find(server);
  if (!id) return;
  sights[*id].leaving = leaves;
  sights[*id].held = leaves ? "it is being removed: SHOW OPERATION" : "";
  touch_and_tell(lock);
}

/// Only its place is left.
void Manager::Impl::forget(const std::string& server) {
  Watched* gone = nullptr;
  {
    std::unique_lock lock{mutex};
    const auto id = find(server);
    if (!id) return;
    auto next = std::make_shared<plan::Settings>(*settings);
    next->servers[*id].removed = true;
    settings = std::move(next);
    sights[*id] = {};
    surveys[*id].reset();
    gone = servers[*id].get();
    gone->ends = true;
    gone->connection.interrupt();
    touch_and_tell(lock);
  }
  if (gone->thread.joinable()) gone->thread.join();
}

base::Status Manager::Impl::keep(const plan::Membership& what) {
  const bool joins = what.kind == plan::Membership::Kind::joins;
  const Member member{what.server, what.address};
  const bool in_file = options.file_names(member);
  const std::lock_guard lock{mutex};
  Members next = members;
  const auto other = [&](const Member& one) { return one == member || one.name == member.name; };
  std::erase_if(next.added, other);
  std::erase_if(next.removed, [&](const Member& one) { return one == member; });
  if (joins && !in_file) next.added.push_back(member);
  if (!joins && in_file) next.removed.push_back(member);
  if (next == members) return base::Ok{};
  if (auto done = save_members(options.state_dir, next); !done) return done;
  members = std::move(next);
  return base::Ok{};
}

base::Status Manager::Impl::settle(const plan::Membership& what, bool done) {
  const bool joins = what.kind == plan::Membership::Kind::joins;
  if (done) {
    if (auto kept = keep(what); !kept) return kept;
  }
  if (joins != done) forget(what.server);
  if (done && options.members_changed) options.members_changed(what);
  return base::Ok{};
}

base::Status Manager::add(AddRequest request, SetUpDone done) {
  return impl_->changes->add(std::move(request), std::move(done));
}

base::Status Manager::remove(RemoveRequest request, SetUpDone done) {
  return impl_->changes->remove(std::move(request), std::move(done));
}

void Manager::reconfigure(base::milliseconds max_lag, const std::vector<ServerSpec>& servers) {
  std::unique_lock lock{impl_->mutex};
  auto next = std::make_shared<plan::Settings>(*impl_->settings);
  for (plan::Server& server : next->servers) {
    const auto at = std::find_if(servers.begin(), servers.end(),
                                 [&](const ServerSpec& spec) { return same_name(server, spec.name); });
    if (at == servers.end()) continue;
    server.weight = at->weight;
    server.tags = at->tags;
  }
  next->max_lag = max_lag;
  impl_->settings = std::move(next);
  impl_->touch_and_tell(lock);
}

std::vector<Member> Manager::settle_with(const std::vector<Member>& listed, bool keep) {
  const std::lock_guard lock{impl_->mutex};
  Members settled = impl_->members;
  auto all = merged(listed, settled);
  if (!keep || settled == impl_->members) return all;
  if (auto done = save_members(impl_->options.state_dir, settled); done) impl_->members = std::move(settled);
  return all;
}

}  // namespace wye::manager
