#include "proxy/admin/verify.h"

#include <algorithm>
#include <map>

#include "proxy/admin/words.h"
#include "proxy/base/log.h"

namespace wye::admin {

namespace {

using manager::VerifyReport;
using protocol::Cell;
using protocol::Table;

base::Error not_understood() { return {1064, "42000", "expected VERIFY [<server>[, ...]] [TABLE <schema>.<table>]"}; }
base::Error not_there() { return {1105, "HY000", "servers: not known in this process"}; }

Cell if_any(const std::string& text) { return text.empty() ? Cell{} : Cell{text}; }

void skip_space(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t\r\n\v\f"), text.size()));
}

/// The next name, up to a space, a comma or a dot if it is not in quotes; inside them a doubled quote is one. Empty:
/// there is none.
std::string take_one_name(std::string_view& text) {
  skip_space(text);
  std::string out;
  if (text.empty()) return out;
  const char quote = text.front();
  if (quote != '`' && quote != '\'' && quote != '"') {
    const auto n = std::min(text.find_first_of(" \t\r\n\v\f,."), text.size());
    out = text.substr(0, n);
    text.remove_prefix(n);
    return out;
  }
  text.remove_prefix(1);
  while (!text.empty()) {
    const char c = text.front();
    text.remove_prefix(1);
    if (c == quote && (text.empty() || text.front() != quote)) return out;
    if (c == quote) text.remove_prefix(1);
    out += c;
  }
  return {};
}

bool take_sign(std::string_view& text, char sign) {
  skip_space(text);
  if (text.empty() || text.front() != sign) return false;
  text.remove_prefix(1);
  return true;
}

struct Totals {
  std::uint64_t chunks = 0, rows = 0, different = 0;
};

}  // namespace

base::Result<manager::VerifyRequest> parse_verify(std::string_view options) {
  manager::VerifyRequest request;
  std::string_view ahead = options;
  if (!options.empty() && !take_words(ahead, "TABLE")) {
    do {
      request.servers.push_back(take_one_name(options));
      if (request.servers.back().empty()) return not_understood();
    } while (take_sign(options, ','));
  }
  skip_space(options);
  if (options.empty()) return request;
  if (!take_words(options, "TABLE")) return not_understood();
  request.schema = take_one_name(options);
  if (!take_sign(options, '.')) return not_understood();
  request.table = take_one_name(options);
  skip_space(options);
  if (request.schema.empty() || request.table.empty() || !options.empty()) return not_understood();
  return request;
}

Table verify_table(const VerifyReport& report) {
  Table table{{"table", "server", "chunks", "rows", "different", "first_difference", "kind"}, {}};
  std::map<std::string, Totals> totals;
  for (const auto& one : report.tables) {
    Totals& sum = totals[one.server];
    sum.chunks += one.chunks;
    sum.rows += one.rows;
    sum.different += one.different;
    if (one.different > 0)
      table.rows.push_back({one.table, one.server, std::to_string(one.chunks), std::to_string(one.rows),
                            std::to_string(one.different), one.first, "row"});
  }
  for (const auto& one : report.differences) {
    if (one.kind == "row") continue;
    const bool note = one.kind == "note";
    if (!note) ++totals[one.server].different;
    table.rows.push_back({if_any(one.object), if_any(one.server), {}, {}, note ? "0" : "1", one.what, one.kind});
  }
  for (const auto& [server, sum] : totals)
    table.rows.push_back({"(all)",
                          server,
                          std::to_string(sum.chunks),
                          std::to_string(sum.rows),
                          std::to_string(sum.different),
                          {},
                          "summary"});
  return table;
}

Table differences_table(const VerifyReport& report) {
  Table table{{"server", "kind", "object", "key", "what"}, {}};
  for (const auto& one : report.differences)
    table.rows.push_back({if_any(one.server), one.kind, if_any(one.object), if_any(one.key), one.what});
  return table;
}

Table progress_table(const VerifyReport& report) {
  Table table{{"state", "phase", "table", "done", "total", "eta_s", "seconds", "chunks", "looked_again", "pauses",
               "different", "error"},
              {}};
  const auto found = std::count_if(report.differences.begin(), report.differences.end(),
                                   [](const auto& one) { return one.kind != "note"; });
  // The total is the server's estimate: it may be less than what there was already.
  const std::uint64_t total = std::max(report.rows_total, report.rows_done);
  Cell eta;
  if (report.state == VerifyReport::State::running && report.rows_done > 0)
    eta = std::to_string(static_cast<std::uint64_t>(report.took.count()) * (total - report.rows_done) /
                         report.rows_done / 1000);
  table.rows.push_back({manager::name(report.state), if_any(report.phase), if_any(report.table),
                        std::to_string(report.rows_done), std::to_string(total), eta,
                        std::to_string(report.took.count() / 1000), std::to_string(report.chunks),
                        std::to_string(report.looked_again), std::to_string(report.pauses), std::to_string(found),
                        if_any(report.error)});
  return table;
}

void verify(const Context& context, const Caller& caller, std::string_view options, const Reply& reply) {
  if (!context.verify) return reply(not_there());
  auto request = parse_verify(options);
  if (!request) return reply(request.error());
  request->unwanted = [client = caller.client] { return client.expired(); };
  auto begun = context.verify(std::move(*request), [reply](const VerifyReport& report) {
    if (report.state == VerifyReport::State::done) return reply(verify_table(report));
    reply(base::Error{1105, "HY000",
                      std::string{manager::name(report.state)} + ": " + report.error +
                          " (SHOW DIFFERENCES tells what was found until then)"});
  });
  log::info("admin_statement", {{"statement", "VERIFY"},
                                {"options", options.substr(0, 256)},
                                {"uid", caller.uid},
                                {"user", caller.user},
                                {"begun", static_cast<bool>(begun)}});
  if (!begun) reply(begun.error());
}

void show_verify(const Context& context, const Caller&, std::string_view, const Reply& reply) {
  if (!context.verification) return reply(not_there());
  reply(progress_table(context.verification()));
}

void show_differences(const Context& context, const Caller&, std::string_view, const Reply& reply) {
  if (!context.verification) return reply(not_there());
  reply(differences_table(context.verification()));
}

void stop_verify(const Context& context, const Caller&, std::string_view, const Reply& reply) {
  if (!context.cancel_verify) return reply(not_there());
  if (context.cancel_verify()) return reply(base::Ok{});
  reply(base::Error{1105, "HY000", "VERIFY is not under way"});
}

}  // namespace wye::admin
