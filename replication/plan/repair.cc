#include "replication/plan/repair.h"

#include <algorithm>

#include "replication/plan/steps.h"

namespace wye::plan {
namespace {

using topology::Flavour;
using topology::GtidSet;
using topology::Observation;

constexpr std::uint64_t most_kept = 1000;                   // transactions; more is no slip, but another history
constexpr std::uint32_t mysql_replica_words = 80'026;       // replica_exec_mode
constexpr unsigned out_of_order = 1950;                     // MariaDB, gtid_strict_mode
constexpr base::milliseconds one_transaction{10 * 60'000};  // it may be a large one

const topology::Channel* channel_of(const Observation& seen) {
  return seen.channels.size() == 1 && seen.channels.front().name.empty() ? &seen.channels.front() : nullptr;
}

class Repairing : Steps {
 public:
  Repairing(const RepairWish& wish, const std::vector<Known>& known, std::size_t target, Repair& out)
      : Steps{wish.cluster, known, out.plan, out.troubles},
        wish_{wish},
        known_{known},
        target_{target},
        primary_{*wish.primary},
        errant_{find_errant(at(target), at(primary_))},
        out_{out} {}

  void run() {
    if (channel_of(at(target_)) == nullptr)
      return trouble(
          at(target_).channels.empty() ? "it replicates from no server" : "it has named channels, or several",
          at(target_).channels.empty()
              ? "SET UP REPLICATION lets a copy follow; PROVISION " + wish_.target + " fills it"
              : "wye manages the default channel only");
    if (!errant_.empty() && !wish_.keep) return tell_errant();
    const auto conflict = read_conflict(channel_of(at(target_))->applier_error);
    const bool stands = conflict && !channel_of(at(target_))->applier_running;
    if (stands && !wish_.overwrite) return trouble(conflict_text(*conflict), conflict_remedy(wish_.target));
    if (!errant_.empty()) keep();
    if (stands) overwrite(*conflict);
    if (errant_.empty() && applies_again(at(target_))) count_as_applied();
    const bool stopped = !errant_.empty() && !mysql(target_);  // by forget()
    if (!stands && (stopped || !follows_already(target_, primary_))) go_on();
    if (out_.plan.steps.empty() && out_.troubles.empty())
      trouble("nothing is wrong that REPAIR could mend", "SHOW PROBLEMS and SHOW SERVERS tell what else is");
    tell_notes();
  }

 private:
  void trouble(std::string what, std::string remedy) {
    out_.troubles.push_back({wish_.target, std::move(what), std::move(remedy)});
  }
  Flavour flavour() const { return dialect(target_).flavour(); }

  void tell_errant() {
    std::string where;
    for (const Located& one : wish_.located)
      where += "; " + one.gtid +
               (one.file.empty() ? ": no longer in its binary logs"
                                 : " at " + one.file + ":" + std::to_string(one.position) + ": " + one.what);
    trouble("it has transactions that the primary has not: " + errant_text(errant_, flavour()) + where,
            errant_remedy(wish_.target));
  }

  /// MySQL: the primary counts them as had, and so does everybody else. MariaDB, whose numbers are one row for all
  /// servers: the server forgets that it wrote them.
  void keep() {
    std::uint64_t count = 0;
    for (const Errant& one : list_errant(errant_, flavour())) count += one.count;
    if (count > most_kept)
      return trouble(std::to_string(count) + " transactions of its own are more than a slip",
                     "PROVISION " + wish_.target + " OVERWRITE");
    if (mysql(target_)) {
      fill_gaps();
    } else {
      forget();
    }
    out_.plan.notes.push_back(wish_.target + ": what " + errant_text(errant_, flavour()) +
                              " did stays there, and only there. VERIFY " + wish_.target +
                              " names the rows; PROVISION " + wish_.target + " OVERWRITE lets them go.");
  }

  void fill_gaps() {
    Step& step = add(primary_, "count as had, without doing it, what only " + wish_.target + " did", {});
    for (const auto& [source, entry] : errant_.entries()) {
      for (const GtidSet::Interval& interval : entry.intervals) {
        for (std::uint64_t n = interval.first; n <= interval.last; ++n) {
          GtidSet one;
          one.add(topology::Gtid{source, n, 0});
          step.sql.push_back("SET SESSION gtid_next = '" + one.to_string(Flavour::mysql) + "'");
          step.sql.insert(step.sql.end(), {"BEGIN", "COMMIT"});
        }
      }
    }
    step.sql.push_back("SET SESSION gtid_next = 'AUTOMATIC'");
    step.check = select("GTID_SUBSET('" + errant_text(errant_, Flavour::mysql) + "', @@GLOBAL.gtid_executed)");
  }

  void forget() {
    for (std::size_t i = 0; i < known_.size(); ++i) {
      if (i == target_ || !known_[i].observation) continue;
      for (const topology::Channel& channel : at(i).channels)
        if (channel.source_server_number == at(target_).server_number)
          return trouble(name(i) + " replicates from it and would lose its place",
                         "PROVISION " + wish_.target + " OVERWRITE");
    }
    fence(target_);
    const Dialect d = dialect(target_);
    Step& step = add(target_, "forget that it wrote transactions of its own",
                     {d.text(Phrase::stop_replica), d.text(Phrase::reset_binlogs)}, {d.text(Phrase::start_replica)});
    step.check = select("@@GLOBAL.gtid_binlog_state = ''");
  }

  /// One transaction, in which a row that is in the way is replaced, and one that is missing is passed over.
  void overwrite(const Conflict& conflict) {
    const Dialect d = dialect(target_);
    const std::string gtid = conflict.gtid.empty() ? wish_.failing : conflict.gtid;
    auto literal = quoted(gtid);
    if (gtid.empty() || !literal)
      return trouble("it can't be told which transaction it is: " + conflict_text(conflict),
                     "PROVISION " + wish_.target + " OVERWRITE");
    const bool new_words = mysql(target_) && at(target_).version.number >= mysql_replica_words;
    const std::string mode = new_words ? "replica_exec_mode" : "slave_exec_mode", begin = "SET GLOBAL " + mode + " = ";
    Step& step = add(target_, "apply " + gtid + " over what " + conflict.table + " holds there", {});
    step.undo = {d.text(Phrase::stop_replica), begin + "'STRICT'"};
    step.deadline = one_transaction;
    if (mysql(target_)) {
      step.sql = {d.text(Phrase::stop_applier), begin + "'IDEMPOTENT'",
                  d.text(Phrase::start_applier) + " UNTIL SQL_AFTER_GTIDS = " + *literal};
      step.check = select("GTID_SUBSET(" + *literal + ", @@GLOBAL.gtid_executed)");
    } else {
      // With UNTIL master_gtid_pos, 10.11 was seen to wait for what the primary had already sent.
      step.sql = {d.text(Phrase::stop_applier), begin + "'IDEMPOTENT'", d.text(Phrase::start_applier)};
      step.check = select("MASTER_GTID_WAIT(" + *literal + ", 1) = 0");
    }
    Step& strict = add(target_, "apply strictly again",
                       {d.text(Phrase::stop_replica), begin + "'STRICT'", d.text(Phrase::start_replica)});
    const topology::Channel& channel = *channel_of(at(target_));
    strict.replicates_from = channel.source_host + ":" + std::to_string(channel.source_port);
    strict.deadline = connect_deadline;
    if (conflict.missing() && !conflict.event.starts_with("Delete"))
      out_.plan.notes.push_back(conflict.table + ": the row that was missing is still missing; VERIFY " + wish_.target +
                                " TABLE " + conflict.table + " names it, and what else differs");
  }

  /// The binary log has what was done, and the server was killed before it could count it as applied.
  void count_as_applied() {
    GtidSet all = *at(target_).slave_pos;
    all.add(*at(target_).written);
    const auto literal = quoted(all.to_string(Flavour::mariadb));
    if (!literal) return;
    const Dialect d = dialect(target_);
    Step& step = add(target_, "count as applied what its binary log has",
                     {d.text(Phrase::stop_replica), "SET GLOBAL gtid_slave_pos = " + *literal});
    step.check = select("MASTER_GTID_WAIT(" + *literal + ", 0) = 0");
    out_.plan.notes.push_back(wish_.target +
                              ": it was ended in the middle of a statement such as a DDL, which is in its binary log; "
                              "VERIFY " +
                              wish_.target + " tells whether it has all of it");
  }

  /// Stopped threads, another password, another source: all said anew. MariaDB throws away what it has received and not
  /// applied, so only where the primary is there to send it again; which it is, or there would be no plan.
  void go_on() { follow(target_, primary_); }

  const RepairWish& wish_;
  const std::vector<Known>& known_;
  const std::size_t target_, primary_;
  const GtidSet errant_;
  Repair& out_;
};

}  // namespace

bool applies_again(const Observation& seen) {
  const topology::Channel* const channel = channel_of(seen);
  if (channel == nullptr || channel->applier_running || channel->applier_errno != out_of_order) return false;
  return seen.version.flavour == Flavour::mariadb && seen.slave_pos != nullptr && seen.written != nullptr &&
         !seen.slave_pos->includes(*seen.written);
}

std::string conflict_remedy(const std::string& server) {
  return "REPAIR " + server + " OVERWRITE applies that transaction over what is there; VERIFY " + server +
         " tells what else differs, PROVISION " + server + " OVERWRITE fills it anew";
}

std::string errant_remedy(const std::string& server) {
  return "REPAIR " + server + " DRY RUN tells where they stand; REPAIR " + server +
         " KEEP leaves what they did there, PROVISION " + server + " OVERWRITE lets them go";
}

Repair plan_repair(const RepairWish& wish, const std::vector<Known>& known) {
  Repair out;
  const auto& servers = wish.cluster.servers;
  const auto at = std::find_if(servers.begin(), servers.end(), [&](const Server& s) { return s.name == wish.target; });
  const auto target = static_cast<std::size_t>(at - servers.begin());
  const auto seen = [&](std::size_t i) { return known[i].observation && known[i].survey; };
  if (at == servers.end()) {
    out.troubles.push_back({wish.target, "there is no such server", "SHOW SERVERS lists all"});
  } else if (!wish.primary || !seen(*wish.primary)) {
    out.troubles.push_back({"", "there is no primary that answers", "SHOW SERVERS tells why"});
  } else if (target == *wish.primary) {
    out.troubles.push_back({wish.target, "it is the primary", "name another server"});
  } else if (!seen(target)) {
    out.troubles.push_back(
        {wish.target, "it could not be looked at: " + known[target].failure, "start it, or repair wye's access to it"});
  }
  if (!out.troubles.empty()) return out;
  out.plan.operation = "REPAIR " + wish.target + (wish.keep ? " KEEP" : "") + (wish.overwrite ? " OVERWRITE" : "");
  for (const std::size_t i : {target, *wish.primary}) {
    const Observation& one = *known[i].observation;
    out.plan.servers.push_back({servers[i].name, identity_of(one.version, one.uuid, one.hostname, one.port)});
  }
  Repairing{wish, known, target, out}.run();
  if (!out.troubles.empty()) out.plan.steps.clear();
  return out;
}

}  // namespace wye::plan
