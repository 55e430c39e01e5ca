#include "proxy/protocol/result_set.h"
#include "proxy/routing/token.h"
#include "proxy/session/driver/commands.h"
#include "proxy/session/driver/session.h"
#include "proxy/sql/token_query.h"

// What the session has written and seen, what its reads need because of that, and the same as a token (routing.md 5).
namespace wye::session {

namespace {

constexpr std::uint32_t uses_data = sql::fx_mentions_table | sql::fx_stored_function | sql::fx_text_prepare;

}  // namespace

/// Before each routing: the position as of this primary, and what the hint asks for beyond it. A token that is none
/// gets its error from routing.
routing::LevelNeed Session::levels(const sql::Facts& facts) {
  position_.follow(context_.need.sightings());
  token_.reset();
  if (!facts.hint.token.empty()) {
    auto token = routing::parse_token(context_.topology->flavour, facts.hint.token);
    if (token) token_ = std::move(*token);
  }
  return {context_.need, position_, token_ ? &*token_ : nullptr};
}

/// Only the primary can say what this read must see at least: it is asked once. True: the read will be routed again.
bool Session::learn(const routing::LevelNeed& need, bool refused, const routing::Route* route) {
  if (!need.primary_may_tell() || asked_primary_ || goal_ || context_.options.wait.count() == 0) return false;
  const bool on_primary = route != nullptr && route->reason >= routing::Reason::no_replica &&
                          route->reason <= routing::Reason::replicas_differ && route->wait.count == 0;
  return (refused || on_primary) && ask_primary();
}

bool Session::ask_primary() {
  asked_primary_ = true;
  asking_since_ = base::Clock::now();
  if (!context_.topology->primary) return false;
  // Numbers of a token that nobody was told of here can only be waited for as the frontier's.
  const auto why = token_ ? Commits::Why::token : Commits::Why::reads;
  if (!context_.commits.ask(*this, why)) return false;
  server_ = *context_.topology->primary;
  become(Learning{});
  return true;
}

void Session::note_known() {
  const auto& known = context_.commits.known();
  if (known.set != nullptr && known.asked >= asking_since_) position_.learned(known.server, known.set, known.asked);
}

/// Nobody can say what was committed: all readers, and this session for longer, wait for an observation.
void Session::warn_of_commits() {
  context_.commits.warn();
  position_.wrote_unnamed(server_, base::Clock::now());
}

bool Session::may_show_data() const {
  if (command_[4] != com_query && command_[4] != com_stmt_execute) return false;
  const bool reads = facts_.kind == sql::Kind::read || facts_.kind == sql::Kind::set;
  return reads ? facts_.several || (facts_.effects & uses_data) != 0
               : facts_.several || facts_.kind == sql::Kind::call || facts_.kind == sql::Kind::unknown ||
                     facts_.has(sql::fx_consistent_snapshot);
}

/// With AFTER_SYNC the primary may not show yet what the session has seen on a replica. True: it will run when it does.
bool Session::wait_for_primary(topology::ServerId id) {
  if (asked_shown_ || !is_primary(id) || !server(id).commits_after_replicas) return false;
  if (level_ == routing::Consistency::eventual || context_.options.wait.count() == 0 || !may_show_data()) return false;
  if (replica_read_at_ <= context_.commits.shown_until()) return false;
  asked_shown_ = true;
  if (context_.commits.ask(*this, Commits::Why::shown)) {
    become(Learning{true});
    return true;
  }
  count_primary_behind();
  return false;
}

/// It could not be asked, or has not caught up in time.
void Session::count_primary_behind() {
  if (replica_read_at_ > context_.commits.shown_until())
    context_.metrics.consistency_fallbacks[metrics::ConsistencyFallback::primary_behind].add();
}

void Session::primary_caught_up() {
  count_primary_behind();
  if (to_primary_) return run_on_primary(reason_);
  route_and_run();
}

/// The statement has run: what its client was shown, later reads must not miss.
void Session::note_seen(base::TimePoint now) {
  const bool plain = facts_.kind == sql::Kind::read && !facts_.several && (facts_.effects & uses_data) == 0;
  const bool shows = ran_.result_set || facts_.kind == sql::Kind::call;  // its last answer has no rows
  if (!shows || plain || command_[4] == com_stmt_prepare) return;
  const bool chosen = reason_ == routing::Reason::replica_read || reason_ == routing::Reason::hint_replica ||
                      reason_ == routing::Reason::rule_replica || reason_ == routing::Reason::rule_server ||
                      reason_ == routing::Reason::read_only_transaction;
  const bool covers = chosen && level_ != routing::Consistency::eventual;
  // The primary has what replicas have shown, but for what it lets them show first.
  const bool has_all = is_primary(server_) &&
                       (!server(server_).commits_after_replicas || replica_read_at_ <= context_.commits.shown_until());
  if (!is_primary(server_)) replica_read_at_ = now;
  position_.saw(server_, now, covers || has_all);
}

/// `SELECT @@wye_token`. False: it is another statement.
bool Session::token_query() {
  const auto column = sql::token_column(command_text());
  if (!column || !whole_) return false;
  token_column_ = *column;
  answer_token();
  return true;
}

std::string Session::token_statement(const std::string& column, const std::string& token) {
  return "SELECT CAST('" + token + "' AS CHAR(4096)) AS `" + column + "`";
}

void Session::answer_token() {
  position_.follow(context_.need.sightings());
  const auto set = position_.as_set(context_.need);
  if (!set && !asked_primary_ && ask_primary()) return;
  const auto column = *std::exchange(token_column_, std::nullopt);
  if (!set) {
    fail({1105, "HY000", "wye: the session's position is not known: the primary could not be asked"});
    return finish(true);
  }
  const std::string text = set->to_string(context_.topology->flavour);
  if (statement_ != nullptr) {  // its row is binary: any server writes it
    statement_ = &prepared_.stand_in(*statement_, token_statement(column, text));
    statement_->facts = facts_ = sql::classify(statement_->text, dialect());
    return route_and_run();
  }
  base::Bytes out;
  protocol::write_result(
      out, 1, {{column}, {{text}}},
      {(capabilities_ & protocol::cap::deprecate_eof) != 0, (capabilities_ & protocol::cap::session_track) != 0,
       session_.status(), (capabilities_ & protocol::cap::optional_resultset_metadata) != 0});
  client_->write(out);
  if (std::holds_alternative<Learning>(state_)) finish(false);
}

}  // namespace wye::session
