#include "proxy/admin/statements.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "proxy/admin/config_statements.h"
#include "proxy/admin/membership.h"
#include "proxy/admin/on_server.h"
#include "proxy/admin/operations.h"
#include "proxy/admin/tables.h"
#include "proxy/admin/verify.h"
#include "proxy/admin/words.h"
#include "proxy/base/log.h"

namespace wye::admin {

namespace {

constexpr std::size_t usual_digests = 100, most_digests = 5000;  // an answer may have 16 MiB

base::Error unknown_statement() { return {1064, "42000", "unknown statement; HELP lists all"}; }
base::Error not_there(const char* what) { return {1105, "HY000", std::string{what} + ": not known in this process"}; }

std::string syntax(const Statement& s) {
  std::string text{s.words};
  if (s.argument != Argument::none) text.append(" ").append(s.argument_name);
  return text;
}

void help(const Context&, const Caller&, std::string_view, const Reply& reply) {
  protocol::Table table{{"statement", "what it does"}, {}};
  for (const Statement& s : statements()) table.rows.push_back({syntax(s), std::string{s.help}});
  reply(std::move(table));
}

std::shared_ptr<const topology::Topology> picture(const Context& context) {
  return context.topology ? context.topology() : nullptr;
}

void show_servers(const Context& context, const Caller&, std::string_view, const Reply& reply) {
  const auto topology = picture(context);
  if (!topology) return reply(not_there("servers"));
  reply(servers_table(*topology, context.metrics));
}

void show_replication(const Context& context, const Caller&, std::string_view, const Reply& reply) {
  const auto topology = picture(context);
  if (!topology) return reply(not_there("servers"));
  protocol::Table table = replication_table(*topology);
  const auto errant = context.errant ? context.errant() : std::vector<std::optional<std::string>>{};
  const auto column = std::find(table.columns.begin(), table.columns.end(), "errant") - table.columns.begin();
  std::size_t row = 0;
  for (std::size_t i = 0; i < std::min(errant.size(), topology->servers.size()); ++i)
    if (!topology->servers[i].removed) table.rows[row++][static_cast<std::size_t>(column)] = errant[i];
  reply(std::move(table));
}

void show_sessions(const Context& context, const Caller&, std::string_view, const Reply& reply) {
  if (!context.sessions) return reply(not_there("sessions"));
  context.sessions([reply](protocol::Table table) { reply(std::move(table)); });
}

void show_pools(const Context& context, const Caller&, std::string_view, const Reply& reply) {
  if (!context.pools) return reply(not_there("pools"));
  context.pools([reply](protocol::Table table) { reply(std::move(table)); });
}

void digests(const Context& context, std::size_t most, const Reply& reply) {
  if (!context.digests) return reply(not_there("digests"));
  context.digests(most, [reply](protocol::Table table) { reply(std::move(table)); });
}

void show_digests(const Context& context, const Caller&, std::string_view, const Reply& reply) {
  digests(context, usual_digests, reply);
}

void show_digests_limit(const Context& context, const Caller&, std::string_view limit, const Reply& reply) {
  if (!context.digests) return reply(not_there("digests"));
  std::size_t most = 0;
  const auto [end, error] = std::from_chars(limit.data(), limit.data() + limit.size(), most);
  if (error != std::errc{} || end != limit.data() + limit.size() || most > most_digests)
    return reply(base::Error{1064, "42000", "LIMIT takes a number up to " + std::to_string(most_digests)});
  digests(context, most, reply);
}

void show_routes(const Context& context, const Caller&, std::string_view, const Reply& reply) {
  reply(routes_table(context.metrics));
}

void show_pins(const Context& context, const Caller&, std::string_view, const Reply& reply) {
  reply(pins_table(context.metrics));
}

void show_settings(const Context& context, const Caller&, std::string_view, const Reply& reply) {
  if (context.config == nullptr) return reply(not_there("settings"));
  reply(settings_table(*context.config));
}

void show_readiness(const Context& context, const Caller&, std::string_view, const Reply& reply) {
  if (!context.readiness) return reply(not_there("readiness"));
  const std::string why = context.readiness();
  reply(protocol::Table{{"ready", "reason"}, {{why.empty() ? "yes" : "no", why.empty() ? protocol::Cell{} : why}}});
}

void explain_route(const Context& context, const Caller&, std::string_view sql, const Reply& reply) {
  if (!context.explain_route) return reply(not_there("routes"));
  auto explained = context.explain_route(sql);
  if (!explained) return reply(explained.error());
  reply(std::move(*explained));
}

void drain(const Context& context, const Caller& caller, std::string_view name, bool drained, const Reply& reply) {
  if (!context.set_drained) return reply(not_there("servers"));
  const bool done = context.set_drained(name, drained);
  log::info("admin_statement", {{"statement", drained ? "DRAIN SERVER" : "ENABLE SERVER"},
                                {"server", name},
                                {"uid", caller.uid},
                                {"user", caller.user},
                                {"done", done}});
  if (done) return reply(base::Ok{});
  reply(base::Error{1105, "HY000", "unknown server " + std::string{name.substr(0, 64)} + "; SHOW SERVERS lists all"});
}

void drain_server(const Context& context, const Caller& caller, std::string_view name, const Reply& reply) {
  drain(context, caller, name, true, reply);
}
void enable_server(const Context& context, const Caller& caller, std::string_view name, const Reply& reply) {
  drain(context, caller, name, false, reply);
}

constexpr std::array table{
    Statement{"HELP", Argument::none, {}, "this list", help},
    Statement{"SHOW HELP", Argument::none, {}, "the same, for shells that keep HELP for themselves", help},
    Statement{"SHOW SERVERS",
              Argument::none,
              {},
              "each server: role, state, lag, connections, latency, and why it is not online",
              show_servers},
    Statement{
        "SHOW REPLICATION", Argument::none, {}, "each server: its source, threads, lag and GTIDs", show_replication},
    Statement{
        "SHOW SESSIONS", Argument::none, {}, "the clients: what each is doing, where, and what pins it", show_sessions},
    Statement{
        "SHOW POOLS", Argument::none, {}, "connections to the servers, by worker, server and account", show_pools},
    Statement{"SHOW DIGESTS", Argument::none, {}, "the 100 kinds of statement that took longest in sum", show_digests},
    Statement{"SHOW DIGESTS LIMIT", Argument::name, "<n>", "as many as asked for, up to 5000", show_digests_limit},
    Statement{"SHOW ROUTES", Argument::none, {}, "how many statements went where, and why", show_routes},
    Statement{"SHOW RULES",
              Argument::none,
              {},
              "the rules of the configuration, and how many statements matched each",
              show_rules},
    Statement{"SHOW PINS", Argument::none, {}, "how often sessions were bound to one server, and why", show_pins},
    Statement{"SHOW SETTINGS",
              Argument::none,
              {},
              "the configuration in force; passwords only as set or not set",
              show_settings},
    Statement{"SHOW READINESS", Argument::none, {}, "whether /readyz says ready; else why not", show_readiness},
    Statement{"EXPLAIN ROUTE", Argument::text, "<sql>",
              "where a statement would go, and why each server was taken or not", explain_route},
    Statement{"SET UP REPLICATION", Argument::options, "[PRIMARY <name>] [OVERWRITE <name>[, ...]] [DRY RUN]",
              "make one primary and replicas of servers that don't replicate", set_up_replication, true},
    Statement{"PROVISION", Argument::options, "<server> [FROM <donor>] [OVERWRITE] [BY DUMP] [DRY RUN]",
              "fill a server with the data of another one, and let it follow the primary", provision, true},
    Statement{"REPAIR", Argument::options, "<server> [OVERWRITE] [KEEP] [DRY RUN]",
              "let a replica go on that stands, or that has transactions of its own", repair, true},
    Statement{"ADD SERVER", Argument::options, "'<address>' [AS <name>] [FROM <donor>] [OVERWRITE] [BY DUMP] [DRY RUN]",
              "watch one more server: it is filled, follows the primary, then takes reads", add_server, true},
    Statement{"REMOVE SERVER", Argument::options, "<name> [WITHIN <time>] [FORCE] [DRY RUN]",
              "no more reads there, replication ends, and nobody watches it any more", remove_server, true},
    Statement{"SHOW PROBLEMS",
              Argument::none,
              {},
              "what works but is not as it should be on the servers, and what to do",
              show_problems},
    Statement{"SHOW OPERATION",
              Argument::none,
              {},
              "the steps of what changes replication now, or of the last that did",
              show_operation},
    Statement{"VERIFY", Argument::options, "[<server>[, ...]] [TABLE <schema>.<table>]",
              "compare replicas with the primary, row by row, while writes go on", verify, true},
    Statement{"SHOW VERIFY", Argument::none, {}, "how far VERIFY is, or how the last one ended", show_verify},
    Statement{
        "SHOW DIFFERENCES", Argument::none, {}, "what VERIFY has found: each row and each object", show_differences},
    Statement{"STOP VERIFY", Argument::none, {}, "end it", stop_verify},
    Statement{"ON", Argument::text, "<server> <sql>",
              "what that server itself answers to a statement that only reads (5 s, 10000 rows)", on_server},
    Statement{"SHOW DATABASES ON", Argument::name, "<server>", "the schemas that it has", show_databases_on},
    Statement{"SHOW TABLES ON", Argument::options, "<server> FROM <schema>", "the tables that it has", show_tables_on},
    Statement{"DRAIN SERVER", Argument::name, "<name>", "take a server out of reads", drain_server},
    Statement{"ENABLE SERVER", Argument::name, "<name>", "take it back", enable_server},
    Statement{
        "PLAN CONFIG", Argument::none, {}, "what the configuration file would change, or its mistakes", plan_config},
    Statement{
        "RELOAD CONFIG", Argument::none, {}, "read it again: what can change while wye runs, does", reload_config},
    Statement{"RELOAD CONFIG CONFIRM", Argument::name, "<time>", "the same, and back after that time without CONFIRM",
              reload_config_confirm},
    Statement{"CONFIRM", Argument::none, {}, "keep what was reloaded", confirm_config},
    Statement{
        "ROLLBACK CONFIG", Argument::none, {}, "back to what was in force before the last reload", rollback_config},
};

/// Another word behind a statement without arguments makes it another statement.
bool run_if(const Statement& s, const Context& context, const Caller& caller, std::string_view text,
            const Reply& reply) {
  std::string_view rest = text;
  if (!take_words(rest, s.words)) return false;
  // A comment in front of SQL may be a hint; it stays.
  if (const auto bare = trimmed(rest); bare.empty() || s.argument != Argument::text) rest = bare;
  rest.remove_prefix(std::min(rest.find_first_not_of(" \t\r\n\v\f"), rest.size()));
  if (s.argument == Argument::none) {
    if (!rest.empty()) return false;
    s.run(context, caller, {}, reply);
    return true;
  }
  std::string name;
  if ((rest.empty() && s.argument != Argument::options) || (s.argument == Argument::name && !take_name(rest, name))) {
    reply(base::Error{1064, "42000", "expected " + syntax(s)});
  } else {
    s.run(context, caller, s.argument == Argument::name ? std::string_view{name} : rest, reply);
  }
  return true;
}

}  // namespace

std::span<const Statement> statements() { return table; }

bool changes_servers(std::string_view text) {
  text = trimmed(text);
  return std::any_of(table.begin(), table.end(), [text](const Statement& s) {
    std::string_view rest = text;
    return s.changes_servers && take_words(rest, s.words);
  });
}

void run_statement(const Context& context, const Caller& caller, std::string_view text, const Reply& reply) {
  text = trimmed(text);
  if (text.empty()) return reply(base::Error{1065, "42000", "Query was empty"});
  for (const Statement& s : table) {
    if (run_if(s, context, caller, text, reply)) return;
  }
  Answer answer;
  if (answer_client_chatter(context, caller, text, answer)) return reply(std::move(answer));
  reply(unknown_statement());
}

}  // namespace wye::admin
