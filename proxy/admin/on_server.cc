#include "proxy/admin/on_server.h"

#include <algorithm>

#include "proxy/admin/operations.h"
#include "proxy/admin/reads_only.h"
#include "proxy/admin/words.h"
#include "proxy/base/log.h"

namespace wye::admin {

namespace {

constexpr std::string_view blank = " \t\r\n\v\f";
constexpr std::size_t longest_name = 64;

base::Error not_there() { return {1105, "HY000", "servers: not known in this process"}; }
base::Error wrong(const char* usage) { return {1064, "42000", std::string{"expected "} + usage}; }

base::Error unknown(std::string_view name, const topology::Topology& topology) {
  std::string text = "unknown server " + std::string{name.substr(0, longest_name)} + "; there are: ";
  const char* comma = "";
  for (const auto& server : topology.servers) {
    if (server.removed) continue;
    text.append(comma).append(server.name);
    comma = ", ";
  }
  return {1105, "HY000", std::move(text)};
}

bool can_read(const Context& context) { return context.topology && context.read; }

const topology::Server* find(const topology::Topology& topology, std::string_view name) {
  for (const auto& server : topology.servers)
    if (!server.removed && server.name == name) return &server;
  return nullptr;
}

/// The reader's sessions have an empty sql_mode, so the version says all of how the server cuts the text.
sql::Dialect dialect_of(const topology::Server& server) {
  sql::Dialect dialect;
  dialect.mariadb = server.version.flavour == topology::Flavour::mariadb;
  dialect.version = server.version.number;
  return dialect;
}

protocol::Table table_of(server::Table&& answer, bool mask) {
  protocol::Table table{std::move(answer.columns), std::move(answer.rows)};
  if (!mask) return table;
  for (auto& row : table.rows)
    for (auto& cell : row)
      if (cell) cell = without_secrets(*cell);
  return table;
}

/// The text is not logged: it may hold data, and passwords of those who are mistaken.
void log_read(const manager::ReadRequest& request, const Caller& caller, bool sent) {
  log::info(
      "admin_statement",
      {{"statement", "ON"}, {"server", request.server}, {"uid", caller.uid}, {"user", caller.user}, {"sent", sent}});
}

void read(const Context& context, const Caller& caller, manager::ReadRequest request, const Reply& reply) {
  const auto topology = context.topology();
  if (!topology) return reply(not_there());
  const topology::Server* server = find(*topology, request.server);
  if (server == nullptr) return reply(unknown(request.server, *topology));
  if (server->version.text.empty())
    return reply(base::Error{1105, "HY000", server->name + " has not answered yet: " + server->reason});
  const sql::Dialect dialect = dialect_of(*server);
  if (const auto why = refusal(request.sql, dialect); !why.empty()) {
    log_read(request, caller, false);
    return reply(base::Error{1792, "25006", "ON takes one statement that only reads: " + why});
  }
  log_read(request, caller, true);
  request.unwanted = [client = caller.client] { return client.expired(); };
  const bool mask = shows_statements(request.sql, dialect);
  auto begun = context.read(std::move(request), [reply, mask](base::Result<server::Table> answer) {
    if (!answer) return reply(answer.error());
    if (answer->columns.empty()) return reply(base::Ok{});
    reply(table_of(std::move(*answer), mask));
  });
  if (!begun) reply(begun.error());
}

}  // namespace

bool parse_on(std::string_view text, ServerAndRest& out) {
  text = trimmed(text);
  if (text.empty()) return false;
  const char quote = text.front();
  const bool quoted = quote == '\'' || quote == '"' || quote == '`';
  const std::size_t end = quoted ? text.find(quote, 1) : std::min(text.find_first_of(blank), text.size());
  if (end == std::string_view::npos) return false;
  out.server = text.substr(quoted ? 1 : 0, end - (quoted ? 1 : 0));
  out.rest = text.substr(end + (quoted ? 1 : 0));
  return !out.server.empty();
}

base::Result<manager::ReadRequest> parse_show_tables_on(std::string_view options) {
  const auto usage = wrong("SHOW TABLES ON <server> FROM <schema>");
  ServerAndRest on;
  std::string schema;
  if (!parse_on(options, on)) return usage;
  const std::string_view word = next_word(on.rest);
  if ((!same(word, "FROM") && !same(word, "IN")) || !take_name(on.rest, schema)) return usage;
  manager::ReadRequest request;
  request.server = std::move(on.server);
  request.sql = "SHOW TABLES FROM `";
  for (const char c : schema) request.sql.append(c == '`' ? 2 : 1, c);
  request.sql += '`';
  return request;
}

void on_server(const Context& context, const Caller& caller, std::string_view text, const Reply& reply) {
  if (!can_read(context)) return reply(not_there());
  ServerAndRest on;
  if (!parse_on(text, on) || on.rest.find_first_not_of(blank) == std::string_view::npos)
    return reply(wrong("ON <server> <sql>"));
  manager::ReadRequest request;
  request.server = std::move(on.server);
  request.sql = on.rest.substr(on.rest.find_first_not_of(blank));
  read(context, caller, std::move(request), reply);
}

void show_databases_on(const Context& context, const Caller& caller, std::string_view server, const Reply& reply) {
  if (!can_read(context)) return reply(not_there());
  manager::ReadRequest request;
  request.server = server;
  request.sql = "SHOW DATABASES";
  read(context, caller, std::move(request), reply);
}

void show_tables_on(const Context& context, const Caller& caller, std::string_view options, const Reply& reply) {
  if (!can_read(context)) return reply(not_there());
  auto request = parse_show_tables_on(options);
  if (!request) return reply(request.error());
  read(context, caller, std::move(*request), reply);
}

}  // namespace wye::admin
