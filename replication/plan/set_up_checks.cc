#include "replication/plan/set_up_checks.h"

#include <algorithm>

#include "replication/plan/errant.h"

namespace wye::plan {
namespace {

using topology::Flavour;
using topology::Observation;
using topology::Survey;

constexpr std::uint32_t gtid_mode_online = 50'706;
constexpr std::size_t most_named = 10;

std::string counted(std::uint64_t n, const char* word) { return std::to_string(n) + " " + word + (n == 1 ? "" : "s"); }

bool is_mysql(const Observation& seen) { return seen.version.flavour == Flavour::mysql; }

/// All that one server alone makes impossible.
class ServerChecks {
 public:
  ServerChecks(const Server& server, const Known& known, std::vector<Trouble>& out)
      : server_{server}, known_{known}, out_{out} {}

  void run() {
    if (!known_.observation || !known_.survey) {
      trouble("it could not be looked at: " + (known_.failure.empty() ? "not seen yet" : known_.failure),
              "replication is set up when all servers answer; take it out of `servers` to do without it");
      return;
    }
    check_rights();
    check_settings();
    check_channels();
  }

 private:
  const Observation& seen() const { return *known_.observation; }
  const Survey& survey() const { return *known_.survey; }
  void trouble(std::string what, std::string remedy) {
    out_.push_back({server_.name, std::move(what), std::move(remedy)});
  }
  void restart(const std::string& what, const std::string& lines) {
    trouble(what, "put into its configuration file under [mysqld]: " + lines + ", and restart it");
  }

  void check_rights() {
    if (!survey().sees_all)
      trouble("wye's account may not see all schemas, so nobody knows what is there",
              "GRANT SELECT, SHOW DATABASES ON *.* to the monitor's account (docs/REPLICATION.md lists all grants)");
    for (const std::string& what : survey().unreadable)
      trouble("wye's account may not read: " + what, "docs/REPLICATION.md lists all grants");
  }

  void check_settings() {
    const std::string updates = Dialect{seen().version}.text(Phrase::log_updates);
    if (!survey().log_bin.value_or(false)) restart("it writes no binary log", "log_bin = binlog, " + updates + " = ON");
    if (survey().log_bin.value_or(false) && !survey().log_updates.value_or(false))
      restart("what it gets by replication is not in its binary log, so it could never replace the primary",
              updates + " = ON");
    const bool on = survey().gtid_mode == "ON" && survey().gtid_consistency.value_or(false);
    if (is_mysql(seen()) && !on && seen().version.number < gtid_mode_online)
      restart("it has no GTIDs, and this version can't switch them on while it runs",
              "gtid_mode = ON, enforce_gtid_consistency = ON");
    for (const std::string& filter : survey().filters)
      trouble("a filter leaves a part out: " + filter, "take the filter away: replicas must be whole");
  }

  void check_channels() {
    const auto& channels = seen().channels;
    if (channels.size() > 1) trouble("it replicates from several sources", "RESET REPLICA ALL for all but one");
    if (channels.size() == 1 && !channels.front().name.empty())
      trouble("it replicates over a channel with a name: " + channels.front().name,
              "wye manages the default channel only");
  }

  const Server& server_;
  const Known& known_;
  std::vector<Trouble>& out_;
};

/// What two servers may not have in common, and what they must.
void check_alike(const SetUpWish& wish, const std::vector<Known>& known, std::vector<Trouble>& out) {
  for (std::size_t i = 0; i < known.size(); ++i) {
    if (!known[i].observation) continue;
    const Observation& mine = *known[i].observation;
    for (std::size_t j = 0; j < i; ++j) {
      if (!known[j].observation) continue;
      const Observation& other = *known[j].observation;
      if (mine.version.flavour != other.version.flavour)
        out.push_back({wish.servers[i].name, "MySQL and MariaDB don't replicate from each other by GTID",
                       "manage servers of one kind"});
      if (!mine.uuid.empty() && mine.uuid == other.uuid)
        out.push_back({wish.servers[i].name,
                       "it has the same server_uuid as " + wish.servers[j].name +
                           " (a copied data folder, or one server given twice)",
                       "stop it, remove auto.cnf from its data folder, start it"});
    }
  }
}

std::vector<std::string> missing_accounts(const Survey& primary, const Survey& replica) {
  std::vector<std::string> out;
  std::set_difference(primary.accounts.begin(), primary.accounts.end(), replica.accounts.begin(),
                      replica.accounts.end(), std::back_inserter(out));
  return out;
}

std::string listed(const std::vector<std::string>& names) {
  std::string out;
  for (std::size_t i = 0; i < std::min(names.size(), most_named); ++i) out += (i > 0 ? ", " : "") + names[i];
  if (names.size() > most_named) out += " and " + std::to_string(names.size() - most_named) + " more";
  return out;
}

/// Empty schemas count: they would be missing on the replica.
std::string missing_schemas(const Survey& primary, const Survey& replica) {
  std::vector<std::string> out;
  for (const topology::Schema& schema : primary.schemas) {
    const bool there = std::any_of(replica.schemas.begin(), replica.schemas.end(),
                                   [&](const topology::Schema& other) { return other.name == schema.name; });
    if (!there) out.push_back(schema.name);
  }
  return listed(out);
}

}  // namespace

std::string data_text(const Survey& survey) {
  std::vector<std::string> out;
  for (const topology::Schema& schema : survey.schemas) {
    if (schema.tables + schema.routines == 0) continue;
    std::string text = schema.name + " (" + counted(schema.tables, "table");
    if (schema.routines > 0) text += ", " + counted(schema.routines, "routine");
    out.push_back(text + ")");
  }
  return listed(out);
}

bool may_overwrite(const SetUpWish& wish, const std::string& server) {
  return std::find(wish.overwrite.begin(), wish.overwrite.end(), server) != wish.overwrite.end();
}

bool comes_from(const topology::Channel& channel, const topology::Address& address, const Observation& source) {
  if (!channel.source_uuid.empty() && !source.uuid.empty()) return channel.source_uuid == source.uuid;
  return channel.source_port == address.port &&
         (channel.source_host == address.host || channel.source_host == address.name);
}

bool is_copy(const SetUpWish& wish, const std::vector<Known>& known, std::size_t primary, std::size_t replica) {
  const Observation &ours = *known[replica].observation, &theirs = *known[primary].observation;
  return !may_overwrite(wish, wish.servers[replica].name) && !ours.executed->empty() &&
         theirs.written->includes(*ours.executed) && theirs.written->includes(*ours.written) &&
         ours.executed->includes(known[primary].survey->purged) && find_errant(ours, theirs).empty();
}

bool starts_anew(const SetUpWish& wish, const std::vector<Known>& known, std::size_t server) {
  return !known[server].survey->has_data() || may_overwrite(wish, wish.servers[server].name);
}

std::vector<Trouble> check_servers(const SetUpWish& wish, const std::vector<Known>& known) {
  std::vector<Trouble> out;
  for (std::size_t i = 0; i < known.size(); ++i) ServerChecks{wish.servers[i], known[i], out}.run();
  check_alike(wish, known, out);
  return out;
}

std::vector<Trouble> check_pair(const SetUpWish& wish, const std::vector<Known>& known, std::size_t primary,
                                std::size_t replica) {
  const std::string& name = wish.servers[replica].name;
  const std::string& source = wish.servers[primary].name;
  const Observation &ours = *known[replica].observation, &theirs = *known[primary].observation;
  const Survey &mine = *known[replica].survey, &its = *known[primary].survey;
  std::vector<Trouble> out;
  if (ours.version.number / 100 < theirs.version.number / 100)
    out.push_back({name,
                   "its version " + ours.version.text + " is older than that of " + source + ", " + theirs.version.text,
                   "an older server can't follow a newer one: choose another primary, or upgrade it"});
  for (const topology::Channel& channel : ours.channels)
    if (!comes_from(channel, wish.servers[primary].address, theirs))
      out.push_back({name, "it replicates from " + channel.source_host + ":" + std::to_string(channel.source_port),
                     "if it shall not: STOP and RESET replication there with ALL"});
  if (is_copy(wish, known, primary, replica)) return out;
  if (!starts_anew(wish, known, replica)) {
    out.push_back({name, "it has data of its own: " + data_text(mine),
                   "if that may go: SET UP REPLICATION PRIMARY " + source + " OVERWRITE " + name});
    return out;
  }
  if (its.has_data()) {
    out.push_back({name, source + " has data (" + data_text(its) + ") that it has not",
                   "restore a backup of " + source + " with its GTIDs on it, then set up again"});
    return out;
  }
  if (const std::string schemas = missing_schemas(its, mine); !schemas.empty())
    out.push_back({name, source + " has empty schemas that it has not: " + schemas,
                   "drop them there, or make them here with SET sql_log_bin = 0"});
  if (const auto accounts = missing_accounts(its, mine); !accounts.empty())
    out.push_back(
        {name, source + " has accounts that it has not: " + listed(accounts),
         "make them here too, with SET sql_log_bin = 0, or drop them there; after the set-up they replicate"});
  return out;
}

}  // namespace wye::plan
