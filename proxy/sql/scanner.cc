#include "proxy/sql/scanner.h"

#include <algorithm>

#include "proxy/sql/ascii.h"
#include "proxy/sql/builtin_functions.h"
#include "proxy/sql/routines.h"
#include "proxy/sql/variables.h"

namespace wye::sql {
namespace {

bool is_system_schema(std::string_view name) {
  return same(name, "mysql") || same(name, "information_schema") || same(name, "performance_schema") ||
         same(name, "sys");
}

bool is_scope(std::string_view word) {
  return same(word, "global") || same(word, "session") || same(word, "local") || same(word, "persist") ||
         same(word, "persist_only");
}

/// Is there more than white space between a word and what follows it?
bool comment_between(const Token& word, const Token& next) {
  const char* const from = word.text.data() + word.text.size();
  return !std::all_of(from, next.text.data(), is_space);
}

}  // namespace

int strength(Why why) {
  switch (why) {
    case Why::plain_read:
      return 0;
    case Why::empty_statement:
      return 1;
    case Why::server_variable:
      return 2;
    case Why::show_server:
      return 3;
    case Why::system_schema:
      return 4;
    case Why::previous_statement_value:
      return 5;
    case Why::user_variable:
      return 6;
    case Why::unknown_function:
    case Why::known_writer:
      return 7;
    case Why::server_function:
      return 8;
    case Why::locking_read:
      return 9;
    case Why::into_clause:
      return 10;
    case Why::use_schema:
      return 11;
    case Why::transaction_control:
      return 12;
    case Why::set_statement:
      return 13;
    case Why::route_explain:
      return 14;
    case Why::session_pin_statement:
      return 15;
    case Why::text_prepare:
      return 16;
    case Why::temporary_table:
      return 17;
    case Why::table_lock:
      return 18;
    case Why::xa:
      return 19;
    case Why::several_statements:
      return 20;
    case Why::server_state:
      return 21;
    case Why::call:
      return 22;
    case Why::write:
      return 23;
    case Why::ddl:
      return 24;
    case Why::unknown_statement:
      return 25;
    case Why::unterminated:
      return 26;
  }
  return 25;
}

bool VariableName::is_global() const {
  return same(scope, "global") || same(scope, "persist") || same(scope, "persist_only");
}

void Scanner::scan_rest() {
  while (!tokens_.at_statement_end()) step();
}

void Scanner::scan_text() {
  while (!tokens_.at_text_end()) step();
}

void Scanner::with_list_follows() { frame().with = With::name; }

void Scanner::step() {
  const Token& token = tokens_.now();
  switch (token.kind) {
    case TokenKind::word:
    case TokenKind::quoted_name:
      take_word();
      break;
    case TokenKind::user_variable:
      if (!is_account()) {
        add(fx_user_variable);
        raise(Why::user_variable);
      }
      break;
    case TokenKind::system_variable:
      return take_variable(take_system_variable());
    case TokenKind::assign:
      raise(Why::user_variable);
      break;
    case TokenKind::symbol:
      take_symbol();
      break;
    case TokenKind::string:
    case TokenKind::number:
      break;
    case TokenKind::end:
    case TokenKind::unterminated:
    case TokenKind::uncertain:
      return;
  }
  tokens_.advance();
}

bool Scanner::is_account() const {
  const Token& before = tokens_.before();
  if (!accounts_ || tokens_.now().space_before) return false;
  return before.kind == TokenKind::string || (before.is_name() && !before.is(Word::SELECT) && !before.is(Word::SET));
}

void Scanner::take_symbol() {
  const Token& token = tokens_.now();
  if (token.is('(')) {
    table_name_ = false;
    if (depth_ + 1 == frames_.size()) return raise(Why::unknown_statement);  // deeper than any program writes
    if (frame().with == With::columns_or_as && !tokens_.before().is_name()) frame().with = With::none;
    frames_[++depth_] = Frame{};
  } else if (token.is(')')) {
    if (depth_ > 0) --depth_;
    if (frame().with == With::body) frame().with = With::comma;
  } else if (token.is(',')) {
    if (frame().with == With::comma) frame().with = With::name;
  } else if (token.is('.')) {
    qualifier_ = tokens_.before().is_name() && !qualified_ ? tokens_.before().text : std::string_view{};
  }
}

/// A name or keyword inside a WITH list: name [(columns)] AS (body) [, ...].
void Scanner::move_with_list() {
  With& with = frame().with;
  const Token& token = tokens_.now();
  if (with == With::name) {
    if (!token.is(Word::RECURSIVE)) with = With::columns_or_as;
  } else if (with == With::columns_or_as) {
    with = token.is(Word::AS) ? With::body : With::none;
  } else if (with == With::comma || with == With::body) {
    with = With::none;
  }
}

void Scanner::take_word() {
  const Token& token = tokens_.now();
  const bool after_dot = tokens_.before().is('.');
  qualified_ = after_dot;
  const bool names_cte = frame().with == With::name;
  if (frame().with != With::none) move_with_list();
  if (is_system_schema(token.text) && !after_dot && (show_ || tokens_.ahead().is('.'))) {
    add(fx_system_schema);
    raise(Why::system_schema);
  }
  // Oracle mode of MariaDB: s.nextval without parentheses moves a sequence.
  if (after_dot && dialect_.mariadb && (same(token.text, "nextval") || same(token.text, "currval"))) {
    add(fx_sequence);
    raise(Why::server_function);
  }
  if (functions_after_ != Word::none && token.is(functions_after_)) functions_after_ = Word::none;
  if (tokens_.ahead().is('(') && !names_cte && !table_name_ && functions_after_ == Word::none && is_call()) take_call();
  if (token.word != Word::none) take_keyword();
}

bool Scanner::is_call() const {
  const Token& token = tokens_.now();
  const Token& before = tokens_.before();
  if (before.is('.')) return true;
  // Behind AS stands a type, or the name of a derived table or CTE with its columns; behind ")" an operator or such a
  // name without AS. No function is called there.
  if (before.is(Word::AS) || before.is(')')) return false;
  if (token.is(Word::COLUMNS) && before.kind == TokenKind::string) return false;  // JSON_TABLE
  if (token.is(Word::OF) && before.is(Word::MEMBER)) return false;
  if (token.is(Word::LATERAL) && !dialect_.mariadb && dialect_.version >= 80014) return false;
  return !may_precede_parenthesis(token.word);
}

/// Is the function at hand known to?
bool Scanner::only_reads() const {
  const bool qualified = tokens_.before().is('.');
  if (routines_ == nullptr || (qualified && qualifier_.empty())) return false;
  return routines_->only_reads(false, qualified ? qualifier_ : std::string_view{}, tokens_.now().text);
}

namespace {

bool names_sequence(std::string_view function) {
  return same(function, "nextval") || same(function, "lastval") || same(function, "setval");
}

}  // namespace

void Scanner::take_call() {
  const Token& token = tokens_.now();
  FunctionClass found = FunctionClass::unknown;
  if (token.kind == TokenKind::word && !tokens_.before().is('.')) {
    Dialect dialect = dialect_;
    if (comment_between(token, tokens_.ahead())) dialect.ignore_space = false;  // the servers skip spaces, no comments
    found = find_function(token.text, tokens_.ahead().space_before, dialect);
  }
  switch (found) {
    case FunctionClass::harmless:
      return;
    case FunctionClass::unknown:
      add(fx_stored_function);
      return only_reads() ? void() : raise(Why::unknown_function);
    case FunctionClass::user_lock:
      add(fx_user_lock);
      return raise(Why::server_function);
    case FunctionClass::server:
      if (names_sequence(token.text)) add(fx_sequence);
      return raise(Why::server_function);
    case FunctionClass::last_insert_id:
      add(fx_last_insert_id);
      return raise(tokens_.ahead(2).is(')') ? Why::previous_statement_value : Why::server_function);
    case FunctionClass::previous_result:
      add(fx_previous_result);
      return raise(Why::previous_statement_value);
    case FunctionClass::connection_id:
      add(fx_connection_id);
      return raise(Why::previous_statement_value);
    case FunctionClass::describes_server:
      server_variable_ = true;
      return;
  }
}

void Scanner::take_keyword() {
  const Token& token = tokens_.now();
  const Token& next = tokens_.ahead();
  switch (token.word) {
    case Word::SELECT:
      frame().select = true;
      table_name_ = false;
      return;
    case Word::VALUES:
    case Word::VALUE:
    case Word::SET:
      table_name_ = false;
      return;
    case Word::WITH:
      if (!next.is(Word::ROLLUP) && !next.is(Word::QUERY) && !next.is(Word::TIES)) with_list_follows();
      return;
    case Word::FROM:
      if (frame().select) take_table(next, tokens_.ahead(2));
      return;
    case Word::JOIN:
      return take_table(next, tokens_.ahead(2));
    case Word::TABLE:
      if (next.is_name() && !show_) add(fx_mentions_table);
      return;
    case Word::INTO:
      return raise(Why::into_clause);
    case Word::LOCK:
      return raise(Why::locking_read);
    case Word::FOR:
      if (next.is(Word::UPDATE) || next.is(Word::SHARE)) raise(Why::locking_read);
      return;
    case Word::NEXT:
    case Word::PREVIOUS:
      if (!next.is(Word::VALUE) || !tokens_.ahead(2).is(Word::FOR)) return;
      add(fx_sequence);
      return raise(Why::server_function);
    case Word::SQL_CALC_FOUND_ROWS:
      add(fx_calc_found_rows);
      return;
    case Word::INSERT:
    case Word::REPLACE:
      if (!next.is('(')) writes_ = true;
      return;
    case Word::UPDATE:
      if (!tokens_.before().is(Word::FOR)) writes_ = true;
      return;
    default:
      if (never_in_a_read(token.word)) writes_ = true;
  }
}

/// Behind FROM or JOIN. What is missed here (tables in nested parentheses) only keeps @@variables on the primary.
void Scanner::take_table(const Token& next, const Token& after) {
  const Token& name = next.is('(') ? after : next;
  if (!name.is_name() || name.is(Word::DUAL) || may_precede_parenthesis(name.word) || name.is(Word::WITH)) return;
  if (!next.is('(') && after.is('(')) return;  // JSON_TABLE(...)
  add(fx_mentions_table);
}

VariableName Scanner::take_system_variable() {
  tokens_.advance();
  VariableName variable;
  if (!tokens_.now().is_name()) {  // an error on the servers
    raise(Why::unknown_statement);
    return variable;
  }
  variable.name = tokens_.now().text;
  tokens_.advance();
  while (tokens_.now().is('.') && tokens_.ahead().is_name()) {
    tokens_.advance();
    if (variable.scope.empty() && is_scope(variable.name)) {
      variable.scope = variable.name;
      variable.name = tokens_.now().text;
    }  // else the part of a structured variable: what counts is the first
    tokens_.advance();
  }
  return variable;
}

void Scanner::take_variable(const VariableName& variable) {
  switch (read_variable(variable.name)) {
    case ReadVariable::session:
      if (variable.is_global()) server_variable_ = true;
      return;
    case ReadVariable::server:
      // @@session.x of a variable that isn't known here (a plugin's, a newer server's) is the session's, but for GTIDs.
      if (variable.scope.empty() || variable.is_global() || starts_with(variable.name, "gtid") ||
          same(variable.name, "last_gtid") || same(variable.name, "server_id")) {
        server_variable_ = true;
      }
      return;
    case ReadVariable::proxied:
      if (starts_with(variable.name, "session_track_")) add(fx_session_track);
      if (variable.is_global()) {
        server_variable_ = true;
      } else {
        raise(Why::server_variable);
      }
      return;
    case ReadVariable::last_insert_id:
      add(fx_last_insert_id);
      return raise(Why::previous_statement_value);
    case ReadVariable::previous_result:
      add(fx_previous_result);
      return raise(Why::previous_statement_value);
    case ReadVariable::connection_id:
      add(fx_connection_id);
      return raise(Why::previous_statement_value);
  }
}

}  // namespace wye::sql
