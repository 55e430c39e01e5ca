#include <algorithm>

#include "replication/manager/change_log.h"
#include "replication/manager/operator.h"
#include "replication/manager/tools.h"

// PROVISION: the operator's part.
namespace wye::manager {
namespace {

std::string listed(const std::vector<plan::Trouble>& troubles) {
  std::string out;
  for (const plan::Trouble& one : troubles)
    out += (out.empty() ? "" : "; ") + (one.server.empty() ? "" : one.server + ": ") + one.what;
  return out;
}

}  // namespace

base::Status Operator::provision(ProvisionRequest request, SetUpDone done) {
  const bool dry_run = request.dry_run;
  return ask(dry_run, {[this, request = std::move(request)] { return fill(request, false); }, std::move(done)});
}

/// Once by itself: if it does not help, somebody should look.
std::string Operator::purged() {
  if (!settings_.manages || !settings_.provisions) return {};
  for (const std::string& server : watch_.purged())
    if (filled_.insert(server).second) return server;
  return {};
}

/// A cluster with the servers that there are now, and how they stand.
plan::ProvisionWish Operator::wish_to_fill() const {
  plan::ProvisionWish wish;
  wish.cluster = settings_.wish;
  const auto picture = watch_.picture();
  for (const Known& one : watch_.servers()) {
    if (picture->primary == one.id) wish.primary = wish.cluster.servers.size();
    wish.cluster.servers.push_back(one.server);
    wish.cluster.promote.push_back(one.promote);
    plan::Standing& standing = wish.standings.emplace_back();
    if (one.id >= picture->servers.size()) continue;
    const topology::Server& seen = picture->servers[one.id];
    standing = {seen.state == topology::State::online, seen.lag, seen.server_number};
  }
  return wish;
}

std::string Operator::missing_tools(const plan::Known& target) const {
  if (!target.observation) return {};
  const auto tools = find_tools(settings_.means.tools, target.observation->version);
  return tools ? std::string{} : tools.error().message;
}

/// A donor that died and that nobody had named is replaced by another one, as long as there is one.
SetUpAnswer Operator::copy_from_any(bool named, const std::function<Tried(const std::set<std::string>&)>& copy) {
  std::set<std::string> died;
  std::vector<std::string> notes;
  SetUpAnswer last;
  for (;;) {
    Tried tried = copy(died);
    if (!died.empty() && !tried.answer.troubles.empty()) {  // nobody is left to be copied
      for (const plan::Trouble& one : tried.answer.troubles)
        last.report.notes.push_back(one.server + ": " + one.what + " (" + one.remedy + ")");
      return last;
    }
    last = std::move(tried.answer);
    last.report.notes.insert(last.report.notes.begin(), notes.begin(), notes.end());
    if (named || last.report.state != Report::State::undone || !is_gone(tried.donor)) return last;
    died.insert(tried.donor);
    notes.push_back(tried.donor + " died while it was copied from, which was undone: another donor was taken");
    log_(true, "event=donor_died server=" + quoted(tried.donor) + " error=" + quoted(last.report.error));
  }
}

bool Operator::is_gone(const std::string& server) {
  if (!rest(base::milliseconds{0})) return false;
  for (const Known& one : watch_.servers())
    if (one.server.name == server) return !on(one.server, [](server::Connection&) {});
  return false;
}

SetUpAnswer Operator::fill(const ProvisionRequest& request, bool by_itself) {
  return copy_from_any(!request.donor.empty(),
                       [&](const std::set<std::string>& died) { return fill_once(request, by_itself, died); });
}

Operator::Tried Operator::fill_once(const ProvisionRequest& request, bool by_itself,
                                    const std::set<std::string>& died) {
  plan::ProvisionWish wish = wish_to_fill();
  wish.died = died;
  wish.target = request.target;
  wish.donor = request.donor;
  wish.overwrite = request.overwrite;
  wish.by_dump = request.by_dump;
  wish.unasked = by_itself;
  auto known = look(wish.cluster.servers);
  // Last of all, for what a replica had when it was looked at the primary has now.
  if (wish.primary) known[*wish.primary] = look_at(wish.cluster.servers[*wish.primary]);
  for (std::size_t i = 0; i < known.size(); ++i)
    if (wish.cluster.servers[i].name == wish.target) wish.no_tools = missing_tools(known[i]);
  const plan::Provision planned = plan::plan_provision(wish, known);
  Tried tried{{}, planned.donor};
  SetUpAnswer& answer = tried.answer;
  answer.troubles = planned.troubles;
  if (by_itself)
    log_(true, "event=provision_begins server=" + quoted(wish.target) + " why=" + quoted("binary logs purged") +
                   (planned.troubles.empty() ? " donor=" + quoted(planned.donor)
                                             : " refused=" + quoted(listed(planned.troubles))));
  if (!answer.troubles.empty()) return tried;
  answer.report = request.dry_run
                      ? Operation::planned(planned.plan)
                      : run(planned.plan, [&](Operation& operation) { return operation.run(planned.plan); });
  if (!request.dry_run)
    for (const std::string& note : planned.plan.notes) log_(true, "event=operation_note note=" + quoted(note));
  return tried;
}

/// Takes out of reads what the plan fills, and what it copies if another replica is left.
std::vector<std::string> Operator::aside(const plan::Plan& plan) {
  std::vector<std::string> held;
  const auto hold = [&](const std::string& server, const std::string& why) {
    watch_.hold(server, why);
    held.push_back(server);
  };
  for (const plan::Step& step : plan.steps) {
    if (step.copy.way == plan::Copy::Way::none) continue;
    hold(step.server, "it is being filled: SHOW OPERATION");
    const auto picture = watch_.picture();
    const bool others = std::any_of(picture->servers.begin(), picture->servers.end(), [&](const topology::Server& s) {
      return s.role == topology::Role::replica && s.state == topology::State::online && s.name != step.copy.donor &&
             s.name != step.server;
    });
    if (step.copy.quiet_donor && others) hold(step.copy.donor, step.server + " is filled from it: SHOW OPERATION");
  }
  return held;
}

}  // namespace wye::manager
