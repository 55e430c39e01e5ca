#include "proxy/cli/explain.h"

#include <istream>
#include <nlohmann/json.hpp>
#include <ostream>
#include <vector>

#include "proxy/sql/digest.h"

namespace wye::cli {
namespace {

using Json = nlohmann::ordered_json;

struct CoversAll : routing::Need {
  bool covered_by(routing::Consistency, topology::ServerId, const topology::Server&) const override { return true; }
};

const base::TimePoint now{};

topology::Server healthy(std::string name, topology::Role role) {
  topology::Server server;
  server.name = std::move(name);
  server.role = role;
  server.state = topology::State::online;
  server.observed_at = now;
  if (role == topology::Role::replica) {
    server.receiver_running = server.applier_running = true;
    server.lag = base::milliseconds{0};
  }
  return server;
}

/// One primary and one replica. No server's name is known here: one that a hint or a rule names is taken for a replica,
/// and the replica has the tags that they ask for.
topology::Topology topology_for(const sql::Hint& hint, const routing::Rule* rule) {
  topology::Topology topology;
  topology.servers.push_back(healthy("primary", topology::Role::primary));
  topology.servers.push_back(healthy("replica", topology::Role::replica));
  topology.primary = topology::ServerId{0};
  if (!hint.tag.empty()) topology.servers[1].tags.emplace_back(hint.tag);
  if (!hint.server.empty() && hint.server != "primary" && hint.server != "replica") {
    topology.servers.push_back(healthy(std::string{hint.server}, topology::Role::replica));
  }
  if (rule == nullptr) return topology;
  if (!rule->server.empty()) topology.servers.push_back(healthy(rule->server, topology::Role::replica));
  if (!rule->tag.empty()) {
    for (auto& server : topology.servers) server.tags.push_back(rule->tag);
  }
  return topology;
}

const routing::Rule* rule_for(const std::string& statement, std::uint64_t digest, const ExplainOptions& options) {
  if (options.rules == nullptr) return nullptr;
  const auto client = protocol::IpAddress::parse(options.client);
  return options.rules->match(
      {options.user, options.schema, statement, client ? &*client : nullptr, digest, options.dialect});
}

bool is_session_only(const sql::Facts& facts) {
  switch (facts.kind) {
    case sql::Kind::set:
      return facts.why == sql::Why::set_statement;
    case sql::Kind::use:
    case sql::Kind::commit:
    case sql::Kind::rollback:
    case sql::Kind::savepoint:
    case sql::Kind::empty:
      return true;
    default:
      return false;
  }
}

constexpr std::size_t digest_size = 4096;

struct Answer {
  sql::Facts facts;
  std::string digest, digest_text;
  ExplainedRoute route = ExplainedRoute::none;
  std::string reason;
  std::string rule;   // in words; empty: none
  std::string error;  // not empty: wye refuses the statement
};

Answer answer_for(const std::string& statement, const ExplainOptions& options) {
  Answer answer;
  std::vector<char> buffer(digest_size);
  sql::Digester digester{options.dialect, buffer};
  answer.facts = sql::classify(statement, options.dialect, &digester);
  const sql::Digest digest = digester.finish(answer.facts.kind != sql::Kind::unknown);
  answer.digest = sql::in_hex(digest.hash);
  answer.digest_text = digest.text;
  const routing::Rule* const rule = rule_for(statement, digest.hash, options);
  const topology::Topology topology = topology_for(answer.facts.hint, rule);
  const CoversAll need;
  const routing::SessionView session;
  const std::vector<routing::Load> load;
  const auto route =
      routing::route(routing::Input{answer.facts, session, topology, need, options.routing, load, now, rule});
  if (!route) {
    answer.reason = sql::name(answer.facts.why);
    answer.error = route.error().message;
    return answer;
  }
  answer.reason = routing::name(route.value().reason);
  answer.rule = routing::rule_in_words(rule, answer.facts, route.value().reason);
  if (route.value().reason == routing::Reason::rule_reject) {
    answer.error = rule->reject;
    return answer;
  }
  if (is_session_only(answer.facts)) {
    answer.route = ExplainedRoute::session;
  } else if (route.value().server) {
    const bool primary = route.value().server == topology.primary;
    answer.route = primary ? ExplainedRoute::primary : ExplainedRoute::replica;
  }
  return answer;
}

std::vector<std::string> effects_of(const sql::Facts& facts) {
  std::vector<std::string> names;
  for (unsigned bit = 0; bit < 32; ++bit) {
    const std::uint32_t mask = std::uint32_t{1} << bit;
    if ((facts.effects & mask) != 0) names.emplace_back(sql::name(static_cast<sql::Effect>(mask)));
  }
  return names;
}

Json hint_of(const sql::Hint& hint) {
  Json json = Json::object();
  if (hint.primary) json["primary"] = true;
  if (hint.replica) json["replica"] = true;
  if (!hint.server.empty()) json["server"] = std::string{hint.server};
  if (!hint.consistency.empty()) json["consistency"] = std::string{hint.consistency};
  if (hint.max_lag_ms) json["max_lag_ms"] = *hint.max_lag_ms;
  if (!hint.tag.empty()) json["tag"] = std::string{hint.tag};
  if (!hint.token.empty()) json["token"] = std::string{hint.token};
  if (!hint.unknown_word.empty()) json["unknown_word"] = std::string{hint.unknown_word};
  return json;
}

/// Bytes that are no UTF-8 become U+FFFD: the output is always valid JSON.
std::string dumped(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

void print_json(const std::string& statement, const Answer& answer, std::ostream& out) {
  Json json;
  json["kind"] = sql::name(answer.facts.kind);
  json["route"] = name(answer.route);
  json["reason"] = answer.reason;
  json["why"] = sql::name(answer.facts.why);
  json["effects"] = effects_of(answer.facts);
  json["several"] = answer.facts.several;
  if (answer.facts.hint.present) json["hint"] = hint_of(answer.facts.hint);
  if (!answer.rule.empty()) json["rule"] = answer.rule;
  if (!answer.error.empty()) json["error"] = answer.error;
  json["digest"] = answer.digest;
  json["digest_text"] = answer.digest_text;
  json["statement"] = statement;
  out << dumped(json) << '\n';
}

/// Control characters would let a statement write over the terminal that shows it.
std::string printable(const std::string& text) {
  std::string shown;
  for (const char c : text) {
    if (c == '\n') {
      shown += "\\n";
    } else if (c == '\t') {
      shown += "\\t";
    } else {
      shown += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
    }
  }
  return shown;
}

void print_text(const std::string& statement, const Answer& answer, std::ostream& out) {
  out << printable(statement) << '\n';
  out << "  kind     " << sql::name(answer.facts.kind) << (answer.facts.several ? " (several statements)" : "") << '\n';
  out << "  route    " << name(answer.route) << '\n';
  out << "  reason   " << answer.reason << '\n';
  out << "  why      " << sql::name(answer.facts.why) << '\n';
  const char* separator = "  effects  ";
  for (const auto& effect : effects_of(answer.facts)) {
    out << separator << effect;
    separator = ", ";
  }
  if (separator[0] == ',') out << '\n';
  if (answer.facts.hint.present) out << "  hint     " << printable(dumped(hint_of(answer.facts.hint))) << '\n';
  out << "  digest   " << answer.digest << ' ' << printable(answer.digest_text) << '\n';
  if (!answer.rule.empty()) out << "  rule     " << printable(answer.rule) << '\n';
  if (!answer.error.empty()) out << "  error    " << printable(answer.error) << '\n';
}

/// \n, \t and \\; any other backslash stands for itself.
std::string unescaped(const std::string& line) {
  std::string text;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char next = i + 1 < line.size() ? line[i + 1] : '\0';
    if (line[i] == '\\' && (next == 'n' || next == 't' || next == '\\')) {
      text += next == 'n' ? '\n' : next == 't' ? '\t' : '\\';
      ++i;
    } else {
      text += line[i];
    }
  }
  return text;
}

void explain_one(const std::string& statement, const ExplainOptions& options, std::ostream& out) {
  const Answer answer = answer_for(statement, options);
  if (options.json) {
    print_json(statement, answer, out);
  } else {
    print_text(statement, answer, out);
  }
}

}  // namespace

const char* name(ExplainedRoute route) {
  switch (route) {
    case ExplainedRoute::primary:
      return "primary";
    case ExplainedRoute::replica:
      return "replica";
    case ExplainedRoute::session:
      return "session";
    case ExplainedRoute::none:
      return "none";
  }
  return "none";
}

int run_explain(const ExplainOptions& options, std::istream& in, std::ostream& out, std::ostream& err) {
  if (options.sql == "-") {
    for (std::string line; out && std::getline(in, line);) {
      if (!line.empty()) explain_one(unescaped(line), options, out);
    }
  } else {
    explain_one(options.sql, options, out);
  }
  out.flush();
  if (out) return 0;
  err << "wye explain: the output can't be written\n";
  return 1;
}

}  // namespace wye::cli
