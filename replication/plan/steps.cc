#include "replication/plan/steps.h"

#include <algorithm>

#include "replication/plan/set_up_checks.h"

namespace wye::plan {

using topology::Flavour;

const char* const no_data =
    "NOT EXISTS (SELECT 1 FROM information_schema.TABLES WHERE LOWER(TABLE_SCHEMA) NOT IN "
    "('mysql', 'information_schema', 'performance_schema', 'sys', 'ndbinfo'))";

std::string select(const std::string& condition) { return "SELECT " + condition; }

std::string same_gtids(Flavour flavour, const std::string& variable, const topology::GtidSet& set) {
  const std::string text = "'" + set.to_string(flavour) + "'", value = "@@GLOBAL." + variable;
  if (flavour == Flavour::mariadb) return value + " = " + text;
  return "GTID_SUBSET(" + value + ", " + text + ") AND GTID_SUBSET(" + text + ", " + value + ")";
}

Step& Steps::add(std::size_t server, std::string what, std::vector<std::string> sql, std::vector<std::string> undo) {
  Step step;
  step.server = name(server);
  step.what = std::move(what);
  step.sql = std::move(sql);
  step.undo = std::move(undo);
  plan_.steps.push_back(std::move(step));
  return plan_.steps.back();
}

void Steps::note(std::size_t server, const std::string& line) {
  if (!dialect(server).persists()) lines_[server] += (lines_[server].empty() ? "" : ", ") + line;
}

void Steps::tell_notes() {
  for (const auto& [server, lines] : lines_)
    plan_.notes.push_back(name(server) +
                          ": this version forgets at a restart what was set; put under [mysqld]: " + lines);
}

void Steps::refuse(std::size_t server, const base::Error& error) {
  troubles_.push_back({name(server), error.message, "choose names without such characters"});
}

void Steps::set(std::size_t server, const std::string& variable, const std::string& value, const std::string& before) {
  const Dialect d = dialect(server);
  Step& step = add(server, variable + " = " + value, {d.set_global(variable, value)});
  const bool bare =
      value == "ON" || std::all_of(value.begin(), value.end(), [](char c) { return c >= '0' && c <= '9'; });
  step.check = select("@@GLOBAL." + variable + " = " + (value == "ON" ? "1" : bare ? value : "'" + value + "'"));
  if (!before.empty()) step.undo = {d.set_global(variable, before)};
  note(server, variable + " = " + value);
}

void Steps::row_format(std::size_t i) {
  const std::string& now = survey(i).binlog_format;
  if (now != "ROW" && !now.empty()) set(i, "binlog_format", "ROW", now);
  if (!mysql(i) && survey(i).gtid_strict_mode == false) set(i, "gtid_strict_mode", "ON", "OFF");
}

bool Steps::gtids(std::size_t i) {
  if (!mysql(i) || (survey(i).gtid_mode == "ON" && survey(i).gtid_consistency.value_or(false))) return false;
  const Dialect d = dialect(i);
  Step& step = add(i, "switch GTIDs on", {d.set_global("enforce_gtid_consistency", "ON")});
  for (const char* mode : {"OFF_PERMISSIVE", "ON_PERMISSIVE", "ON"})
    step.sql.push_back(d.set_global("gtid_mode", mode));
  step.check = select("@@GLOBAL.gtid_mode = 'ON'");
  note(i, "gtid_mode = ON, enforce_gtid_consistency = ON");
  return true;
}

void Steps::load_plugin(std::size_t i, const std::string& plugin, const std::string& library) {
  Step& step = add(i, "load " + plugin, {"INSTALL PLUGIN " + plugin + " SONAME '" + library + "'"},
                   {"UNINSTALL PLUGIN " + plugin});
  step.check = select(
      "COUNT(*) = 1 FROM information_schema.PLUGINS WHERE PLUGIN_STATUS = 'ACTIVE' AND PLUGIN_NAME = '" + plugin + "'");
  if (at(i).super_read_only) {
    // INSTALL PLUGIN writes mysql.plugin; nobody else gets in between with a write that counts
    step.sql.insert(step.sql.begin(), "SET GLOBAL super_read_only = OFF");
    step.undo = {"SET GLOBAL super_read_only = OFF", "UNINSTALL PLUGIN " + plugin, "SET GLOBAL super_read_only = ON"};
    // A step of its own: the plugin is there as soon as it is loaded, whether or not wye lives on.
    Step& fenced = add(i, "keep writes out again", {"SET GLOBAL super_read_only = ON"});
    fenced.check = select("@@GLOBAL.super_read_only = 1");
  }
}

void Steps::semi_sync(std::size_t i, bool as_replica) {
  const SemiSyncNames names = dialect(i).semi_sync(survey(i).semi_sync_old_names);
  if (!survey(i).semi_sync_source) load_plugin(i, names.source_plugin, names.source_library);
  if (!survey(i).semi_sync_replica) load_plugin(i, names.replica_plugin, names.replica_library);
  const std::string old = survey(i).semi_sync_wait_point;
  if (!names.wait_point.empty() && old != "AFTER_SYNC") {
    const Dialect d = dialect(i);
    Step& step = add(i, "acknowledge before the commit shows", {d.set_global(names.wait_point, "'AFTER_SYNC'")});
    step.check = select("@@GLOBAL." + names.wait_point + " = 'AFTER_SYNC'");
    if (!old.empty()) step.undo = {d.set_global(names.wait_point, "'" + old + "'")};
    note(i, names.wait_point + " = AFTER_SYNC");
  }
  if (as_replica) set(i, names.replica_enabled, "ON", "OFF");
}

void Steps::fence(std::size_t i) {
  const Dialect d = dialect(i);
  const std::string variable = d.text(Phrase::fence);
  Step& step = add(i, "keep writes out", {d.set_global(variable, "ON")});
  if (!at(i).read_only) {
    if (variable != "read_only") step.undo = {d.set_global(variable, "OFF")};
    step.undo.push_back("SET GLOBAL read_only = OFF");
  }
  step.check = select("@@GLOBAL." + variable + " = 1");
  step.always = true;  // it may be so for now only
  note(i, variable + " = ON");
}

bool Steps::follows_already(std::size_t i, std::size_t primary) const {
  const topology::Address& address = wish_.servers[primary].address;
  return std::any_of(at(i).channels.begin(), at(i).channels.end(), [&](const topology::Channel& c) {
    return c.uses_gtid && c.receiver_running && c.applier_running && comes_from(c, address, at(primary));
  });
}

void Steps::follow(std::size_t i, std::size_t primary, bool demote) {
  const Dialect d = dialect(i);
  const topology::Address& address = wish_.servers[primary].address;
  Source source;
  source.host = wish_.verify ? address.certified_name() : address.host;
  source.port = address.port;
  source.user = wish_.account;
  source.tls = {wish_.tls || known_[primary].encrypted, wish_.verify, wish_.ca, "", ""};
  auto change = d.change_source(source, demote);
  if (!change) return refuse(i, change.error());
  Step& step =
      add(i, "follow " + name(primary), {d.text(Phrase::stop_replica), *change, d.text(Phrase::start_replica)});
  if (at(i).channels.empty()) step.undo = {d.text(Phrase::stop_replica), d.text(Phrase::reset_replica)};
  step.replicates_from = source.host + ":" + std::to_string(source.port);
  step.deadline = connect_deadline;
}

}  // namespace wye::plan
