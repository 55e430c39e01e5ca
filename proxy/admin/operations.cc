#include "proxy/admin/operations.h"

#include <algorithm>

#include "proxy/admin/words.h"
#include "proxy/base/log.h"

namespace wye::admin {

namespace {

using manager::Report;
using protocol::Cell;
using protocol::Table;

constexpr std::size_t most_told = 3;  // an ERR is short; DRY RUN lists all

base::Error not_understood() {
  return {1064, "42000", "expected SET UP REPLICATION [PRIMARY <name>] [OVERWRITE <name>[, ...]] [DRY RUN]"};
}

Cell if_any(const std::string& text) { return text.empty() ? Cell{} : Cell{text}; }

Table troubles_table(const std::vector<plan::Trouble>& troubles) {
  Table table{{"server", "what", "remedy"}, {}};
  for (const plan::Trouble& one : troubles) table.rows.push_back({if_any(one.server), one.what, one.remedy});
  return table;
}

base::Error troubles_error(const std::vector<plan::Trouble>& troubles, const char* statement) {
  std::string text = "nothing was done.";
  for (std::size_t i = 0; i < std::min(troubles.size(), most_told); ++i)
    text += " " + (troubles[i].server.empty() ? "" : troubles[i].server + ": ") + troubles[i].what + " (" +
            troubles[i].remedy + ").";
  if (troubles.size() > most_told) text += " And " + std::to_string(troubles.size() - most_told) + " more.";
  return {1105, "HY000",
          text + (troubles.size() > most_told ? std::string{" "} + statement + " DRY RUN lists all" : "")};
}

/// What a copy has done of what it has to do, and how long the rest takes at this pace.
void add_progress(const manager::StepReport& step, std::vector<Cell>& row) {
  const manager::Progress& progress = step.progress;
  if (progress.phase.empty()) return row.insert(row.end(), {Cell{}, Cell{}, Cell{}, Cell{}}), void();
  Cell eta;
  const auto spent = std::chrono::duration<double>(base::Clock::now() - progress.began).count();
  if (progress.done > 0 && step.mark == manager::Mark::begun)
    eta = std::to_string(static_cast<std::uint64_t>(
        spent * static_cast<double>(progress.total - std::min(progress.done, progress.total)) /
        static_cast<double>(progress.done)));
  row.insert(row.end(), {Cell{progress.phase}, std::to_string(progress.done), std::to_string(progress.total), eta});
}

}  // namespace

std::vector<std::string> tokens_of(std::string_view text) {
  std::vector<std::string> out;
  while (!text.empty()) {
    const std::size_t begin = text.find_first_not_of(" \t\r\n\v\f");
    if (begin == std::string_view::npos) break;
    text.remove_prefix(begin);
    std::size_t n = 1;
    if (const std::size_t close = text.find(text.front(), 1);
        (text.front() == '\'' || text.front() == '"' || text.front() == '`') && close != std::string_view::npos) {
      out.emplace_back(text.substr(1, close - 1));
      n = close + 1;
    } else {
      if (text.front() != ',') n = std::min(text.find_first_of(" \t\r\n\v\f,"), text.size());
      out.emplace_back(text.substr(0, n));
    }
    text.remove_prefix(n);
  }
  return out;
}

Answer answer_of(const manager::SetUpAnswer& answer, bool dry_run, const char* statement) {
  if (!answer.troubles.empty())
    return dry_run ? Answer{troubles_table(answer.troubles)} : Answer{troubles_error(answer.troubles, statement)};
  if (answer.report.state == Report::State::undone || answer.report.state == Report::State::stopped)
    return base::Error{1105, "HY000",
                       std::string{manager::name(answer.report.state)} + ": " + answer.report.error +
                           " (SHOW OPERATION tells what became of each step)"};
  return report_table(answer.report);
}

base::Result<manager::SetUpRequest> parse_set_up(std::string_view options) {
  manager::SetUpRequest request;
  const auto words = tokens_of(options);
  for (std::size_t i = 0; i < words.size(); ++i) {
    const bool more = i + 1 < words.size();
    if (same(words[i], "PRIMARY") && more && request.primary.empty()) {
      request.primary = words[++i];
    } else if (same(words[i], "DRY") && more && same(words[i + 1], "RUN")) {
      request.dry_run = true;
      ++i;
    } else if (same(words[i], "OVERWRITE") && more && request.overwrite.empty()) {
      do request.overwrite.push_back(words[++i]);
      while (i + 2 < words.size() && words[i + 1] == "," && ++i);
    } else {
      return not_understood();
    }
  }
  return request;
}

base::Result<manager::ProvisionRequest> parse_provision(std::string_view options) {
  manager::ProvisionRequest request;
  const auto words = tokens_of(options);
  const auto two = [&](std::size_t i, std::string_view first, std::string_view second) {
    return same(words[i], first) && i + 1 < words.size() && same(words[i + 1], second);
  };
  if (!words.empty()) request.target = words.front();
  for (std::size_t i = 1; i < words.size(); ++i) {
    if (same(words[i], "FROM") && i + 1 < words.size() && request.donor.empty()) {
      request.donor = words[++i];
    } else if (two(i, "BY", "DUMP")) {
      request.by_dump = true;
      ++i;
    } else if (two(i, "DRY", "RUN")) {
      request.dry_run = true;
      ++i;
    } else if (same(words[i], "OVERWRITE")) {
      request.overwrite = true;
    } else {
      request.target.clear();
      break;
    }
  }
  if (request.target.empty())
    return base::Error{1064, "42000", "expected PROVISION <server> [FROM <donor>] [OVERWRITE] [BY DUMP] [DRY RUN]"};
  return request;
}

base::Result<manager::RepairRequest> parse_repair(std::string_view options) {
  manager::RepairRequest request;
  const auto words = tokens_of(options);
  bool understood = !words.empty();
  if (understood) request.target = words.front();
  for (std::size_t i = 1; i < words.size(); ++i) {
    if (same(words[i], "OVERWRITE")) {
      request.overwrite = true;
    } else if (same(words[i], "KEEP")) {
      request.keep = true;
    } else if (same(words[i], "DRY") && i + 1 < words.size() && same(words[i + 1], "RUN")) {
      request.dry_run = true;
      ++i;
    } else {
      understood = false;
    }
  }
  if (!understood) return base::Error{1064, "42000", "expected REPAIR <server> [OVERWRITE] [KEEP] [DRY RUN]"};
  return request;
}

Table report_table(const Report& report) {
  Table table{{"step", "server", "sql", "result", "ms", "what", "error", "phase", "done", "total", "eta_s"}, {}};
  const bool planned = report.state == Report::State::planned;
  for (std::size_t k = 0; k < report.steps.size(); ++k) {
    const manager::StepReport& step = report.steps[k];
    const bool timed = !planned && step.mark != manager::Mark::waiting;
    table.rows.push_back({std::to_string(k + 1), step.server, if_any(step.sql),
                          planned ? "planned" : manager::name(step.mark),
                          timed ? Cell{std::to_string(step.took.count())} : Cell{}, step.what, if_any(step.error)});
    add_progress(step, table.rows.back());
  }
  for (const std::string& note : report.notes) table.rows.push_back({{}, {}, {}, "note", {}, note, {}, {}, {}, {}, {}});
  return table;
}

void set_up_replication(const Context& context, const Caller& caller, std::string_view options, const Reply& reply) {
  if (!context.set_up) return reply(base::Error{1105, "HY000", "servers: not known in this process"});
  auto request = parse_set_up(options);
  if (!request) return reply(request.error());
  const bool dry_run = request->dry_run;
  auto begun = context.set_up(std::move(*request), [reply, dry_run](const manager::SetUpAnswer& answer) {
    reply(answer_of(answer, dry_run, "SET UP REPLICATION"));
  });
  log::info("admin_statement", {{"statement", "SET UP REPLICATION"},
                                {"options", options.substr(0, 256)},
                                {"uid", caller.uid},
                                {"user", caller.user},
                                {"begun", static_cast<bool>(begun)}});
  if (!begun) reply(begun.error());
}

void provision(const Context& context, const Caller& caller, std::string_view options, const Reply& reply) {
  if (!context.provision) return reply(base::Error{1105, "HY000", "servers: not known in this process"});
  auto request = parse_provision(options);
  if (!request) return reply(request.error());
  const bool dry_run = request->dry_run;
  auto begun = context.provision(std::move(*request), [reply, dry_run](const manager::SetUpAnswer& answer) {
    reply(answer_of(answer, dry_run, "PROVISION"));
  });
  log::info("admin_statement", {{"statement", "PROVISION"},
                                {"options", options.substr(0, 256)},
                                {"uid", caller.uid},
                                {"user", caller.user},
                                {"begun", static_cast<bool>(begun)}});
  if (!begun) reply(begun.error());
}

void repair(const Context& context, const Caller& caller, std::string_view options, const Reply& reply) {
  if (!context.repair) return reply(base::Error{1105, "HY000", "servers: not known in this process"});
  auto request = parse_repair(options);
  if (!request) return reply(request.error());
  const bool dry_run = request->dry_run;
  auto begun = context.repair(std::move(*request), [reply, dry_run](const manager::SetUpAnswer& answer) {
    reply(answer_of(answer, dry_run, "REPAIR"));
  });
  log::info("admin_statement", {{"statement", "REPAIR"},
                                {"options", options.substr(0, 256)},
                                {"uid", caller.uid},
                                {"user", caller.user},
                                {"begun", static_cast<bool>(begun)}});
  if (!begun) reply(begun.error());
}

void show_problems(const Context& context, const Caller&, std::string_view, const Reply& reply) {
  if (!context.problems) return reply(base::Error{1105, "HY000", "servers: not known in this process"});
  reply(troubles_table(context.problems()));
}

void show_operation(const Context& context, const Caller&, std::string_view, const Reply& reply) {
  if (!context.operation) return reply(base::Error{1105, "HY000", "servers: not known in this process"});
  const Report report = context.operation();
  Table table = report_table(report);
  table.columns.insert(table.columns.begin(), {"operation", "state"});
  for (auto& row : table.rows) row.insert(row.begin(), {report.operation, manager::name(report.state)});
  if (table.rows.empty() && report.state != Report::State::none)
    table.rows.push_back(
        {report.operation, manager::name(report.state), {}, {}, {}, {}, {}, {}, if_any(report.error), {}, {}, {}, {}});
  reply(std::move(table));
}

}  // namespace wye::admin
