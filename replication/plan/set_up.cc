#include "replication/plan/set_up.h"

#include <algorithm>
#include <set>

#include "replication/plan/set_up_checks.h"
#include "replication/plan/steps.h"

namespace wye::plan {
namespace {

using topology::Flavour;
using topology::GtidSet;
using topology::Observation;
using topology::Survey;

constexpr std::uint32_t mysql_global_status = 50'706;  // performance_schema has it

/// Who becomes the primary, and why nobody can.
class Choosing {
 public:
  Choosing(const SetUpWish& wish, const std::vector<Known>& known) : wish_{wish}, known_{known} {}

  std::optional<std::size_t> run(std::vector<Trouble>& troubles) const {
    if (!wish_.primary.empty()) {
      for (std::size_t i = 0; i < wish_.servers.size(); ++i)
        if (wish_.servers[i].name == wish_.primary) return i;
      troubles.push_back({wish_.primary, "there is no such server", "SHOW SERVERS lists all"});
      return std::nullopt;
    }
    std::vector<std::size_t> list = followed();
    if (list.empty()) list = with_data();
    if (list.size() == 1) return list.front();
    if (!list.empty()) {
      const auto best = std::find_if(list.begin(), list.end(), [&](std::size_t i) { return has_all(i, list); });
      if (best != list.end()) return *best;
      for (const std::size_t i : list)
        troubles.push_back(
            {wish_.servers[i].name,
             "has data: " + data_text(*known_[i].survey) + "; so have others, and nothing tells which is to be kept",
             "SET UP REPLICATION PRIMARY <name>; what the others have is then asked about"});
      return std::nullopt;
    }
    return blank(troubles);
  }

 private:
  const Observation& at(std::size_t i) const { return *known_[i].observation; }

  std::vector<std::size_t> followed() const {
    std::vector<std::size_t> out;
    for (std::size_t i = 0; i < known_.size(); ++i) {
      const bool source = std::any_of(known_.begin(), known_.end(), [&](const Known& other) {
        return std::any_of(other.observation->channels.begin(), other.observation->channels.end(),
                           [&](const topology::Channel& c) { return comes_from(c, wish_.servers[i].address, at(i)); });
      });
      if (source) out.push_back(i);
    }
    return out;
  }

  std::vector<std::size_t> with_data() const {
    std::vector<std::size_t> out;
    for (std::size_t i = 0; i < known_.size(); ++i)
      if (known_[i].survey->has_data() && !may_overwrite(wish_, wish_.servers[i].name)) out.push_back(i);
    return out;
  }

  bool has_all(std::size_t i, const std::vector<std::size_t>& list) const {
    return !at(i).written->empty() && std::all_of(list.begin(), list.end(), [&](std::size_t other) {
      return at(i).written->includes(*at(other).written) && (other == i || !(*at(other).written == *at(i).written));
    });
  }

  /// The one that is preferred, then the oldest version (the newer ones can follow it), then the first.
  std::optional<std::size_t> blank(std::vector<Trouble>& troubles) const {
    std::optional<std::size_t> best;
    const auto rank = [&](std::size_t i) {
      return std::pair{wish_.promote[i] == Promote::prefer ? 0 : 1, at(i).version.number / 100};
    };
    for (std::size_t i = 0; i < known_.size(); ++i)
      if (wish_.promote[i] != Promote::never && (!best || rank(i) < rank(*best))) best = i;
    if (!best) troubles.push_back({"", "no server may become the primary (promote: never)", "allow one"});
    return best;
  }

  const SetUpWish& wish_;
  const std::vector<Known>& known_;
};

/// Gathers the steps. Order: what must be right before anything replicates; the primary quiet while positions are set;
/// replicas fenced; primary open; account; replicas one after the other; semi-sync when they are there.
class Building : Steps {
 public:
  Building(const SetUpWish& wish, const std::vector<Known>& known, std::size_t primary, SetUp& out)
      : Steps{wish, known, out.plan, out.troubles}, wish_{wish}, known_{known}, primary_{primary}, out_{out} {
    for (std::size_t i = 0; i < known.size(); ++i)
      if (i != primary) replicas_.push_back(i);
    blank_ = !known[primary].survey->has_data();
    quiet_ = std::any_of(replicas_.begin(), replicas_.end(), [&](std::size_t i) { return anew(i); });
  }

  void run() {
    number_servers();
    for (std::size_t i = 0; i < known_.size(); ++i) {
      row_format(i);
      if (gtids(i) && i == primary_ && blank_) forget();
      if (wish_.semi_sync) semi_sync(i, i != primary_);
    }
    if (quiet_) hush_primary();
    for (const std::size_t i : replicas_) {
      if (anew(i)) begin_anew(i);
      fence(i);
    }
    open_primary();
    account();
    for (const std::size_t i : replicas_)
      if (!follows_already(i, primary_)) follow(i, primary_, !anew(i) && at(i).channels.empty());
    if (wish_.semi_sync && !replicas_.empty()) wait_for_replicas();
    for (const std::size_t i : replicas_) arrived(i);
    tell_notes();
  }

 private:
  bool anew(std::size_t i) const { return i != primary_ && !is_copy(wish_, known_, primary_, i); }
  bool mysql() const { return Steps::mysql(primary_); }

  /// Its binary logs hold transactions without GTIDs, which no replica could take.
  void forget() {
    Step& step =
        add(primary_, "forget what was written without GTIDs", {dialect(primary_).text(Phrase::reset_binlogs)});
    step.guard = select(no_data);
  }

  void number_servers() {
    std::set<std::uint32_t> used;
    for (std::size_t i = 0; i < known_.size(); ++i) used.insert(at(i).server_number);
    std::set<std::uint32_t> taken{0};
    std::vector<std::size_t> order = replicas_;
    order.insert(order.begin(), primary_);
    for (const std::size_t i : order) {
      const std::uint32_t now = at(i).server_number;
      if (taken.insert(now).second) continue;
      std::uint32_t next = 1;
      while (used.contains(next) || taken.contains(next)) ++next;
      taken.insert(next);
      set(i, "server_id", std::to_string(next), std::to_string(now));
    }
  }

  /// Nothing may be written between the look at its GTIDs and the moment when the replicas count them as theirs.
  void hush_primary() {
    const Dialect d = dialect(primary_);
    const std::string fence = d.text(Phrase::fence);
    Step& step = add(primary_, "hold writes while positions are set", {"SET GLOBAL " + fence + " = ON"});
    if (!at(primary_).read_only) step.undo = {"SET GLOBAL read_only = OFF"};
    step.guard = select(no_data);
    if (!gtids_were_off(primary_)) step.check = select("@@GLOBAL." + fence + " = 1 AND " + primary_position());
    step.always = true;
  }

  bool gtids_were_off(std::size_t i) const { return mysql() && survey(i).gtid_mode != "ON"; }
  GtidSet position() const { return gtids_were_off(primary_) ? GtidSet{} : *at(primary_).written; }
  std::string primary_position() const {
    return same_gtids(at(primary_).version.flavour, dialect(primary_).text(Phrase::gtids_written), position());
  }

  void begin_anew(std::size_t i) {
    const Dialect d = dialect(i);
    const Flavour flavour = d.flavour();
    const std::string had = d.text(Phrase::gtids_had);
    if (may_overwrite(wish_, name(i)) && survey(i).has_data()) drop_data(i);
    std::vector<std::string> sql{d.text(Phrase::reset_binlogs)};
    const std::string text = position().to_string(flavour);
    if (!mysql() || !text.empty()) sql.push_back("SET GLOBAL " + had + " = '" + text + "'");
    Step& step = add(i,
                     position().empty() ? "begin with an empty history"
                                        : "count what " + name(primary_) + " has done so far as done",
                     std::move(sql));
    step.guard = select(no_data);
    const std::string same = same_gtids(flavour, mysql() ? "gtid_executed" : had, position());
    step.check = select(same + (mysql() ? "" : " AND @@GLOBAL.gtid_binlog_pos = ''"));
  }

  /// Only where the command named the server.
  void drop_data(std::size_t i) {
    for (const topology::Schema& schema : survey(i).schemas) {
      auto quoted = quoted_name(schema.name);
      if (!quoted) return refuse(i, quoted.error());
      std::vector<std::string> sql{"SET SESSION sql_log_bin = 0", "DROP DATABASE IF EXISTS " + *quoted};
      if (at(i).read_only) {
        sql.insert(sql.begin(), "SET GLOBAL read_only = OFF");
      }
      add(i, "drop " + schema.name + ": " + data_text(survey(i)), std::move(sql));
    }
  }

  void open_primary() {
    const bool was_fenced = at(primary_).read_only || at(primary_).super_read_only;
    if (!quiet_ && !was_fenced) return;
    const Dialect d = dialect(primary_);
    Step& step = add(primary_, "let writes in", {});
    if (was_fenced) {
      if (d.text(Phrase::fence) != "read_only") step.sql.push_back(d.set_global(d.text(Phrase::fence), "OFF"));
      step.sql.push_back(d.set_global("read_only", "OFF"));
      step.undo = {d.set_global(d.text(Phrase::fence), "ON")};
      note(primary_, "read_only = OFF");
    } else {
      step.sql = {"SET GLOBAL read_only = OFF"};
    }
    step.check = select("@@GLOBAL.read_only = 0");
  }

  void account() {
    auto user = quoted(wish_.account);
    auto host = quoted(wish_.account_host);
    auto sql = dialect(primary_).create_replication_account(wish_.account, wish_.account_host, wish_.tls);
    auto drop = dialect(primary_).drop_account(wish_.account, wish_.account_host);
    if (!user || !host || !sql || !drop)
      return refuse(primary_, !user ? user.error() : !host ? host.error() : sql.error());
    const auto& accounts = survey(primary_).accounts;
    const bool there = std::any_of(accounts.begin(), accounts.end(), [&](const std::string& account) {
      return account.starts_with("'" + wish_.account + "'@");
    });
    if (there) return;  // as it is: if its password is another one, following will say so
    Step& step = add(primary_, "make the account that replicas log in with", std::move(*sql), {*drop});
    step.check = select("COUNT(*) = 1 FROM mysql.user WHERE User = " + *user + " AND Host = " + *host +
                        " AND Repl_slave_priv = 'Y'");
    arrives_ = step.check;
  }

  void wait_for_replicas() {
    const SemiSyncNames names = dialect(primary_).semi_sync(survey(primary_).semi_sync_old_names);
    set(primary_, names.source_enabled, "ON", "OFF");
    Step& step = add(primary_, "replicas acknowledge", {});
    const bool tables = mysql() && at(primary_).version.number >= mysql_global_status;
    step.check = select("VARIABLE_VALUE >= " + std::to_string(replicas_.size()) + " FROM " +
                        (tables ? "performance_schema.global_status" : "information_schema.GLOBAL_STATUS") +
                        " WHERE VARIABLE_NAME = '" + names.source_clients + "'");
    step.deadline = connect_deadline;
  }

  /// That the account came over shows that what the primary does arrives.
  void arrived(std::size_t i) {
    if (arrives_.empty()) return;
    Step& step = add(i, "what " + name(primary_) + " did has arrived", {});
    step.check = arrives_;
    step.deadline = connect_deadline;
  }

  const SetUpWish& wish_;
  const std::vector<Known>& known_;
  const std::size_t primary_;
  SetUp& out_;
  std::vector<std::size_t> replicas_;
  bool blank_ = false, quiet_ = false;
  std::string arrives_;
};

bool usable(const std::vector<Known>& known) {
  return std::all_of(known.begin(), known.end(), [](const Known& k) { return k.observation && k.survey; });
}

std::string command_text(const SetUpWish& wish) {
  std::string out = "SET UP REPLICATION PRIMARY " + wish.primary;
  for (const std::string& name : wish.overwrite) out += (name == wish.overwrite.front() ? " OVERWRITE " : ", ") + name;
  return out;
}

}  // namespace

std::string identity_of(const topology::Version& version, const std::string& uuid, const std::string& hostname,
                        std::uint16_t port) {
  return version.flavour == Flavour::mysql ? uuid : hostname + ":" + std::to_string(port);
}

bool all_blank(const std::vector<Known>& known) {
  return usable(known) && std::all_of(known.begin(), known.end(), [](const Known& k) {
           return k.observation->channels.empty() && k.survey->with_data && k.survey->sees_all && !k.survey->has_data();
         });
}

SetUp plan_set_up(const SetUpWish& wish, const std::vector<Known>& known) {
  SetUp out;
  out.troubles = check_servers(wish, known);
  if (!usable(known)) return out;
  const auto primary = Choosing{wish, known}.run(out.troubles);
  if (!primary) return out;
  out.primary = wish.servers[*primary].name;
  if (!wish.servers[*primary].address.path.empty())
    out.troubles.push_back({out.primary, "wye reaches it by a Unix socket, where no replica can reach it",
                            "give its address as host:port"});
  if (may_overwrite(wish, out.primary))
    out.troubles.push_back(
        {out.primary, "the primary is what the others become copies of", "leave it out of OVERWRITE"});
  for (const topology::Channel& channel : known[*primary].observation->channels)
    out.troubles.push_back({out.primary,
                            "it replicates from " + channel.source_host + ":" + std::to_string(channel.source_port),
                            "choose another primary"});
  for (std::size_t i = 0; i < known.size(); ++i) {
    if (i == *primary) continue;
    for (auto& trouble : check_pair(wish, known, *primary, i)) out.troubles.push_back(std::move(trouble));
  }
  SetUpWish decided = wish;
  decided.primary = out.primary;
  out.plan.operation = command_text(decided);
  for (std::size_t i = 0; i < known.size(); ++i) {
    const Observation& seen = *known[i].observation;
    out.plan.servers.push_back({wish.servers[i].name, identity_of(seen.version, seen.uuid, seen.hostname, seen.port)});
  }
  if (out.troubles.empty()) Building{decided, known, *primary, out}.run();
  if (!out.troubles.empty()) out.plan.steps.clear();
  return out;
}

}  // namespace wye::plan
