#include "replication/plan/provision.h"

#include <algorithm>
#include <set>

#include "replication/plan/errant.h"
#include "replication/plan/set_up_checks.h"
#include "replication/plan/steps.h"

namespace wye::plan {
namespace {

using topology::Flavour;
using topology::GtidSet;
using topology::Observation;
using topology::Survey;

constexpr std::uint32_t has_clone = 80'017;
constexpr std::uint32_t clone_between_patches = 80'037;  // before: equal versions only
constexpr std::uint32_t definers_split = 80'200;         // SET_USER_ID became two privileges
constexpr std::uint32_t dynamic_privileges = 80'000;
constexpr std::uint64_t slowest_copy = 1 << 20;  // bytes a second: slower than that it counts as stuck
constexpr base::milliseconds copy_deadline{30 * 60'000}, catch_up_deadline{12 * 3600 * 1000};

const std::string trusts = "SET GLOBAL log_bin_trust_function_creators = ";

std::string listed(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ", ") + name;
  return out;
}

std::vector<std::string> donor_rights(bool is_primary) {
  std::vector<std::string> out{"SELECT", "SHOW VIEW", "TRIGGER", "EVENT", "PROCESS"};
  if (is_primary) out.push_back("RELOAD");
  return out;
}

std::vector<std::string> target_rights(const topology::Version& version) {
  std::vector<std::string> out{"CREATE",     "ALTER",       "DROP",    "INSERT",         "INDEX",
                               "REFERENCES", "CREATE VIEW", "TRIGGER", "CREATE ROUTINE", "ALTER ROUTINE",
                               "EVENT",      "LOCK TABLES", "RELOAD"};
  if (version.flavour == Flavour::mariadb) {
    out.insert(out.end(), {"SET USER", "BINLOG ADMIN", "READ_ONLY ADMIN"});
  } else if (version.number >= definers_split) {
    out.insert(out.end(), {"SET_ANY_DEFINER", "ALLOW_NONEXISTENT_DEFINER"});
  } else if (version.number >= dynamic_privileges) {
    out.push_back("SET_USER_ID");
  } else {
    out.push_back("SUPER");
  }
  return out;
}

/// Who gives the data: the one that is named; else the replica in good state that is least behind; else the primary.
class Donors {
 public:
  Donors(const ProvisionWish& wish, const std::vector<Known>& known, std::size_t target, std::vector<Trouble>& out)
      : wish_{wish}, known_{known}, target_{target}, out_{out} {}

  std::optional<std::size_t> run() const {
    const auto& servers = wish_.cluster.servers;
    if (!wish_.donor.empty()) {
      for (std::size_t i = 0; i < servers.size(); ++i) {
        if (servers[i].name != wish_.donor) continue;
        const std::string why = why_not(i);
        if (why.empty()) return i;
        out_.push_back({wish_.donor, "it can't be copied: " + why, "PROVISION " + wish_.target + " without FROM"});
        return std::nullopt;
      }
      out_.push_back({wish_.donor, "there is no such server", "SHOW SERVERS lists all"});
      return std::nullopt;
    }
    std::optional<std::size_t> best;
    for (std::size_t i = 0; i < servers.size(); ++i) {
      if (i == *wish_.primary || !why_not(i).empty()) continue;
      if (!best || lag(i) < lag(*best)) best = i;
    }
    if (best) return best;
    if (const std::string why = why_not(*wish_.primary); !why.empty()) {
      out_.push_back({servers[*wish_.primary].name, "it can't be copied: " + why, "no replica can be copied either"});
      return std::nullopt;
    }
    return wish_.primary;
  }

 private:
  base::milliseconds lag(std::size_t i) const { return wish_.standings[i].lag.value_or(base::milliseconds::max()); }

  std::string why_not(std::size_t i) const {
    if (i == target_) return "it is the one that is to be filled";
    if (wish_.died.contains(wish_.cluster.servers[i].name)) return "it died while it was copied from";
    const Known& donor = known_[i];
    if (!donor.observation || !donor.survey) return donor.failure.empty() ? "not seen yet" : donor.failure;
    if (!wish_.standings[i].online) return "it is not online";
    if (!donor.survey->sees_all) return "wye's account may not see all of it";
    if (i == *wish_.primary) return {};
    const Observation& seen = *donor.observation;
    if (!known_[*wish_.primary].observation->written->includes(*seen.executed))
      return "it has transactions that the primary has not";
    // What the target wrote itself comes back to it from nobody: by its server_id it would take it for had.
    const Observation& target = *known_[target_].observation;
    const GtidSet own = target.executed->minus(*seen.executed);
    if (!(own.minus(*known_[*wish_.primary].observation->written) == own))
      return "it lacks what " + wish_.target + " and the primary have";
    return {};
  }

  const ProvisionWish& wish_;
  const std::vector<Known>& known_;
  const std::size_t target_;
  std::vector<Trouble>& out_;
};

/// All that forbids it, before a donor is looked for.
class Checks {
 public:
  Checks(const ProvisionWish& wish, const std::vector<Known>& known, std::vector<Trouble>& out)
      : wish_{wish}, known_{known}, out_{out} {}

  std::optional<std::size_t> target() const {
    const auto& servers = wish_.cluster.servers;
    const auto at =
        std::find_if(servers.begin(), servers.end(), [&](const Server& s) { return s.name == wish_.target; });
    if (at == servers.end()) {
      trouble(wish_.target, "there is no such server", "SHOW SERVERS lists all");
      return std::nullopt;
    }
    const auto i = static_cast<std::size_t>(at - servers.begin());
    if (!wish_.primary || !seen(*wish_.primary)) {
      trouble("", "there is no primary that answers", "SHOW SERVERS tells why");
    } else if (i == *wish_.primary) {
      trouble(wish_.target, "it is the primary", "name another server");
    } else if (!seen(i)) {
      trouble(wish_.target, "it could not be looked at: " + known_[i].failure,
              "start it, or repair wye's access to it");
    } else {
      return i;
    }
    return std::nullopt;
  }

  void pair(std::size_t target, std::size_t primary) const {
    SetUpWish two = wish_.cluster;
    two.servers = {wish_.cluster.servers[primary], wish_.cluster.servers[target]};
    for (auto& one : check_servers(two, {known_[primary], known_[target]})) out_.push_back(std::move(one));
    if (!two.servers[0].address.path.empty())
      trouble(two.servers[0].name, "wye reaches it by a Unix socket, where no replica can reach it",
              "give its address as host:port");
    const Observation &ours = *known_[target].observation, &theirs = *known_[primary].observation;
    if (ours.version.number / 100 < theirs.version.number / 100)
      trouble(wish_.target,
              "its version " + ours.version.text + " is older than that of the primary, " + theirs.version.text,
              "upgrade it first: an older server can't follow a newer one");
    const auto& accounts = known_[primary].survey->accounts;
    if (std::none_of(accounts.begin(), accounts.end(), [&](const std::string& account) {
          return account.starts_with("'" + wish_.cluster.account + "'@");
        }))
      trouble(two.servers[0].name, "it has no account '" + wish_.cluster.account + "' that replicas could log in with",
              "SET UP REPLICATION makes it");
    twins(target);
    if (wish_.adding) foreign_source(target);
    own_data(target, primary);
  }

  /// Nothing must be copied: it has a part of what the primary has, and can have the rest from there.
  bool needs_no_copy(std::size_t target, std::size_t primary) const {
    const bool has_data = known_[target].survey->has_data() || !known_[primary].survey->has_data();
    if (!wish_.adding || wish_.overwrite || !has_data) return false;
    const Observation& ours = *known_[target].observation;
    if (ours.version.flavour == Flavour::mysql) return is_copy(wish_.cluster, known_, primary, target);
    // MariaDB goes on from there, whatever its own binary log holds.
    const GtidSet& all = *known_[primary].observation->written;
    return ours.slave_pos != nullptr && !ours.slave_pos->empty() && all.includes(*ours.slave_pos) &&
           all.includes(*ours.written) && find_errant(ours, *known_[primary].observation).empty();
  }

 private:
  /// A source sends its transactions to one of two replicas with the same identity, in turn. (pair() has the primary.)
  void twins(std::size_t target) const {
    const std::string& uuid = known_[target].observation->uuid;
    for (std::size_t i = 0; i < known_.size(); ++i)
      if (i != target && i != *wish_.primary && known_[i].observation && !uuid.empty() &&
          known_[i].observation->uuid == uuid)
        trouble(wish_.target, "it has the same server_uuid as " + wish_.cluster.servers[i].name,
                "stop it, remove auto.cnf from its data folder, start it");
  }

  bool seen(std::size_t i) const { return known_[i].observation && known_[i].survey; }
  void trouble(std::string server, std::string what, std::string remedy) const {
    out_.push_back({std::move(server), std::move(what), std::move(remedy)});
  }

  /// It may be another cluster's replica.
  void foreign_source(std::size_t target) const {
    if (wish_.overwrite) return;
    const auto& servers = wish_.cluster.servers;
    for (const topology::Channel& channel : known_[target].observation->channels) {
      bool ours = false;
      for (std::size_t i = 0; i < servers.size(); ++i)
        ours = ours || (i != target && known_[i].observation &&
                        comes_from(channel, servers[i].address, *known_[i].observation));
      if (!ours)
        trouble(wish_.target,
                "it replicates from " + channel.source_host + ":" + std::to_string(channel.source_port) +
                    ", which is none of these servers",
                "if it shall not: STOP and RESET replication there with ALL");
    }
  }

  void own_data(std::size_t target, std::size_t primary) const {
    const Survey& survey = *known_[target].survey;
    if (wish_.overwrite || !survey.has_data() || needs_no_copy(target, primary)) return;
    const Observation& ours = *known_[target].observation;
    if (wish_.unasked && known_[primary].observation->written->includes(*ours.executed) &&
        known_[primary].observation->written->includes(*ours.written))
      return;
    trouble(wish_.target,
            (wish_.standings[target].online ? "it is a replica in good state, with data: " : "it has data: ") +
                data_text(survey),
            "if that may go: " + std::string{wish_.adding ? "ADD SERVER ... AS " : "PROVISION "} + wish_.target +
                " OVERWRITE");
  }

  const ProvisionWish& wish_;
  const std::vector<Known>& known_;
  std::vector<Trouble>& out_;
};

class Filling : Steps {
 public:
  /// `donor` absent: nothing is copied.
  Filling(const ProvisionWish& wish, const std::vector<Known>& known, std::size_t target,
          std::optional<std::size_t> donor, Provision& out)
      : Steps{wish.cluster, known, out.plan, out.troubles},
        wish_{wish},
        known_{known},
        target_{target},
        copies_{donor.has_value()},
        donor_{donor.value_or(*wish.primary)},
        primary_{*wish.primary},
        out_{out} {}

  void run() {
    if (copies_) {
      fill();
    } else {
      prepare();
      out_.plan.notes.push_back(name(target_) + " has a part of what " + name(primary_) +
                                " has, by its GTIDs, and gets the rest by replication: nothing is copied");
    }
    if (copies_ || !follows_already(target_, primary_)) follow(target_, primary_);
    catch_up();
    tell_notes();
  }

 private:
  void fill() {
    const std::string no_clone =
        wish_.by_dump ? "asked for"
                      : why_no_clone(known_[donor_], wish_.cluster.servers[donor_].address, known_[target_]);
    out_.way = no_clone.empty() ? Copy::Way::clone : Copy::Way::dump;
    check_rights();
    prepare();
    if (out_.way == Copy::Way::clone) {
      clone();
    } else {
      if (mysql(target_) && at(target_).version.number >= has_clone)
        out_.plan.notes.push_back("by dump and load, not by CLONE: " + no_clone);
      begin_empty();
      trust();
      load();
      as_before();
    }
  }

  void check_rights() {
    if (out_.way == Copy::Way::clone) return;  // why_no_clone() has
    if (!wish_.no_tools.empty())
      out_.troubles.push_back(
          {"", wish_.no_tools, "install them where wye runs, or set replication.tools to their folder"});
    demand(donor_, donor_rights(donor_ == primary_));
    demand(target_, target_rights(at(target_).version));
  }
  void demand(std::size_t i, const std::vector<std::string>& rights) {
    std::vector<std::string> missing;
    for (const std::string& right : rights)
      if (!is_granted(survey(i).grants, right)) missing.push_back(right);
    if (!missing.empty())
      out_.troubles.push_back({name(i), "wye's account lacks rights for dump and load: " + listed(missing),
                               "GRANT " + listed(missing) + " ON *.* TO the monitor's account (docs/REPLICATION.md)"});
  }

  void prepare() {
    std::set<std::uint32_t> used{0};
    for (std::size_t i = 0; i < known_.size(); ++i)
      if (i != target_) used.insert(known_[i].observation ? at(i).server_number : wish_.standings[i].server_number);
    if (used.contains(at(target_).server_number)) {
      std::uint32_t next = 1;
      while (used.contains(next)) ++next;
      set(target_, "server_id", std::to_string(next), std::to_string(at(target_).server_number));
    }
    row_format(target_);
    gtids(target_);
    if (wish_.cluster.semi_sync) semi_sync(target_, true);
    if (out_.way == Copy::Way::clone) {
      for (const std::size_t i : {donor_, target_})
        if (!survey(i).clone_plugin) load_plugin(i, "clone", "mysql_clone.so");
    }
    fence(target_);
  }

  /// That nothing is destroyed which the plan did not know of.
  std::string data_guard(const std::string& or_so) const {
    if (!survey(target_).has_data()) return select(no_data);
    if (!at(target_).channels.empty()) return {};  // it may have moved on
    const std::string written = dialect(target_).text(Phrase::gtids_written);
    return select("(" + same_gtids(dialect(target_).flavour(), written, *at(target_).written) + ")" + or_so);
  }

  Copy copy(Copy::Way way) const {
    return {way, name(donor_), donor_ != primary_, survey(donor_).bytes, survey(target_).accounts};
  }
  base::milliseconds time() const {
    return copy_deadline + base::milliseconds{survey(donor_).bytes / slowest_copy * 1000};
  }

  void clone() {
    const topology::Address& address = wish_.cluster.servers[donor_].address;
    const std::string place = address.host + ":" + std::to_string(address.port);
    auto user = quoted(wish_.cluster.own_account);
    auto host = quoted(address.host);
    auto donors = quoted(place);
    if (!user || !host || !donors) return refuse(donor_, !user ? user.error() : !host ? host.error() : donors.error());
    Step& step = add(target_, "copy " + name(donor_) + " by CLONE, and restart", {});
    if (!at(target_).channels.empty()) step.sql.push_back(dialect(target_).text(Phrase::stop_replica));
    // Dropping what is there is a write, too. It stays fenced for all others, and the restart fences it wholly.
    step.sql.push_back("SET GLOBAL super_read_only = OFF");
    step.sql.push_back("SET GLOBAL read_only = ON");
    step.sql.push_back("SET GLOBAL clone_valid_donor_list = " + *donors);
    step.sql.push_back("CLONE INSTANCE FROM " + *user + "@" + *host + ":" + std::to_string(address.port) +
                       " IDENTIFIED BY " + own_mark + (known_[donor_].encrypted ? " REQUIRE SSL" : ""));
    step.undo = {"SET GLOBAL super_read_only = ON"};
    if (!at(target_).channels.empty()) step.undo.push_back(dialect(target_).text(Phrase::start_replica));
    step.guard = data_guard(std::string{" OR ("} + no_data + ")");
    // The state outlives the restart; an older copy's is there already.
    step.check = select("COUNT(*) = 1 FROM performance_schema.clone_status WHERE STATE = 'Completed' AND " +
                        std::string{"CAST(BEGIN_TIME AS CHAR) <> '"} + survey(target_).cloned_at + "'");
    step.copy = copy(Copy::Way::clone);
    step.deadline = time();
    out_.plan.notes.push_back(
        name(target_) +
        " restarts itself when it has been copied to. Without a supervisor (systemd, mysqld_safe) it "
        "stops instead, and must be started by hand; wye waits for it.");
  }

  void begin_empty() {
    const Dialect d = dialect(target_);
    Step& step = add(target_, "forget its own history", {});
    if (!at(target_).channels.empty()) step.sql = {d.text(Phrase::stop_replica), d.text(Phrase::reset_replica)};
    step.sql.push_back(d.text(Phrase::reset_binlogs));
    if (!mysql(target_)) step.sql.push_back("SET GLOBAL gtid_slave_pos = ''");
    step.guard = data_guard(" OR " + empty_history());
    step.check = select(empty_history());
    step.always = true;
  }
  std::string empty_history() const {
    if (mysql(target_)) return "@@GLOBAL.gtid_executed = ''";
    return "(@@GLOBAL.gtid_binlog_pos = '' AND @@GLOBAL.gtid_slave_pos = '')";
  }

  void load() {
    Step& step = add(target_, "copy " + name(donor_) + " by dump and load", {});
    // From the step before on, whatever is there was loaded by wye: it begins anew as often as it has to.
    step.guard = select("@@GLOBAL.read_only = 1 AND " + empty_history());
    const std::string had = mysql(target_) ? "gtid_executed" : "gtid_slave_pos";
    step.check = select("@@GLOBAL." + had + " <> ''");  // the last thing that is set
    step.copy = copy(Copy::Way::dump);
    step.deadline = time();
  }

  /// Functions and triggers of a server with a binary log are for SUPER only, else. A step, not a part of the load: so
  /// a wye that comes after one that was killed knows that it has to be taken back.
  void trust() {
    if (survey(target_).trusts_creators != false) return;
    Step& step = add(target_, "let functions and triggers be loaded", {trusts + "ON"}, {trusts + "OFF"});
    step.check = select("@@GLOBAL.log_bin_trust_function_creators = 1");
  }

  /// What the load set is set back, also if wye was killed after its last row.
  void as_before() {
    const bool supers = dialect(target_).text(Phrase::fence) == "super_read_only";
    const bool trusted = survey(target_).trusts_creators != false;
    if (trusted && !supers) return;
    Step& step = add(target_, "as it was before the load", {});
    step.check = select(supers ? "@@GLOBAL.super_read_only = 1" : "1");
    if (supers) step.sql.push_back("SET GLOBAL super_read_only = ON");
    if (trusted) return;
    step.sql.push_back(trusts + "OFF");
    step.check += " AND @@GLOBAL.log_bin_trust_function_creators = 0";
  }

  void catch_up() {
    const GtidSet& had = *at(primary_).written;
    Step& step = add(target_, "what " + name(primary_) + " had done has arrived", {});
    const std::string text = "'" + had.to_string(dialect(primary_).flavour()) + "'";
    step.check = mysql(target_) ? select("GTID_SUBSET(" + text + ", @@GLOBAL.gtid_executed)")
                                : select("MASTER_GTID_WAIT(" + text + ", 0) = 0");
    step.deadline = catch_up_deadline;
  }

  const ProvisionWish& wish_;
  const std::vector<Known>& known_;
  const std::size_t target_;
  const bool copies_;
  const std::size_t donor_, primary_;
  Provision& out_;
};

}  // namespace

bool is_granted(const std::vector<std::string>& grants, const std::string& privilege) {
  for (const std::string& grant : grants) {
    const std::size_t on = grant.find(" ON *.* TO ");
    if (!grant.starts_with("GRANT ") || on == std::string::npos) continue;
    std::string list = "," + grant.substr(6, on - 6) + ",";  // dynamic ones are listed without spaces
    for (std::size_t at = 0; (at = list.find(", ", at)) != std::string::npos;) list.erase(at + 1, 1);
    if (list == ",ALL PRIVILEGES," || list.find("," + privilege + ",") != std::string::npos) return true;
  }
  return false;
}

std::string why_no_clone(const Known& donor, const topology::Address& donor_address, const Known& target) {
  const auto &from = donor.observation->version, &to = target.observation->version;
  if (from.flavour != Flavour::mysql || from.number < has_clone || to.number < has_clone)
    return "only MySQL 8.0.17 and later has it";
  const bool series =
      from.number / 100 == to.number / 100 && from.number <= to.number && from.number >= clone_between_patches;
  if (from.number != to.number && !series)
    return "the versions " + from.text + " and " + to.text + " are too far apart";
  if (!donor.survey->not_innodb.empty())
    return "it would leave these tables empty: " +
           listed(
               {donor.survey->not_innodb.begin(),
                donor.survey->not_innodb.begin() + std::min<std::ptrdiff_t>(3, std::ssize(donor.survey->not_innodb))});
  if (!donor_address.path.empty() || donor_address.host.find(':') != std::string::npos)
    return "it takes the donor's address as host:port, no socket and no IPv6 address";
  // Only with all privileges are those not listed one by one that a version knows.
  if (!is_granted(donor.survey->grants, "BACKUP_ADMIN")) return "wye's account has no BACKUP_ADMIN on the donor";
  if (!is_granted(target.survey->grants, "CLONE_ADMIN")) return "wye's account has no CLONE_ADMIN on the target";
  return {};
}

Provision plan_provision(const ProvisionWish& wish, const std::vector<Known>& known) {
  Provision out;
  const Checks checks{wish, known, out.troubles};
  const auto target = checks.target();
  if (!target) return out;
  checks.pair(*target, *wish.primary);
  std::optional<std::size_t> donor;
  if (!checks.needs_no_copy(*target, *wish.primary)) {
    donor = Donors{wish, known, *target, out.troubles}.run();
    if (!donor) return out;
    out.donor = wish.cluster.servers[*donor].name;
  }
  out.plan.operation = std::string{wish.adding ? "ADD SERVER " : "PROVISION "} + wish.target +
                       (donor ? " FROM " + out.donor : "") + (wish.overwrite ? " OVERWRITE" : "");
  for (const std::size_t i : std::set<std::size_t>{*target, donor.value_or(*target), *wish.primary}) {
    const Observation& seen = *known[i].observation;
    out.plan.servers.push_back(
        {wish.cluster.servers[i].name, identity_of(seen.version, seen.uuid, seen.hostname, seen.port)});
  }
  Filling{wish, known, *target, donor, out}.run();
  if (!out.troubles.empty()) out.plan.steps.clear();
  return out;
}

}  // namespace wye::plan
