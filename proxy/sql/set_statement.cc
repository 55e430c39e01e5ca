#include "proxy/sql/ascii.h"
#include "proxy/sql/statement.h"
#include "proxy/sql/variables.h"

namespace wye::sql {
namespace {

bool is_scope(std::string_view word) {
  return same(word, "global") || same(word, "session") || same(word, "local") || same(word, "persist") ||
         same(word, "persist_only");
}

bool is_switched_on(std::string_view value) { return same(value, "1") || same(value, "on") || same(value, "true"); }

bool is_switched_off(std::string_view value) {
  return same(value, "0") || same(value, "off") || same(value, "false") || same(value, "default");
}

std::string_view unquoted(const Token& token) {
  const std::string_view text = token.text;
  const bool quoted = token.kind == TokenKind::string || text.starts_with('`');
  return quoted && text.size() >= 2 ? text.substr(1, text.size() - 2) : text;
}

}  // namespace

void Statement::set() {
  tokens_.advance();
  become(Kind::set, Why::set_statement);
  if (tokens_.at_statement_end()) return unknown();
  if (set_special()) return;
  while (!tokens_.at_statement_end()) {
    assignment();
    if (!tokens_.now().is(',') || kind_ == Kind::unknown) break;
    tokens_.advance();
  }
  if (!tokens_.at_statement_end()) unknown();
}

/// The forms of SET that are no list of assignments. True if it was one of them.
bool Statement::set_special() {
  const Token& now = tokens_.now();
  const Token& next = tokens_.ahead();
  if (now.is(Word::STATEMENT) && next.is_name()) {
    set_for_statement();
    return true;
  }
  if (now.is(Word::TRANSACTION)) {
    tokens_.advance();
    set_transaction(true);
    return true;
  }
  const bool scope = now.kind == TokenKind::word && is_scope(now.text);
  if (scope && next.is(Word::TRANSACTION)) {
    const bool global = VariableName{now.text, {}}.is_global();
    tokens_.advance();
    tokens_.advance();
    if (global) {
      become(Kind::set, Why::server_state);
    } else {
      scanner_.add(fx_set_session);
      set_transaction(false);
    }
    return true;
  }
  const bool assigned = next.is('=') || next.kind == TokenKind::assign;  // a variable of that name, e.g. in MariaDB
  if (now.is(Word::PASSWORD)) {
    scanner_.in_accounts();
    scanner_.table_name_follows();
    become(Kind::set, Why::server_state, fx_may_commit_unreported);
    return true;
  }
  if (now.is(Word::ROLE) && !assigned) {
    scanner_.in_accounts();
    scanner_.add(fx_sticky_setting);
    return true;
  }
  if (now.is(Word::RESOURCE) && next.is(Word::GROUP)) {
    scanner_.add(fx_sticky_setting);
    return true;
  }
  if (now.is(Word::DEFAULT) && next.is(Word::ROLE)) {
    scanner_.in_accounts();
    become(Kind::set, Why::server_state, fx_may_commit_unreported);
    return true;
  }
  return false;
}

void Statement::set_transaction(bool next_only) {
  if (next_only) scanner_.add(fx_next_transaction);
  for (; !tokens_.at_statement_end(); tokens_.advance()) {
    if (tokens_.now().is(Word::SERIALIZABLE)) scanner_.add(fx_serializable);
    if (tokens_.now().is(Word::READ) && tokens_.ahead().is(Word::ONLY)) scanner_.add(fx_read_only_transaction);
  }
}

/// MariaDB: SET STATEMENT x = 1, y = 2 FOR statement. The settings last for the statement, but trackers report them.
void Statement::set_for_statement() {
  tokens_.advance();
  const char* const begin = tokens_.now().text.data();
  while (!tokens_.at_statement_end() && !(tokens_.now().is(Word::FOR) && scanner_.depth() == 0)) scanner_.step();
  const char* const end = tokens_.now().text.data();
  if (!accept(Word::FOR)) return unknown();
  for_statement_ = {begin, static_cast<std::size_t>(end - begin)};
  tokens_.begin_statement();
  dispatch();
  scanner_.scan_rest();
  scanner_.add(fx_sticky_setting);
  if (kind_ == Kind::read && !scanner_.writes()) scanner_.raise(Why::session_pin_statement);
}

void Statement::assignment() {
  const Token& now = tokens_.now();
  if (now.kind == TokenKind::user_variable) {
    scanner_.step();
  } else if (now.kind == TokenKind::system_variable) {
    const VariableName variable = scanner_.take_system_variable();
    assign(variable.name, variable.scope, true);
  } else if (now.is(Word::NAMES) || now.is(Word::CHARSET) ||
             ((now.is(Word::CHARACTER) || same(now.text, "char")) && tokens_.ahead().is(Word::SET))) {
    set_names();
  } else if (now.is_name()) {
    std::string_view scope;
    if (now.kind == TokenKind::word && is_scope(now.text) && tokens_.ahead().is_name()) {
      scope = now.text;
      tokens_.advance();
    }
    VariableName variable{scope, tokens_.now().text};
    tokens_.advance();
    while (tokens_.now().is('.') && tokens_.ahead().is_name()) {  // hot_cache.key_buffer_size: a part of the server
      variable.scope = "global";
      tokens_.advance();
      tokens_.advance();
    }
    assign(variable.name, variable.scope, false);
  } else {
    return unknown();
  }
  while (!tokens_.at_statement_end() && !(tokens_.now().is(',') && scanner_.depth() == 0)) scanner_.step();
}

/// NAMES charset [COLLATE collation]; CHARACTER SET charset.
void Statement::set_names() {
  scanner_.add(fx_set_session);
  if (!tokens_.now().is(Word::NAMES)) collation_ = "@@collation_database";
  for (; !tokens_.at_statement_end() && !tokens_.now().is(','); tokens_.advance()) {
    if (same(tokens_.now().text, "collate")) collation_ = unquoted(tokens_.ahead());
  }
}

/// At the = or := behind the name.
void Statement::assign(std::string_view name, std::string_view scope, bool at_signs) {
  if (!tokens_.now().is('=') && tokens_.now().kind != TokenKind::assign) return unknown();
  tokens_.advance();  // := is no assignment to a user variable here
  // Who sets a global variable wants to see what it does, and only the primary has it.
  if (VariableName{scope, name}.is_global()) return become(Kind::set, Why::server_state, fx_sticky_setting);
  // "SET @@transaction_isolation" without a scope is for the next transaction only, "SET transaction_isolation" is not.
  assigned_value(name, at_signs && scope.empty());
}

void Statement::assigned_value(std::string_view name, bool next_only) {
  const std::string_view value = unquoted(tokens_.now());
  // "WHERE id IS NULL" then finds the row that this session inserted last, and only where that was. Frameworks set it
  // to 0, the default, on every connection.
  if (same(name, "sql_auto_is_null") && !is_switched_off(value)) scanner_.add(fx_sticky_setting);
  if (starts_with(name, "session_track_")) scanner_.add(fx_session_track);
  switch (set_variable(name)) {
    case SetVariable::ordinary:
      return scanner_.add(next_only && dialect_.mariadb ? fx_set_session | fx_unreported_setting : fx_set_session);
    case SetVariable::sticky:
      return scanner_.add(fx_sticky_setting);
    case SetVariable::autocommit:
      return scanner_.add(fx_autocommit | fx_set_session);
    case SetVariable::isolation:
      scanner_.add(next_only ? fx_next_transaction : fx_set_session);
      // What is no literal may be SERIALIZABLE as well; the trackers will say.
      if (same(value, "serializable") || same(value, "3")) scanner_.add(fx_serializable);
      return;
    case SetVariable::read_only:
      scanner_.add(next_only ? fx_next_transaction : fx_set_session);
      if (is_switched_on(value)) scanner_.add(fx_read_only_transaction);
      return;
  }
}

}  // namespace wye::sql
