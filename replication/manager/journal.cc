#include "replication/manager/journal.h"

#include <fcntl.h>
#include <unistd.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "replication/manager/durable.h"

namespace wye::manager {
namespace {

using nlohmann::json;

std::string file_in(const std::string& state_dir) { return state_dir + "/operation.journal"; }

json to_json(const plan::Copy& copy) {
  return {{"way", static_cast<int>(copy.way)},
          {"donor", copy.donor},
          {"quiet_donor", copy.quiet_donor},
          {"bytes", copy.bytes},
          {"accounts", copy.accounts}};
}

json to_json(const plan::Step& step) {
  return {{"server", step.server},
          {"what", step.what},
          {"guard", step.guard},
          {"sql", step.sql},
          {"check", step.check},
          {"always", step.always},
          {"replicates_from", step.replicates_from},
          {"copy", to_json(step.copy)},
          {"undo", step.undo},
          {"deadline_ms", step.deadline.count()}};
}

json to_json(const plan::Plan& plan) {
  json steps = json::array(), servers = json::array();
  for (const plan::Step& step : plan.steps) steps.push_back(to_json(step));
  for (const plan::Identity& one : plan.servers)
    servers.push_back({{"server", one.server}, {"identity", one.identity}});
  json out = {{"operation", plan.operation}, {"steps", steps}, {"servers", servers}, {"notes", plan.notes}};
  if (plan.membership.kind != plan::Membership::Kind::stays)
    out["membership"] = {{"joins", plan.membership.kind == plan::Membership::Kind::joins},
                         {"server", plan.membership.server},
                         {"address", plan.membership.address}};
  return out;
}

plan::Copy copy_of(const json& from) {
  plan::Copy copy;
  const int way = from.at("way").get<int>();
  if (way < 0 || way > static_cast<int>(plan::Copy::Way::dump)) throw std::out_of_range("way");
  copy.way = static_cast<plan::Copy::Way>(way);
  copy.donor = from.at("donor").get<std::string>();
  copy.quiet_donor = from.at("quiet_donor").get<bool>();
  copy.bytes = from.at("bytes").get<std::uint64_t>();
  if (from.contains("accounts")) copy.accounts = from.at("accounts").get<std::vector<std::string>>();
  return copy;
}

plan::Step step_of(const json& from) {
  plan::Step step;
  step.server = from.at("server").get<std::string>();
  step.what = from.at("what").get<std::string>();
  step.guard = from.at("guard").get<std::string>();
  step.sql = from.at("sql").get<std::vector<std::string>>();
  step.check = from.at("check").get<std::string>();
  step.always = from.at("always").get<bool>();
  step.replicates_from = from.at("replicates_from").get<std::string>();
  if (from.contains("copy")) step.copy = copy_of(from.at("copy"));
  step.undo = from.at("undo").get<std::vector<std::string>>();
  step.deadline = base::milliseconds{from.at("deadline_ms").get<std::int64_t>()};
  return step;
}

plan::Plan plan_of(const json& from) {
  plan::Plan plan;
  plan.operation = from.at("operation").get<std::string>();
  for (const json& step : from.at("steps")) plan.steps.push_back(step_of(step));
  for (const json& one : from.at("servers"))
    plan.servers.push_back({one.at("server").get<std::string>(), one.at("identity").get<std::string>()});
  plan.notes = from.at("notes").get<std::vector<std::string>>();
  if (from.contains("membership")) {
    const json& of = from.at("membership");
    using Kind = plan::Membership::Kind;
    plan.membership = {of.at("joins").get<bool>() ? Kind::joins : Kind::leaves, of.at("server").get<std::string>(),
                       of.at("address").get<std::string>()};
  }
  return plan;
}

constexpr const char* mark_names[] = {"waiting", "begun", "done", "already", "undone", "not_undone"};

Mark mark_of(const std::string& name) {
  for (std::size_t i = 0; i < std::size(mark_names); ++i)
    if (name == mark_names[i]) return static_cast<Mark>(i);
  throw std::out_of_range(name);
}

/// True: that was the end.
bool take(const json& record, Unfinished& out) {
  if (record.contains("end")) return true;
  if (record.contains("undoing")) {
    out.undoing = true;
    out.why = record.at("undoing").get<std::string>();
  }
  if (record.contains("step"))
    out.marks.at(record.at("step").get<std::size_t>()) = mark_of(record.at("mark").get<std::string>());
  return false;
}

}  // namespace

Journal::~Journal() {
  if (file_ >= 0) ::close(file_);
}

base::Status Journal::begin(const std::string& state_dir, const plan::Plan& plan) {
  off_ = state_dir.empty();
  if (off_) return base::Ok{};
  const std::string path = file_in(state_dir), scratch = path + ".new";
  const int file = ::open(scratch.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) return failed("can't write " + scratch);
  const bool written = write_all(file, json{{"plan", to_json(plan)}}.dump() + "\n") && ::fsync(file) == 0;
  const base::Error error = failed("can't write " + scratch);
  ::close(file);
  if (!written) return error;
  if (::rename(scratch.c_str(), path.c_str()) != 0 || !sync_folder(state_dir)) return failed("can't write " + path);
  return resume(state_dir);
}

base::Status Journal::resume(const std::string& state_dir) {
  off_ = state_dir.empty();
  if (off_) return base::Ok{};
  if (file_ >= 0) ::close(file_);
  file_ = ::open(file_in(state_dir).c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  if (file_ < 0) return failed("can't open " + file_in(state_dir));
  // What a crash cut off has no end of line: the next record must not become a part of it.
  return append("");
}

base::Status Journal::append(const std::string& line) {
  if (off_) return base::Ok{};
  if (!write_all(file_, line + "\n") || ::fdatasync(file_) != 0) return failed("can't write the journal");
  return base::Ok{};
}

base::Status Journal::mark(std::size_t step, Mark mark) {
  return append(json{{"step", step}, {"mark", mark_names[static_cast<std::size_t>(mark)]}}.dump());
}
base::Status Journal::undoing(const std::string& why) {
  return append(json{{"undoing", why}}.dump(-1, ' ', false, json::error_handler_t::replace));
}
base::Status Journal::end() { return append(json{{"end", true}}.dump()); }

base::Result<std::optional<Unfinished>> load_unfinished(const std::string& state_dir) {
  if (state_dir.empty()) return std::optional<Unfinished>{};
  std::ifstream in{file_in(state_dir)};
  if (!in) return std::optional<Unfinished>{};
  Unfinished out;
  bool planned = false;
  try {
    for (std::string line; std::getline(in, line);) {
      if (line.empty()) continue;
      const json record = json::parse(line, nullptr, false);
      if (record.is_discarded()) {
        if (planned) continue;  // cut off by a crash: what it said was not done yet
        break;
      }
      if (!planned) {
        out.plan = plan_of(record.at("plan"));
        out.marks.assign(out.plan.steps.size(), Mark::waiting);
        planned = true;
      } else if (take(record, out)) {
        return std::optional<Unfinished>{};
      }
    }
  } catch (const std::exception& error) {
    return base::Error{1105, "HY000", file_in(state_dir) + " can't be understood: " + error.what()};
  }
  if (!planned) return base::Error{1105, "HY000", file_in(state_dir) + " holds no plan"};
  return std::optional{std::move(out)};
}

}  // namespace wye::manager
