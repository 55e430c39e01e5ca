#include "proxy/routing/route.h"

#include "proxy/routing/eligible.h"
#include "proxy/routing/rules.h"
#include "proxy/routing/token.h"

namespace wye::routing {
namespace {

using base::Error;
using base::Result;
using sql::Kind;
using sql::Why;
using topology::ServerId;
using topology::State;

constexpr std::uint16_t er_unknown_error = 1105;

Error refuse(std::string message) { return Error{er_unknown_error, "HY000", "wye: " + std::move(message)}; }

std::string quoted(std::string_view text) { return "'" + std::string{text.substr(0, 64)} + "'"; }

/// May a hint take it to a replica? What is the primary's only because it tells of one server may; a stored function
/// may as well (a replica is read-only); what changes data, takes locks or needs the session's state may not.
bool hint_may_move(const sql::Facts& facts) {
  if (facts.kind == Kind::call) return facts.replica_ok;
  if (facts.kind != Kind::read) return false;
  switch (facts.why) {
    case Why::plain_read:
    case Why::system_schema:
    case Why::show_server:
    case Why::server_variable:
    case Why::unknown_function:
      return true;
    default:
      return false;
  }
}

/// A write in the sense of a hint: taking it to a replica is the client's mistake, and gets an error.
bool counts_as_write(const sql::Facts& facts) {
  switch (facts.kind) {
    case Kind::call:
      return !facts.replica_ok;
    case Kind::write:
    case Kind::unknown:
      return true;
    case Kind::read:
      return facts.why == Why::locking_read || facts.why == Why::into_clause || facts.why == Why::server_function;
    default:
      return false;
  }
}

class Router {
 public:
  explicit Router(const Input& input) : input_{input}, facts_{input.facts}, session_{input.session} {
    wanted_.consistency = input.options.consistency;
    wanted_.max_lag = input.options.max_lag;
    if (input.rule != nullptr) take_rule(*input.rule);
  }

  Result<Route> run() {
    auto route = decide();
    if (route) route->level = wanted_.consistency;
    return route;
  }
  const Wanted& wanted() const { return wanted_; }

 private:
  Result<Route> decide() {
    if (auto status = take_hint(); !status) return status.error();
    if (rejected()) return Route{std::nullopt, Reason::rule_reject, {}, {}};
    if (session_.pinned) return to_primary(Reason::pinned);
    if (session_.in_transaction && !begins_anew()) return inside_transaction();
    if (!session_.autocommit) return to_primary(Reason::autocommit_off);
    return outside_transaction();
  }
  void take_rule(const Rule& rule);
  bool rejected() const { return input_.rule != nullptr && rejects(*input_.rule, facts_); }
  bool rule_routes(Rule::To to) const {
    const sql::Hint& hint = facts_.hint;
    const bool hint_routes = hint.primary || hint.replica || !hint.server.empty();
    return input_.rule != nullptr && input_.rule->to == to && !hint_routes;
  }
  base::Status take_hint();
  base::Status check_hint_server();
  bool begins_anew() const;
  bool leaves_nothing_behind() const;
  Result<Route> inside_transaction() const;
  Result<Route> outside_transaction();
  Result<Route> begin();
  Result<Route> read();
  Result<Route> rule_read(Reason reason);
  Route previous_statement() const;
  Result<Route> on_replica(Reason reason);
  Error none_eligible() const;
  Route to_primary(Reason reason) const { return Route{input_.topology.primary, reason, {}, {}}; }

  const Input& input_;
  const sql::Facts& facts_;
  const SessionView& session_;
  Wanted wanted_;
  std::optional<ServerId> hinted_server_;
};

/// What a hint doesn't say. Its server narrows the choice, and is no way around lag or consistency.
void Router::take_rule(const Rule& rule) {
  if (rule.consistency) wanted_.consistency = *rule.consistency;
  if (rule.max_lag) wanted_.max_lag = *rule.max_lag;
  wanted_.tag = rule.tag;
  if (rule_routes(Rule::To::server)) wanted_.server = rule.server;
}

/// Mistakes in a hint are errors wherever the session is, so that a program sees them the first time.
base::Status Router::take_hint() {
  const sql::Hint& hint = facts_.hint;
  if (!hint.present) return base::Ok{};
  const bool lenient = input_.options.lenient_hints;
  if (!hint.unknown_word.empty() && !lenient) return refuse("unknown word in the hint: " + quoted(hint.unknown_word));
  if (hint.primary && hint.replica && !lenient) return refuse("the hint asks for the primary and for a replica");
  if (!hint.consistency.empty()) {
    const auto level = parse_consistency(hint.consistency);
    if (level) {
      wanted_.consistency = *level;
    } else if (!lenient) {
      return refuse("unknown consistency in the hint: " + quoted(hint.consistency));
    }
  }
  if (!hint.token.empty()) {
    const auto token = parse_token(input_.topology.flavour, hint.token);
    if (!token && !lenient) return refuse(token.error().message + " in the hint: " + quoted(hint.token));
  }
  if (hint.max_lag_ms) wanted_.max_lag = base::milliseconds{*hint.max_lag_ms};
  if (!hint.tag.empty()) wanted_.tag = hint.tag;
  if (hint.replica && counts_as_write(facts_)) {
    return refuse("a hint can't take this statement to a replica: " + std::string{name(reason_of(facts_.why))});
  }
  return hint.server.empty() ? base::Status{base::Ok{}} : check_hint_server();
}

base::Status Router::check_hint_server() {
  const auto& servers = input_.topology.servers;
  for (std::size_t i = 0; i < servers.size(); ++i) {
    if (servers[i].removed || servers[i].name != facts_.hint.server) continue;
    const auto id = static_cast<ServerId>(i);
    if (input_.topology.primary != id && counts_as_write(facts_)) {
      return refuse("a hint can't take this statement to a replica: " + std::string{name(reason_of(facts_.why))});
    }
    hinted_server_ = id;
    return base::Ok{};
  }
  if (input_.options.lenient_hints) return base::Ok{};
  return refuse("unknown server in the hint: " + quoted(facts_.hint.server));
}

/// BEGIN inside a READ ONLY transaction ends that one, which changed nothing, and may begin elsewhere. On MySQL the new
/// one is READ ONLY as well, unless it says READ WRITE.
bool Router::begins_anew() const {
  const bool writes =
      input_.topology.flavour == topology::Flavour::mariadb || facts_.has(sql::fx_read_write_transaction);
  const bool own_mode = writes || facts_.has(sql::fx_read_only_transaction);
  return facts_.kind == Kind::begin && own_mode && session_.transaction_read_only && session_.autocommit;
}

/// In a READ ONLY transaction on a replica: may the statement run there? Not if it is the primary's anywhere else as
/// well, or leaves something on its connection that the session would miss when the transaction is over.
bool Router::leaves_nothing_behind() const {
  if (facts_.several) return facts_.replica_ok;
  switch (facts_.kind) {
    case Kind::read: {
      const bool here = session_.last_statement == session_.transaction_server && !facts_.has(sql::fx_last_insert_id);
      return facts_.why == Why::previous_statement_value ? here : facts_.replica_ok;
    }
    case Kind::begin:
    case Kind::commit:
    case Kind::rollback:
      return !session_.transaction_beside;  // else the primary's connection ends it
    case Kind::set:                         // what trackers report is repeated elsewhere
      return facts_.why == Why::set_statement && facts_.effects == sql::fx_set_session;
    case Kind::use:
    case Kind::empty:
      return true;
    case Kind::call:
      return facts_.replica_ok;
    default:  // SAVEPOINT among them: on a MariaDB that is read_only, COMMIT refuses what it has written to the binary
              // log
      return false;
  }
}

/// A READ ONLY transaction is on one replica. What its first read sees is what the whole transaction sees, so that one
/// must be fresh, as if it began there; else the transaction, in which nothing has happened, begins again elsewhere.
Result<Route> Router::inside_transaction() const {
  if (!session_.transaction_read_only || !session_.transaction_server) return to_primary(Reason::transaction);
  const Route there{session_.transaction_server, Reason::read_only_transaction, {}, {}};
  const ServerId id = *session_.transaction_server;
  if (input_.topology.primary != id && !leaves_nothing_behind()) {
    const bool for_its_kind = facts_.kind == Kind::read || facts_.kind == Kind::set || facts_.kind == Kind::write;
    return to_primary(for_its_kind && facts_.why != Why::plain_read ? reason_of(facts_.why) : Reason::transaction);
  }
  const bool reads = facts_.kind == Kind::read || facts_.kind == Kind::call;
  const bool first_read = session_.transaction_untouched && reads;
  if (!first_read || input_.topology.primary == id) return there;
  const topology::Server& server = input_.topology.servers[id];
  if (input_.need.covered_by(wanted_.consistency, id, server)) return there;
  if (may_wait_for(input_, wanted_, server))
    return Route{input_.topology.primary, Reason::replicas_behind, {{id}, 1}, {}};
  if (input_.options.reads_on_primary == ReadsOnPrimary::never) return none_eligible();
  return to_primary(Reason::replicas_behind);
}

Result<Route> Router::outside_transaction() {
  // A statement that is its own transaction is the next one, where it was said.
  if (session_.next_transaction && facts_.kind == Kind::read) return to_primary(Reason::transaction);
  switch (facts_.kind) {
    case Kind::begin:
      return begin();
    case Kind::read:
      return read();
    case Kind::call:
      if (facts_.replica_ok) return read();
      [[fallthrough]];
    default:
      return to_primary(reason_of(facts_.why));
  }
}

Result<Route> Router::begin() {
  const bool read_only = facts_.has(sql::fx_read_only_transaction) ||
                         (session_.session_read_only && !facts_.has(sql::fx_read_write_transaction));
  if (!read_only || facts_.several || facts_.hint.primary) {
    return to_primary(facts_.hint.primary ? Reason::hint_primary : Reason::transaction);
  }
  if (rule_routes(Rule::To::primary)) return to_primary(Reason::rule_primary);
  // What else the transaction would do to the session on a replica could not be carried to the primary.
  if (session_.untracked) return to_primary(Reason::transaction);
  // What it reads along with them must be of the same moment as what it reads without.
  if (session_.reads_own_state) return to_primary(Reason::user_variable);
  if (session_.serializable) return to_primary(Reason::serializable);
  if (wanted_.consistency == Consistency::primary) return to_primary(Reason::reads_always_primary);
  return on_replica(Reason::read_only_transaction);
}

Result<Route> Router::read() {
  const sql::Hint& hint = facts_.hint;
  if (hint.primary) return to_primary(Reason::hint_primary);
  if (hinted_server_ && (hint_may_move(facts_) || input_.topology.primary == *hinted_server_)) {
    const topology::Server& server = input_.topology.servers[*hinted_server_];
    if (server.state == State::offline || server.state == State::broken) {
      return refuse("the server of the hint is " + std::string{topology::name(server.state)} + ": " +
                    quoted(server.name));
    }
    return Route{hinted_server_, Reason::hint_server, {}, {}};
  }
  if (hint.replica && hint_may_move(facts_)) return on_replica(Reason::hint_replica);
  if (facts_.why == Why::previous_statement_value) return previous_statement();
  if (rule_routes(Rule::To::primary) && rule_may_move(facts_)) return to_primary(Reason::rule_primary);
  if (rule_routes(Rule::To::replica) && rule_may_move(facts_)) return rule_read(Reason::rule_replica);
  if (rule_routes(Rule::To::server) && rule_may_move(facts_)) {
    const auto& primary = input_.topology.primary;
    if (primary && input_.topology.servers[*primary].name == input_.rule->server)
      return to_primary(Reason::rule_server);
    return rule_read(Reason::rule_server);
  }
  if (!facts_.replica_ok) return to_primary(reason_of(facts_.why));
  if (session_.serializable) return to_primary(Reason::serializable);
  if (wanted_.consistency == Consistency::primary) return to_primary(Reason::reads_always_primary);
  return on_replica(Reason::replica_read);
}

/// A rule may say where a read goes, not what it sees.
Result<Route> Router::rule_read(Reason reason) {
  if (session_.serializable) return to_primary(Reason::serializable);
  if (wanted_.consistency == Consistency::primary) return to_primary(Reason::reads_always_primary);
  return on_replica(reason);
}

/// FOUND_ROWS() and its kind have their value where the previous statement ran; an insert id only the primary makes.
Route Router::previous_statement() const {
  const bool only_previous = facts_.has(sql::fx_previous_result) && !facts_.has(sql::fx_last_insert_id);
  if (only_previous && session_.last_statement && *session_.last_statement < input_.topology.servers.size() &&
      input_.topology.servers[*session_.last_statement].state != State::offline) {
    return Route{session_.last_statement, Reason::previous_statement_value, {}, {}};
  }
  return to_primary(Reason::previous_statement_value);
}

Result<Route> Router::on_replica(Reason reason) {
  const bool with_primary = input_.options.reads_on_primary == ReadsOnPrimary::always && reason == Reason::replica_read;
  const Choice choice = choose(input_, wanted_, with_primary);
  if (choice.server) return Route{choice.server, reason, {}, {}};
  if (choice.wait.count > 0) return Route{input_.topology.primary, Reason::replicas_behind, choice.wait, {}};
  if (input_.options.reads_on_primary == ReadsOnPrimary::never) return none_eligible();
  return to_primary(choice.none_because);
}

Error Router::none_eligible() const {
  std::string message = "no replica may serve this read";
  char separator = ':';
  for (const auto& server : input_.topology.servers) {
    if (server.removed) continue;
    message += separator;
    message += ' ' + server.name + ' ' + name(judge(input_, wanted_, server));
    separator = ',';
  }
  return refuse(std::move(message));
}

}  // namespace

std::optional<Consistency> parse_consistency(std::string_view word) {
  if (word == "eventual") return Consistency::eventual;
  if (word == "monotonic") return Consistency::monotonic;
  if (word == "session") return Consistency::session;
  if (word == "global") return Consistency::global;
  if (word == "primary") return Consistency::primary;
  return std::nullopt;
}

Result<Route> route(const Input& input) { return Router{input}.run(); }

Result<Route> explain(const Input& input, std::vector<Candidate>& candidates) {
  Router router{input};
  const Result<Route> route = router.run();
  candidates.clear();
  for (std::size_t i = 0; i < input.topology.servers.size(); ++i) {
    if (input.topology.servers[i].removed) continue;
    const auto id = static_cast<ServerId>(i);
    Rejected rejected = judge(input, router.wanted(), input.topology.servers[i]);
    const bool chosen = route && route.value().server == id;
    if (chosen) {
      rejected = Rejected::none;
    } else if (rejected == Rejected::none) {
      rejected = Rejected::not_chosen;  // it could have served a read
    }
    const bool would_wait =
        rejected == Rejected::behind && may_wait_for(input, router.wanted(), input.topology.servers[i]);
    candidates.push_back(Candidate{id, rejected, would_wait});
  }
  return route;
}

}  // namespace wye::routing
