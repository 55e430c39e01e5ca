#include <algorithm>
#include <charconv>

#include "replication/manager/change_log.h"
#include "replication/manager/operator.h"
#include "replication/server/observe.h"

// Threads of replicas that have ended by themselves: the operator's part. One statement, which can be said twice and
// has nothing to undo: so neither plan nor journal.
namespace wye::manager {
namespace {

constexpr base::milliseconds grace{1'000}, first_wait{5'000}, longest_wait{300'000};

/// The server has begun to run since. It tells whole seconds, and a small one restarts in less.
base::Result<bool> begun_since(server::Connection& connection, const plan::Ran& ran) {
  auto answer = connection.query("SHOW GLOBAL STATUS LIKE 'Uptime'");
  if (!answer) return answer.error();
  long seconds = 0;
  if (answer->empty() || answer->front().rows.empty() || answer->front().rows.front().size() < 2) return false;
  const std::string text = answer->front().rows.front()[1].value_or("");
  if (std::from_chars(text.data(), text.data() + text.size(), seconds).ec != std::errc{}) return false;
  return base::Clock::now() - base::seconds{ran.away ? seconds - 1 : seconds + 1} > ran.at;
}

}  // namespace

/// Each when it has stood for a moment (who gives STOP, CHANGE and START by hand is not to be disturbed), then less and
/// less often.
void Operator::start_stopped() {
  if (!settings_.manages || !settings_.restarts) return;
  const auto stopped = watch_.stopped();
  std::erase_if(pauses_, [&](const auto& entry) {
    return std::none_of(stopped.begin(), stopped.end(), [&](const Stopped& one) { return one.server == entry.first; });
  });
  for (const Stopped& one : stopped) {
    const auto [at, fresh] = pauses_.try_emplace(one.server, Pause{base::Clock::now() + grace, first_wait / 2});
    if (fresh || base::Clock::now() < at->second.next) continue;
    at->second.wait = std::min(at->second.wait * 2, longest_wait);
    at->second.next = base::Clock::now() + at->second.wait;
    start_threads(one);
  }
}

void Operator::start_threads(const Stopped& replica) {
  const plan::ProvisionWish now = wish_to_fill();
  const auto& servers = now.cluster.servers;
  const auto at = std::find_if(servers.begin(), servers.end(), [&](const auto& s) { return s.name == replica.server; });
  if (!now.primary || at == servers.end() || at == servers.begin() + static_cast<std::ptrdiff_t>(*now.primary)) return;
  const plan::Server& primary = servers[*now.primary];
  std::optional<topology::Observation> its;
  const auto ask = [&](server::Connection& connection) -> base::Status {
    auto seen = server::observe(connection);
    if (!seen) return seen.error();
    auto rebooted = replica.ran ? begun_since(connection, *replica.ran) : base::Result<bool>{false};
    if (!rebooted) return rebooted.error();
    (void)on(primary, [&](server::Connection& there) {
      if (auto answer = server::observe(there)) its = std::move(*answer);
    });
    if (!its) return base::Ok{};
    const auto restart = plan::plan_restart(*seen, *its, primary.address, replica.ran, *rebooted);
    if (!restart) return base::Ok{};
    auto done = connection.query(restart->sql);
    log_(!done, "event=replication_started server=" + quoted(replica.server) + " why=" + quoted(restart->why) +
                    " sql=" + quoted(restart->sql) + (done ? "" : " error=" + quoted(done.error().message)));
    return base::Ok{};
  };
  (void)on(*at, [&](server::Connection& connection) { (void)ask(connection); });
}

}  // namespace wye::manager
