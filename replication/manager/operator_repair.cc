#include <charconv>

#include "replication/manager/operator.h"
#include "replication/plan/repair.h"
#include "replication/server/binlog.h"
#include "replication/server/observe.h"

// REPAIR: the operator's part.
namespace wye::manager {
namespace {

std::uint64_t number(const std::optional<std::string>* value) {
  std::uint64_t out = 0;
  if (value != nullptr && *value) std::from_chars((*value)->data(), (*value)->data() + (*value)->size(), out);
  return out;
}

}  // namespace

base::Status Operator::repair(RepairRequest request, SetUpDone done) {
  const bool dry_run = request.dry_run;
  return ask(dry_run, {[this, request = std::move(request)] { return mend(request); }, std::move(done)});
}

/// What only the binary logs tell: where errant transactions stand, and which one MariaDB's applier fails at.
void Operator::read_logs(plan::RepairWish& wish, const std::vector<plan::Known>& known, std::size_t target) {
  const auto& seen = *known[target].observation;
  const auto& primary = *known[*wish.primary].observation;
  if (const auto errant = plan::find_errant(seen, primary); !errant.empty()) {
    (void)on(wish.cluster.servers[target], [&](server::Connection& connection) {
      if (auto located = server::locate(connection, errant, seen.version.flavour)) wish.located = std::move(*located);
    });
  }
  const auto conflict =
      seen.channels.size() == 1 ? plan::read_conflict(seen.channels.front().applier_error) : std::nullopt;
  if (!conflict || !conflict->gtid.empty()) return;
  std::uint64_t from = 4;
  (void)on(wish.cluster.servers[target], [&](server::Connection& connection) {
    auto status = connection.query(server::replica_status_statement(seen.version));
    if (!status || status->empty() || status->front().rows.empty()) return;
    const auto* file = status->front().find(0, {"Relay_Source_Log_File", "Relay_Master_Log_File"});
    const auto position = number(status->front().find(0, {"Exec_Source_Log_Pos", "Exec_Master_Log_Pos"}));
    if (file != nullptr && *file == conflict->file && position >= 4 && position < conflict->end) from = position;
  });
  (void)on(wish.cluster.servers[*wish.primary], [&](server::Connection& connection) {
    if (auto gtid = server::transaction_at(connection, conflict->file, from, conflict->end)) wish.failing = *gtid;
  });
}

SetUpAnswer Operator::mend(const RepairRequest& request) {
  plan::RepairWish wish;
  const plan::ProvisionWish now = wish_to_fill();
  wish.cluster = now.cluster;
  wish.target = request.target;
  wish.overwrite = request.overwrite;
  wish.keep = request.keep;
  wish.primary = now.primary;
  auto known = look(wish.cluster.servers);
  // Last of all, for what a replica had when it was looked at the primary has now.
  if (wish.primary) known[*wish.primary] = look_at(wish.cluster.servers[*wish.primary]);
  for (std::size_t i = 0; i < known.size(); ++i)
    if (wish.cluster.servers[i].name == wish.target && wish.primary && known[i].observation &&
        known[*wish.primary].observation)
      read_logs(wish, known, i);
  const plan::Repair planned = plan::plan_repair(wish, known);
  SetUpAnswer answer;
  answer.troubles = planned.troubles;
  if (!answer.troubles.empty()) return answer;
  answer.report = request.dry_run
                      ? Operation::planned(planned.plan)
                      : run(planned.plan, [&](Operation& operation) { return operation.run(planned.plan); });
  return answer;
}

}  // namespace wye::manager
