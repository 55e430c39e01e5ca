#include <algorithm>

#include "proxy/base/log.h"
#include "proxy/config/scalar.h"
#include "proxy/session/driver/commands.h"
#include "proxy/session/driver/session.h"

// Rules of the configuration (routing.md 6): which one a statement matches, rejections, deadlines.
namespace wye::session {

namespace {

// How long a server has for ending a statement that was killed; then its connection is given up.
constexpr base::milliseconds patience{5'000};
constexpr base::milliseconds soon{5};

bool is_interruption(std::uint16_t code) {
  return code == 1317 || code == 1028 /* while it sorts */ || code == 3024 || code == 1969;
}

}  // namespace

const routing::Rule* Session::rule_for(std::string_view text, const ReadAs& as) const {
  const auto& schema = statement_ != nullptr ? statement_->schema : session_.schema;
  return context_.rules->match({account_ != nullptr ? account_->user : std::string_view{}, schema, text,
                                peer_.source ? &peer_.source->address : nullptr, as.digest, as.dialect});
}

/// Finds the command's rule. `runs`: it is no PREPARE or parameter. False: the statement is rejected, the client has
/// been told.
bool Session::take_rule(bool runs) {
  if (context_.rules == nullptr) return true;
  const std::string_view text = statement_ != nullptr ? std::string_view{statement_->text} : command_text();
  const routing::Rule* const rule = rule_for(text, tally_.as);
  if (rule == nullptr) return true;
  rule_.of = context_.rules;
  rule_.rule = rule;
  const bool rejected = routing::rejects(*rule, facts_);
  if (runs || rejected) rule->hits->add(context_.worker);
  if (rejected) {
    context_.metrics.statements.at(metrics::RouteKind::session, routing::Reason::rule_reject).add();
    fail({1105, "HY000", rule->reject});
    return false;
  }
  if (runs && rule->timeout) {
    if (rule_.timer == nullptr) rule_.timer = std::make_unique<net::Timer>(context_.loop, [this] { on_deadline(); });
    rule_.timer->once(*rule->timeout);
  }
  return true;
}

base::Error Session::timeout_error() const {
  const bool mariadb = context_.topology->flavour == topology::Flavour::mariadb;
  const std::string message = "Query execution was interrupted: it took longer than the timeout of rule " +
                              rule_.rule->name + " (" + config::to_text(*rule_.rule->timeout) + ")";
  if (mariadb) return {1969, "70100", message};
  return {3024, "HY000", message};
}

void Session::on_deadline() {
  if (rule_.rule == nullptr) return;
  const bool waits = std::holds_alternative<Holding>(state_) || std::holds_alternative<Acquiring>(state_) ||
                     std::holds_alternative<Waiting>(state_) || std::holds_alternative<Learning>(state_);
  if (waits) {
    context_.pool.cancel(*this);
    context_.waiters.cancel(*this);
    if (std::holds_alternative<Learning>(state_)) context_.commits.cancel(*this);
    return timed_out();
  }
  if (std::holds_alternative<Relaying>(state_)) return rule_.over ? give_up_statement() : kill_statement();
  const bool done = std::holds_alternative<Idle>(state_) || std::holds_alternative<Settling>(state_) ||
                    std::holds_alternative<Closed>(state_);
  if (!done) rule_.timer->once(soon);  // a moment of wye's own
}

/// It has not reached a server, or none has it any more.
void Session::timed_out() {
  log::info("statement_timed_out", {{"session", id_}, {"rule", rule_.rule->name}, {"server", "none"}});
  fail(timeout_error());
  finish(true);
}

void Session::kill_statement() {
  auto* backend = held(server_);
  if (backend == nullptr) return;
  rule_.over = true;
  log::info("statement_timed_out", {{"session", id_}, {"rule", rule_.rule->name}, {"server", server(server_).name}});
  // Of a read nobody must know how it ended: SLEEP() is interrupted without an error.
  const bool locks_only = facts_.why == sql::Why::locking_read && (facts_.effects & ~sql::fx_mentions_table) == 0;
  const bool plain = facts_.kind == sql::Kind::read && !facts_.several && (facts_.replica_ok || locks_only);
  if (plain && !attempt_.passed && attempt_.spoiled == Spoiled::no && !session_.in_transaction() &&
      (session_.status() & protocol::status::autocommit) != 0)
    attempt_.spoiled = Spoiled::timed_out;
  keeps_until_ = context_.loop.now() + 2 * patience;
  rule_.kill = std::make_shared<bool>(true);
  context_.killer.kill(*backend, true, [this, alive = std::weak_ptr<bool>(rule_.kill)] {
    if (!alive.expired()) kill_is_over();
  });
  if (rule_.rule != nullptr) rule_.timer->once(patience);
}

/// True: the statement has ended, and the next one waits until the KILL has been answered.
bool Session::waits_for_kill(bool failed) {
  if (rule_.kill == nullptr) return false;
  rule_.ended = true;
  wait_with_answer(failed);
  return true;
}

void Session::kill_is_over() {
  rule_.kill.reset();
  const auto* settling = std::get_if<Settling>(&state_);
  if (settling == nullptr || !rule_.ended) return;
  const bool failed = settling->failed;
  rule_.ended = false;
  client_->hold(false);
  if (attempt_.unreported && settle(failed)) return;
  finish(failed);
}

/// The server neither answers nor lets go.
void Session::give_up_statement() {
  auto* backend = held(server_);
  if (backend == nullptr) return;
  rule_.kill.reset();
  held_.erase(std::find(held_.begin(), held_.end(), backend));
  for (pool::ResponseSink* sink : {static_cast<pool::ResponseSink*>(this), static_cast<pool::ResponseSink*>(&ahead_),
                                   static_cast<pool::ResponseSink*>(&preparer_)})
    backend->orphan(*sink);
  base::Error error = timeout_error();
  error.message += ", and server " + server(server_).name + " did not end it";
  statement_lost(*backend, error);
  context_.pool.discard(*backend);
}

/// The server's word for a statement that was killed, in the client's terms.
bool Session::tells_timeout(const protocol::ErrInfo& err, base::Bytes& payload) const {
  if (!rule_.over || rule_.rule == nullptr || !is_interruption(err.code)) return false;
  const auto error = timeout_error();
  protocol::write_err(payload, {error.code, error.state, error.message});
  return true;
}

}  // namespace wye::session
