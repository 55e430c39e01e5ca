#include <unistd.h>

#include <algorithm>
#include <list>
#include <random>

#include "replication/manager/change_log.h"
#include "replication/manager/operator.h"

// ADD SERVER and REMOVE SERVER: the operator's part.
namespace wye::manager {
namespace {

constexpr base::milliseconds poll{100};
constexpr base::milliseconds until_online{15'000};  // it has caught up; what is left is that the watch sees it
constexpr std::size_t most_named = 5;

SetUpAnswer refused(plan::Trouble why) {
  SetUpAnswer answer;
  answer.troubles.push_back(std::move(why));
  return answer;
}

base::Result<std::optional<std::string>> value(server::Connection& connection, const std::string& query) {
  auto answer = connection.query(query);
  if (!answer) return answer.error();
  if (answer->empty() || answer->front().rows.empty()) return std::optional<std::string>{};
  return answer->front().rows.front().front();
}

}  // namespace

base::Status Operator::add(AddRequest request, SetUpDone done) {
  const bool dry_run = request.dry_run;
  Asked asked{[this, request = std::move(request)] { return join(request); }, std::move(done)};
  // Without a right to change anything it takes those that replicate already.
  return settings_.manages ? ask(dry_run, std::move(asked)) : take(std::move(asked));
}

base::Status Operator::remove(RemoveRequest request, SetUpDone done) {
  return take({[this, request = std::move(request)] { return dismiss(request); }, std::move(done)});
}

/// False: wye stops.
bool Operator::rest(base::milliseconds time) {
  std::unique_lock lock{mutex_};
  changed_.wait_for(lock, time, [this] { return stopping_; });
  return !stopping_;
}

std::optional<plan::Trouble> Operator::name_it(Member& server, const topology::Address& address) const {
  const auto all = watch_.servers();
  const auto taken = [&](const std::string& name) {
    return std::any_of(all.begin(), all.end(), [&](const Known& one) { return one.server.name == name; });
  };
  for (const Known& one : all)
    if (one.server.address.host == address.host && one.server.address.port == address.port &&
        one.server.address.path == address.path)
      return plan::Trouble{one.server.name, "it has the address " + server.address + " already", "SHOW SERVERS"};
  if (!server.name.empty() && taken(server.name))
    return plan::Trouble{server.name, "there is a server of that name already", "choose another name"};
  for (std::size_t number = 1; server.name.empty(); ++number)
    if (const std::string name = "db" + std::to_string(number); !taken(name)) server.name = name;
  return std::nullopt;
}

/// One server may answer at several addresses, and MariaDB has no identity to tell by. A lock of ours on one of them
/// is seen on the other only if they are the same.
base::Result<std::string> Operator::twin_of(const topology::Address& address, const std::vector<plan::Server>& others) {
  server::Connection mine;
  std::list<server::Connection> rest;
  const auto enter = [&](server::Connection& connection, const topology::Address& to) -> base::Status {
    {
      const std::lock_guard lock{mutex_};
      if (stopping_) return base::Error{2013, "HY000", "wye stops"};
      looking_.insert(&connection);
    }
    return connection.connect(to, settings_.means.login, settings_.means.connect);
  };
  const auto forget = [&] {
    const std::lock_guard lock{mutex_};
    looking_.erase(&mine);
    for (server::Connection& one : rest) looking_.erase(&one);
  };
  const auto find = [&]() -> base::Result<std::string> {
    if (auto done = enter(mine, address); !done) return done.error();
    std::random_device random;
    const std::string lock = "'wye.add." + std::to_string(::getpid()) + "." + std::to_string(random()) + "'";
    auto locked = value(mine, "SELECT GET_LOCK(" + lock + ", 0)");
    if (!locked) return locked.error();
    for (const plan::Server& other : others) {
      server::Connection& there = rest.emplace_back();
      if (!enter(there, other.address)) continue;  // what does not answer is not that one
      const auto user = value(there, "SELECT IS_USED_LOCK(" + lock + ")");
      if (user && *user) return other.name;
    }
    return std::string{};
  };
  auto found = find();
  forget();
  return found;
}

SetUpAnswer Operator::join(const AddRequest& request) {
  return copy_from_any(!request.donor.empty(),
                       [&](const std::set<std::string>& died) { return join_once(request, died); });
}

Operator::Tried Operator::join_once(const AddRequest& request, const std::set<std::string>& died) {
  Member member = request.server;
  const auto address = settings_.resolve(member.address);
  if (!address) return {refused({member.name, address.error().message, "give its address as host:port"}), {}};
  if (auto trouble = name_it(member, *address)) return {refused(std::move(*trouble)), {}};
  plan::AddWish wish;
  wish.address = member.address;
  wish.manages = settings_.manages;
  wish.fill = wish_to_fill();
  wish.fill.adding = true;
  wish.fill.died = died;
  wish.fill.target = member.name;
  wish.fill.donor = request.donor;
  wish.fill.overwrite = request.overwrite;
  wish.fill.by_dump = request.by_dump;
  const auto others = wish.fill.cluster.servers;
  plan::Server& target = wish.fill.cluster.servers.emplace_back();
  target.name = member.name;
  target.address = *address;
  wish.fill.cluster.promote.push_back(plan::Promote::allow);
  wish.fill.standings.emplace_back();
  auto known = look(wish.fill.cluster.servers);
  // Last of all, for what a replica had when it was looked at the primary has now.
  if (wish.fill.primary) known[*wish.fill.primary] = look_at(others[*wish.fill.primary]);
  if (known.back().observation) {
    auto twin = twin_of(*address, others);
    if (!twin) return {refused({member.name, "it could not be looked at: " + twin.error().message, "try again"}), {}};
    wish.twin = *twin;
  }
  wish.fill.no_tools = missing_tools(known.back());
  const plan::Provision planned = plan::plan_add(wish, known);
  Tried tried{{}, planned.donor};
  SetUpAnswer& answer = tried.answer;
  answer.troubles = planned.troubles;
  if (!answer.troubles.empty()) return tried;
  answer.report = Operation::planned(planned.plan);
  if (request.dry_run) return tried;
  answer.report = run(planned.plan, [&](Operation& operation) { return operation.run(planned.plan); });
  if (answer.report.state == Report::State::done) wait_online(member.name, answer.report);
  for (const std::string& note : answer.report.notes) log_(true, "event=operation_note note=" + quoted(note));
  return tried;
}

void Operator::wait_online(const std::string& server, Report& report) {
  const base::TimePoint deadline = base::Clock::now() + until_online;
  for (;;) {
    const auto picture = watch_.picture();
    const auto at = std::find_if(picture->servers.begin(), picture->servers.end(),
                                 [&](const topology::Server& one) { return !one.removed && one.name == server; });
    if (at != picture->servers.end() && at->state == topology::State::online) return;
    if (base::Clock::now() >= deadline || !rest(poll)) {
      const std::string state = at == picture->servers.end() ? "not seen" : topology::name(at->state);
      report.notes.push_back(server + " answers no reads yet: it is " + state +
                             (at == picture->servers.end() || at->reason.empty() ? "" : ", " + at->reason));
      return;
    }
  }
}

/// Empty: nobody uses it any more, or those who do are to lose it. Else who does.
std::string Operator::drained(const RemoveRequest& request) {
  const auto all = watch_.servers();
  const auto at =
      std::find_if(all.begin(), all.end(), [&](const Known& one) { return one.server.name == request.server; });
  if (at == all.end()) return "there is no such server";
  const base::milliseconds within = request.within.value_or(settings_.drain);
  const base::TimePoint deadline = base::Clock::now() + within;
  watch_.leave(request.server, true);
  for (;;) {
    const auto users = watch_.users(at->id);
    if (users && users->empty()) return {};
    if (base::Clock::now() >= deadline) {
      if (request.force) return {};
      if (!users) return "not all workers answer";
      std::string out = std::to_string(users->size()) + (users->size() == 1 ? " session uses" : " sessions use") +
                        " it after " + std::to_string(within.count()) + " ms: ";
      for (std::size_t i = 0; i < std::min(users->size(), most_named); ++i) out += (i > 0 ? "; " : "") + (*users)[i];
      return out + (users->size() > most_named ? "; and others" : "");
    }
    if (!rest(poll)) return "wye stops";
  }
}

SetUpAnswer Operator::dismiss(const RemoveRequest& request) {
  const auto all = watch_.servers();
  const auto picture = watch_.picture();
  plan::RemoveWish wish;
  wish.cluster = this->wish();
  wish.target = request.server;
  wish.last_primary = watch_.last_primary();
  wish.manages = settings_.manages;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (picture->primary == all[i].id) wish.primary = i;
    if (all[i].server.name == request.server) wish.address = all[i].server.said;
  }
  wish.file_names_it = settings_.file_names({wish.target, wish.address});
  const auto planned = plan::plan_remove(wish, look(wish.cluster.servers));
  SetUpAnswer answer;
  answer.troubles = planned.troubles;
  if (!answer.troubles.empty()) return answer;
  answer.report = Operation::planned(planned.plan);
  if (request.dry_run) return answer;
  if (const std::string users = drained(request); !users.empty()) {
    watch_.leave(request.server, false);
    return refused({request.server, users,
                    "SHOW SESSIONS; let them end, or REMOVE SERVER " + request.server +
                        " WITHIN 60s, or FORCE: then they lose their connections to it"});
  }
  answer.report = run(planned.plan, [&](Operation& operation) { return operation.run(planned.plan); });
  for (const std::string& note : answer.report.notes) log_(true, "event=operation_note note=" + quoted(note));
  return answer;
}

}  // namespace wye::manager
