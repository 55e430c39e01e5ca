#include "replication/plan/problems.h"

#include <string>

#include "replication/plan/conflict.h"
#include "replication/plan/dialect.h"
#include "replication/plan/repair.h"

namespace wye::plan {
namespace {

using topology::Flavour;
using topology::Observation;
using topology::Survey;

constexpr std::uint64_t little_disk = std::uint64_t{2} << 30;
constexpr std::size_t most_named = 5;

/// What one server alone says of itself.
class Problems {
 public:
  Problems(const std::string& server, const Observation& seen, const Survey* survey, std::vector<Trouble>& out)
      : server_{server}, seen_{seen}, survey_{survey}, dialect_{seen.version}, out_{out} {}

  void run() {
    semi_sync();
    if (!seen_.channels.empty() && !seen_.read_only)
      add("it replicates and takes writes", dialect_.set_global(dialect_.text(Phrase::fence), "ON"));
    if (seen_.version.flavour == Flavour::mysql && !seen_.gtids)
      add("it has no GTIDs", "gtid_mode = ON, enforce_gtid_consistency = ON");
    if (survey_ == nullptr) return;
    binary_log();
    fence();
    for (const std::string& filter : survey_->filters)
      add("a filter leaves a part out: " + filter, "take it away: a replica must be whole to be promoted");
    if (survey_->disk_free && *survey_->disk_free < little_disk)
      add("its disk has " + std::to_string(*survey_->disk_free >> 20) + " MiB left", "make room");
    for (const std::string& what : survey_->unreadable)
      add("not known: " + what, "docs/REPLICATION.md lists the grants");
  }

 private:
  void add(std::string what, std::string remedy) { out_.push_back({server_, std::move(what), std::move(remedy)}); }

  void semi_sync() {
    if (!seen_.semi_sync || !seen_.semi_sync->source_enabled) return;
    const SemiSyncNames names = dialect_.semi_sync(survey_ != nullptr && survey_->semi_sync_old_names);
    if (!seen_.semi_sync->source_active && seen_.channels.empty())
      add("semi-sync has fallen back: commits are not acknowledged (" + std::to_string(seen_.semi_sync->clients) +
              " replicas would)",
          "look at the replicas; it comes back by itself when they acknowledge");
    if (survey_ != nullptr && survey_->semi_sync_wait_point == "AFTER_COMMIT")
      add("others see a commit before it is acknowledged (AFTER_COMMIT): a failover can lose what was read",
          dialect_.set_global(names.wait_point, "'AFTER_SYNC'"));
    if (survey_ != nullptr && seen_.semi_sync->replica_enabled && survey_->sync_relay_log.value_or(1) != 1)
      add("it acknowledges what is not on its disk yet (sync_relay_log = " + std::to_string(*survey_->sync_relay_log) +
              ")",
          dialect_.set_global("sync_relay_log", "1"));
  }

  void binary_log() {
    if (survey_->log_bin == false)
      return add("it writes no binary log, so it can't become the primary", "log_bin, and restart it");
    if (survey_->log_updates == false)
      add("what it gets by replication is not in its binary log, so nobody could follow it",
          dialect_.text(Phrase::log_updates) + " = ON, and restart it");
    if (!survey_->binlog_format.empty() && survey_->binlog_format != "ROW")
      add("its binary log holds statements (" + survey_->binlog_format + "), which can do something else on a replica",
          dialect_.set_global("binlog_format", "ROW"));
    if (survey_->gtid_strict_mode == false)
      add("it takes GTIDs out of order (gtid_strict_mode = OFF)", dialect_.set_global("gtid_strict_mode", "ON"));
  }

  /// Where super_read_only keeps everybody out, SUPER is what can lift it.
  void fence() {
    if (!seen_.read_only) return;
    const bool lifts = dialect_.text(Phrase::fence) == "super_read_only";
    if (lifts && !seen_.super_read_only)
      add("it keeps only those out that have no SUPER (super_read_only = OFF)",
          dialect_.set_global("super_read_only", "ON"));
    std::string names;
    std::size_t n = 0;
    for (const topology::Piercer& one : survey_->piercers)
      if (n++ < most_named) names += (names.empty() ? "" : ", ") + one.account + " (" + one.privilege + ")";
    if (n == 0) return;
    if (n > most_named) names += " and " + std::to_string(n - most_named) + " more";
    add((lifts ? "accounts that can make it writable: " : "accounts that write to it although it is read-only: ") +
            names,
        "REVOKE what they don't need");
  }

  const std::string& server_;
  const Observation& seen_;
  const Survey* survey_;
  const Dialect dialect_;
  std::vector<Trouble>& out_;
};

void find_twins(const Settings& settings, const std::vector<Sight>& sights, std::vector<Trouble>& out) {
  for (std::size_t i = 0; i < sights.size(); ++i) {
    for (std::size_t j = 0; sights[i].observation && j < i; ++j) {
      if (!sights[j].observation) continue;
      const Observation &mine = *sights[i].observation, &other = *sights[j].observation;
      if (mine.server_number == other.server_number)
        out.push_back({settings.servers[i].name, "it has the same server_id as " + settings.servers[j].name,
                       "give it another; replicas skip what seems to be their own"});
      if (!mine.uuid.empty() && mine.uuid == other.uuid)
        out.push_back({settings.servers[i].name, "it has the same server_uuid as " + settings.servers[j].name,
                       "stop it, remove auto.cnf from its data folder, start it"});
    }
  }
}

}  // namespace

void find_broken(const Settings& settings, const std::vector<Sight>& sights,
                 const std::vector<std::optional<std::string>>& errant, std::vector<Trouble>& out) {
  for (std::size_t i = 0; i < sights.size(); ++i) {
    const std::string& name = settings.servers[i].name;
    if (i < errant.size() && errant[i] && !errant[i]->empty())
      out.push_back({name, "it has transactions that the primary has not: " + *errant[i], errant_remedy(name)});
    if (!sights[i].observation || sights[i].failure) continue;
    for (const topology::Channel& channel : sights[i].observation->channels) {
      const auto conflict = read_conflict(channel.applier_error);
      if (conflict && !channel.applier_running) out.push_back({name, conflict_text(*conflict), conflict_remedy(name)});
    }
    const bool own = i < errant.size() && errant[i] && !errant[i]->empty();
    if (!own && applies_again(*sights[i].observation))
      out.push_back({name, "the applier stands at a transaction that its binary log has already (1950)",
                     "REPAIR " + name + " counts it as applied"});
  }
}

std::vector<Trouble> find_problems(const Settings& settings, const std::vector<Sight>& sights, const Surveys& surveys) {
  std::vector<Trouble> out;
  for (std::size_t i = 0; i < sights.size(); ++i) {
    if (!sights[i].observation) continue;
    const Survey* survey = i < surveys.size() ? surveys[i].get() : nullptr;
    Problems{settings.servers[i].name, *sights[i].observation, survey, out}.run();
  }
  find_twins(settings, sights, out);
  return out;
}

}  // namespace wye::plan
