#include "proxy/sql/ascii.h"
#include "proxy/sql/statement.h"

namespace wye::sql {
namespace {

/// Does a statement that EXPLAIN takes begin here? Otherwise EXPLAIN stands for DESCRIBE table.
bool begins_statement(const Token& token) {
  if (token.is('(')) return true;
  switch (token.word) {
    case Word::SELECT:
    case Word::TABLE:
    case Word::VALUES:
    case Word::WITH:
    case Word::INSERT:
    case Word::REPLACE:
    case Word::UPDATE:
    case Word::DELETE:
      return true;
    default:
      return false;
  }
}

/// EXPLAIN ROUTE takes every statement; but "EXPLAIN route" and "EXPLAIN route id" describe a table of that name.
bool begins_route(const Token& next, const Token& after) {
  if (next.is('(') || begins_statement(next)) return true;
  if (next.kind != TokenKind::word || next.word == Word::none) return false;
  const bool alone = after.kind == TokenKind::end || after.is(';');
  return !alone || next.is(Word::COMMIT) || next.is(Word::ROLLBACK) || next.is(Word::BEGIN);
}

/// Is SHOW `what` `next` the same on every server that has applied the same transactions?
bool shows_the_same_everywhere(const Token& what, const Token& next) {
  switch (what.word) {
    case Word::TABLES:
    case Word::DATABASES:
    case Word::SCHEMAS:
    case Word::COLUMNS:
    case Word::FIELDS:
    case Word::INDEX:
    case Word::INDEXES:
    case Word::KEYS:
    case Word::TRIGGERS:
    case Word::CHARSET:
    case Word::COLLATION:
    case Word::PACKAGE:
    case Word::AUTHORS:
    case Word::CONTRIBUTORS:
      return true;
    case Word::CHARACTER:
      return next.is(Word::SET);
    case Word::TABLE:
    case Word::FUNCTION:
    case Word::PROCEDURE:
      return next.is(Word::STATUS);
    // An event's status and an account are of one server. A table's text is too: the binary log of CREATE ... SELECT
    // names collations that the statement did not.
    case Word::CREATE:
      return next.is(Word::VIEW) || next.is(Word::DATABASE) || next.is(Word::SCHEMA) || next.is(Word::PROCEDURE) ||
             next.is(Word::FUNCTION) || next.is(Word::TRIGGER) || next.is(Word::PACKAGE);
    default:
      return false;
  }
}

}  // namespace

void Statement::read() {
  become(Kind::read, Why::plain_read);
  while (tokens_.now().is('(')) scanner_.step();
  switch (tokens_.now().word) {
    case Word::SELECT:
    case Word::VALUES:
    case Word::TABLE:
    case Word::WITH:
      return;
    default:
      return unknown();
  }
}

void Statement::explain() {
  const bool full_word = tokens_.now().is(Word::EXPLAIN);
  tokens_.advance();
  become(Kind::read, Why::plain_read);
  if (full_word && tokens_.now().is(Word::ROUTE) && begins_route(tokens_.ahead(), tokens_.ahead(2))) {
    scanner_.add(fx_explain_route);
    scanner_.raise(Why::route_explain);
    while (!tokens_.at_statement_end()) tokens_.advance();  // what it would do is not done
    return;
  }
  bool analyze = false;
  while (explain_option(analyze)) {
  }
  if (tokens_.now().is(Word::FOR) && tokens_.ahead().is(Word::CONNECTION)) return scanner_.raise(Why::show_server);
  if (begins_statement(tokens_.now())) return explain_inner(analyze);
  if (analyze || !tokens_.now().is_name()) return unknown();
  describe_table();
}

/// One word between EXPLAIN and the statement. False if there is none.
bool Statement::explain_option(bool& analyze) {
  const Token& now = tokens_.now();
  const Token& next = tokens_.ahead();
  if (now.is(Word::ANALYZE)) {
    analyze = true;
  } else if (now.is(Word::FORMAT) && next.is('=')) {
    tokens_.advance();
    tokens_.advance();
  } else if (now.is(Word::INTO) && next.kind == TokenKind::user_variable) {
    scanner_.step();
    scanner_.step();
    return true;
  } else if (now.is(Word::FOR) && (next.is(Word::SCHEMA) || next.is(Word::DATABASE))) {
    tokens_.advance();
    tokens_.advance();
  } else if (!((now.is(Word::EXTENDED) || now.is(Word::PARTITIONS)) && begins_statement(next))) {
    return false;
  }
  tokens_.advance();
  return true;
}

/// The plan of a read has the facts of the read. A write's plan changes nothing, but ANALYZE runs it.
void Statement::explain_inner(bool analyze) {
  tokens_.begin_statement();
  dispatch();
  scanner_.scan_rest();
  const bool writes = kind_ == Kind::write || (kind_ == Kind::read && scanner_.writes());
  if (!writes) return;
  if (analyze) return become(Kind::write, Why::write);
  scanner_.forget_writes();
  become(Kind::read, Why::plain_read);
  scanner_.raise(Why::show_server);  // a read-only server refuses it, and the primary's plan is the one that counts
}

void Statement::describe_table() {
  scanner_.add(fx_mentions_table);
  scanner_.in_show();  // a column may follow, or a pattern: no expression
}

/// ANALYZE TABLE is maintenance; MariaDB's ANALYZE SELECT runs the statement and shows the plan.
void Statement::analyze() {
  tokens_.advance();
  if (tokens_.now().is(Word::FORMAT) && tokens_.ahead().is('=')) {
    tokens_.advance();
    tokens_.advance();
    tokens_.advance();
  }
  const bool runs = begins_statement(tokens_.now()) && !tokens_.now().is(Word::TABLE);
  if (runs) return explain_inner(true);
  become(Kind::write, Why::ddl, fx_may_commit_unreported);
  scanner_.functions_only_after(Word::SELECT);
}

void Statement::get_diagnostics() {
  tokens_.advance();
  if (!accept(Word::CURRENT)) accept(Word::STACKED);
  if (!tokens_.now().is(Word::DIAGNOSTICS)) return unknown();
  become(Kind::read, Why::plain_read, fx_previous_result);
  // Reads the diagnostics area into user variables: both belong to the connection that ran the statement before.
  scanner_.scan_rest();
  scanner_.raise(Why::previous_statement_value);
}

/// What is the same on every server may go to a replica; the rest, and what isn't known, tells of one server.
void Statement::show() {
  tokens_.advance();
  become(Kind::read, Why::plain_read);
  scanner_.in_show();
  scanner_.in_accounts();
  while (tokens_.now().is(Word::FULL) || tokens_.now().is(Word::EXTENDED)) tokens_.advance();
  if (same(tokens_.now().text, "count") && tokens_.ahead().is('(')) {  // SHOW COUNT(*) WARNINGS | ERRORS
    while (!tokens_.at_statement_end() && !tokens_.before().is(')')) tokens_.advance();
  }
  if (tokens_.now().is(Word::WARNINGS) || tokens_.now().is(Word::ERRORS)) {
    scanner_.add(fx_previous_result);
    return scanner_.raise(Why::previous_statement_value);
  }
  if (!shows_the_same_everywhere(tokens_.now(), tokens_.ahead())) scanner_.raise(Why::show_server);
  show_status();
  if (tokens_.now().is(Word::CREATE)) tokens_.advance();  // no write here
}

/// SHOW [SESSION] STATUS LIKE 'Handler%': who looks at what the session's statements cost wants all of them to be
/// counted in one place; 'Last_query_cost' is the previous statement's, wherever that ran.
void Statement::show_status() {
  if (same(tokens_.now().text, "session") || same(tokens_.now().text, "local")) tokens_.advance();
  if (same(tokens_.now().text, "variables")) return show_variables();
  if (!tokens_.now().is(Word::STATUS) || !same(tokens_.ahead().text, "like")) return;
  const Token pattern = tokens_.ahead(2);
  if (pattern.kind != TokenKind::string || pattern.text.size() < 2) return;
  const std::string_view name = pattern.text.substr(1, pattern.text.size() - 2);
  if (starts_with(name, "last_query")) {
    scanner_.add(fx_previous_result);
    scanner_.raise(Why::previous_statement_value);
  }
  for (const char* counted : {"bytes", "created", "handler", "questions", "select", "sort"}) {
    if (starts_with(name, counted)) scanner_.add(fx_sticky_setting);
  }
}

/// SHOW [SESSION] VARIABLES LIKE 'sess%' shows the session's trackers.
void Statement::show_variables() {
  const Token pattern = tokens_.ahead(2);
  std::string_view name;
  if (same(tokens_.ahead().text, "like") && pattern.kind == TokenKind::string && pattern.text.size() > 2)
    name = pattern.text.substr(1, pattern.text.size() - 2);
  name = name.substr(0, name.find_first_of("%_\\"));  // up to the first wildcard
  if (starts_with("session_track", name)) scanner_.add(fx_session_track);
}

}  // namespace wye::sql
