#include <array>

#include "proxy/sql/ascii.h"
#include "proxy/sql/builtin_functions.h"
#include "proxy/sql/lexer.h"
#include "proxy/sql/routines.h"
#include "proxy/sql/token_stream.h"
#include "proxy/sql/variables.h"

namespace wye::sql {
namespace {

bool any_of(std::string_view text, std::initializer_list<std::string_view> words) {
  for (const auto word : words) {
    if (same(text, word)) return true;
  }
  return false;
}

/// Walks over the tokens of a body. It knows where statements begin: their first words are an explicit list.
class Body {
 public:
  Body(std::string_view text, const Dialect& dialect, std::vector<CalledRoutine>& calls)
      : tokens_{text, dialect}, dialect_{dialect}, calls_{calls} {}

  bool run() {
    while (!tokens_.at_text_end()) {
      if (!step()) return false;
      tokens_.advance();
    }
    return tokens_.now().kind == TokenKind::end;
  }

 private:
  enum class In : std::uint8_t { other, declare, set, until, end };

  bool step() {
    const Token& token = tokens_.now();
    switch (token.kind) {
      case TokenKind::user_variable:
      case TokenKind::system_variable:
        return false;
      case TokenKind::symbol:
        return symbol(token);
      case TokenKind::word:
      case TokenKind::quoted_name:
        return begins_ ? statement(token) : name(token);
      default:
        return !begins_;
    }
  }

  bool symbol(const Token& token) {
    if (token.is(';')) {
      begins_ = true;
      in_ = In::other;
      depth_ = cases_ = 0;
      return true;
    }
    if (token.is('(')) ++depth_;
    if (token.is(')') && depth_ > 0) --depth_;
    if (token.is('.')) qualifier_ = tokens_.before().is_name() ? tokens_.before().text : std::string_view{};
    if (token.is(',') && in_ == In::set && depth_ == 0) assigns_ = true;
    const bool was_begin = begins_;
    begins_ = false;
    return !was_begin || token.is('(');
  }

  /// The first word of a statement.
  bool statement(const Token& token) {
    begins_ = false;
    if (tokens_.ahead().is(':')) {  // a label
      tokens_.advance();
      begins_ = true;
      return true;
    }
    if (token.kind != TokenKind::word) return false;
    if (any_of(token.text, {"begin", "loop", "repeat", "else"})) {
      begins_ = true;
      return true;
    }
    if (any_of(token.text, {"select", "with", "values", "if", "elseif", "case", "when", "while", "iterate", "leave",
                            "return", "open", "fetch", "close", "signal", "resignal"}))
      return true;
    if (same(token.text, "end")) in_ = In::end;
    if (same(token.text, "until")) in_ = In::until;
    if (same(token.text, "declare")) in_ = In::declare;
    if (same(token.text, "set")) {
      in_ = In::set;
      assigns_ = true;
    }
    return in_ != In::other || (same(token.text, "call") && call());
  }

  bool call() {
    tokens_.advance();
    if (!tokens_.now().is_name()) return false;
    const std::string_view first = tokens_.now().text;
    if (!tokens_.ahead().is('.')) {
      calls_.push_back({true, {}, first});
      return true;
    }
    tokens_.advance();
    tokens_.advance();
    calls_.push_back({true, first, tokens_.now().text});
    return tokens_.now().is_name() && !tokens_.ahead().is('.');
  }

  /// Any other word.
  bool name(const Token& token) {
    if (in_ == In::end) return true;  // END IF, END LOOP label
    if (assigns_) {
      assigns_ = false;
      return assigned(token);
    }
    if (token.kind == TokenKind::word && !tokens_.before().is('.')) {
      if (!keyword(token)) return false;
      if (begins_) return true;
    }
    if (tokens_.ahead().is('(') && in_ != In::declare) return function(token);
    if (tokens_.before().is('.') && dialect_.mariadb && any_of(token.text, {"nextval", "currval"})) return false;
    const bool schema = tokens_.ahead().is('.') && !tokens_.before().is('.');
    return !schema || !any_of(token.text, {"mysql", "information_schema", "performance_schema", "sys"});
  }

  /// SET x = ...: what is no variable of the routine is one of the session.
  static bool assigned(const Token& token) {
    if (any_of(token.text, {"session", "global", "local", "persist", "persist_only", "names", "character", "charset",
                            "role", "password", "transaction", "resource", "statement", "default"}))
      return false;
    return !is_session_variable(token.text);
  }

  bool keyword(const Token& token) {
    const Token& next = tokens_.ahead();
    if (same(token.text, "case")) ++cases_;
    if (same(token.text, "end") && cases_ == 0) {  // UNTIL x END REPEAT
      const bool until = in_ == In::until;
      in_ = In::end;
      return until;
    }
    if (same(token.text, "end")) --cases_;
    if (any_of(token.text, {"then", "else", "do"})) {
      begins_ = cases_ == 0;
      return true;
    }
    if (in_ == In::declare) {
      if (same(token.text, "handler")) return handler();
      if (any_of(token.text, {"default", "for"})) in_ = In::other;
    }
    if (token.is(Word::INSERT) || token.is(Word::REPLACE)) return next.is('(');
    if (never_in_a_read(token.word)) return false;
    if (token.is(Word::FOR)) return !next.is(Word::UPDATE) && !next.is(Word::SHARE);
    if (token.is(Word::NEXT) || token.is(Word::PREVIOUS)) return !next.is(Word::VALUE);
    return !token.is(Word::LOCK) && !any_of(token.text, {"outfile", "dumpfile", "sql_calc_found_rows"});
  }

  /// HANDLER FOR conditions statement.
  bool handler() {
    in_ = In::other;
    tokens_.advance();
    if (!tokens_.now().is(Word::FOR)) return false;
    do {
      tokens_.advance();
      if (same(tokens_.now().text, "not")) tokens_.advance();  // NOT FOUND
      if (same(tokens_.now().text, "sqlstate")) {
        tokens_.advance();
        if (tokens_.now().is(Word::VALUE)) tokens_.advance();
      }
      if (tokens_.ahead().is(',')) tokens_.advance();
    } while (tokens_.now().is(','));
    begins_ = true;
    return true;
  }

  bool function(const Token& token) {
    const Token& before = tokens_.before();
    if (before.is('.')) {
      calls_.push_back({false, qualifier_, token.text});
      return !qualifier_.empty();
    }
    if (before.is(Word::AS) || before.is(')') || may_precede_parenthesis(token.word)) return true;
    if (token.kind != TokenKind::word) {
      calls_.push_back({false, {}, token.text});
      return true;
    }
    // With spaces some names are built in or not, by the session's sql_mode when the routine was made: its own here.
    const FunctionClass found = find_function(token.text, tokens_.ahead().space_before, dialect_);
    if (found == FunctionClass::unknown) calls_.push_back({false, {}, token.text});
    return found == FunctionClass::unknown || found == FunctionClass::harmless;
  }

  TokenStream tokens_;
  const Dialect& dialect_;
  std::vector<CalledRoutine>& calls_;
  std::string_view qualifier_;
  std::size_t depth_ = 0;
  std::size_t cases_ = 0;  // CASE ... END within expressions
  In in_ = In::other;
  bool begins_ = true;    // a statement begins with the next token
  bool assigns_ = false;  // the next token is what SET changes
};

}  // namespace

bool body_only_reads(std::string_view body, const Dialect& dialect, std::vector<CalledRoutine>& calls) {
  return Body{body, dialect, calls}.run();
}

bool calls_in_another_schema(std::string_view text, const Dialect& dialect, std::string_view schema) {
  Lexer lexer{text, dialect};
  Token before, dot, token = lexer.next();
  const bool call = token.is(Word::CALL);
  while (token.kind != TokenKind::end && token.kind != TokenKind::unterminated && token.kind != TokenKind::uncertain) {
    const Token name = token;
    token = lexer.next();
    const bool called = token.is('(') || (call && token.kind == TokenKind::end) || (call && token.is(';'));
    if (called && name.is_name() && dot.is('.') && before.is_name() && before.text != schema) return true;
    before = dot;
    dot = name;
  }
  return false;
}

}  // namespace wye::sql
