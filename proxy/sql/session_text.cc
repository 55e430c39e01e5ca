#include "proxy/sql/session_text.h"

#include <algorithm>
#include <array>

#include "proxy/sql/ascii.h"
#include "proxy/sql/token_stream.h"
#include "proxy/sql/variables.h"

namespace wye::sql {
namespace {

std::string folded(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), lower);
  return out;
}

std::string upper(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
  return out;
}

bool of_charset(std::string_view variable) {
  return starts_with(variable, "character_set_") || starts_with(variable, "collation_");
}

/// The default collations of MySQL 5.6: fixed for good. SET NAMES sets them without naming them.
std::string default_collation(std::string_view charset) {
  struct Exception {
    std::string_view charset, rest;
  };
  static constexpr auto exceptions = std::to_array<Exception>({
      {"big5", "_chinese_ci"},
      {"binary", ""},
      {"cp932", "_japanese_ci"},
      {"dec8", "_swedish_ci"},
      {"eucjpms", "_japanese_ci"},
      {"euckr", "_korean_ci"},
      {"gb2312", "_chinese_ci"},
      {"gbk", "_chinese_ci"},
      {"hp8", "_english_ci"},
      {"latin1", "_swedish_ci"},
      {"sjis", "_japanese_ci"},
      {"swe7", "_swedish_ci"},
      {"tis620", "_thai_ci"},
      {"ujis", "_japanese_ci"},
  });
  const auto* found =
      std::find_if(exceptions.begin(), exceptions.end(), [&](const Exception& e) { return e.charset == charset; });
  return std::string(charset) + std::string(found == exceptions.end() ? "_general_ci" : found->rest);
}

/// sql_mode's combinations, spelled out where the lexer depends on them.
std::string spelled_out(std::string mode) {
  mode = upper(mode);
  for (const std::string_view all : {"ANSI", "DB2", "MAXDB", "MSSQL", "ORACLE", "POSTGRESQL"}) {
    const auto at = mode.find(all);
    if (at == std::string::npos) continue;
    const bool begins = at == 0 || mode[at - 1] == ',';
    const bool ends = at + all.size() == mode.size() || mode[at + all.size()] == ',';
    if (begins && ends) return mode + ",ANSI_QUOTES,IGNORE_SPACE";
  }
  return mode;
}

/// "read committed", "READ-COMMITTED", "1": as @@tx_isolation shows it; empty if it is none of the four.
std::string isolation_level(std::string_view value) {
  static constexpr std::array<std::string_view, 4> levels{"READ-UNCOMMITTED", "READ-COMMITTED", "REPEATABLE-READ",
                                                          "SERIALIZABLE"};
  for (std::size_t i = 0; i < levels.size(); ++i) {
    if (same(value, levels[i]) || (value.size() == 1 && value[0] == static_cast<char>('0' + i)))
      return std::string(levels[i]);
  }
  return {};
}

class Reader {
 public:
  Reader(std::string_view text, const Dialect& dialect, SessionText& out) : tokens_{text, dialect}, out_{out} {}

  void run() {
    while (true) {
      while (tokens_.now().is(';')) tokens_.advance();
      if (tokens_.now().kind == TokenKind::end) return;
      if (!statement()) {
        out_.whole = false;
        return;
      }
      if (!tokens_.at_statement_end()) {  // what is left of a statement that does nothing to the session
        while (!tokens_.at_statement_end()) tokens_.advance();
      }
      if (tokens_.now().kind != TokenKind::end && !tokens_.now().is(';')) out_.whole = false;
      if (tokens_.at_text_end()) return;
    }
  }

 private:
  /// At its first token. False: it is not understood.
  bool statement() {
    const Token& now = tokens_.now();
    if (now.is(Word::SET)) {
      tokens_.advance();
      return set();
    }
    if (now.is(Word::USE)) {
      tokens_.advance();
      return use();
    }
    const std::string_view verb = now.text;
    if (now.kind != TokenKind::word) return now.is('(');  // (SELECT ...)
    if (same(verb, "drop")) return !same(tokens_.ahead().text, "database") && !same(tokens_.ahead().text, "schema");
    if (same(verb, "create") || same(verb, "alter")) {
      // The body of a routine may hold statements that look like those of the session.
      while (tokens_.now().kind != TokenKind::end) {
        if (tokens_.at_text_end()) return false;
        tokens_.advance();
      }
      return true;
    }
    return !same(verb, "call") && !same(verb, "execute");
  }

  bool use() {
    const Token name = tokens_.now();
    if (!name.is_name()) return false;
    std::string schema(name.text);
    if (name.kind == TokenKind::quoted_name) {
      for (std::size_t at = 0; (at = schema.find("``", at)) != std::string::npos; ++at) schema.erase(at, 1);
    }
    tokens_.advance();
    if (!tokens_.at_statement_end()) return false;
    out_.schema = std::move(schema);
    return true;
  }

  bool set() {
    if (tokens_.now().is(Word::PASSWORD)) return true;
    if (tokens_.now().is(Word::TRANSACTION)) return true;  // the next one's: the classifier says so
    if (scope_word() && tokens_.ahead().is(Word::TRANSACTION)) return set_transaction();
    while (true) {
      if (!assignment()) return false;
      if (!tokens_.now().is(',')) return tokens_.at_statement_end();
      tokens_.advance();
    }
  }

  bool scope_word() const {
    const Token& now = tokens_.now();
    return now.kind == TokenKind::word &&
           (same(now.text, "session") || same(now.text, "local") || same(now.text, "global"));
  }

  bool set_transaction() {
    const bool global = same(tokens_.now().text, "global");
    tokens_.advance();
    tokens_.advance();
    for (; !tokens_.at_statement_end(); tokens_.advance()) {
      const Token& now = tokens_.now();
      if (global || !(now.is(Word::READ) || now.is(Word::SERIALIZABLE) || same(now.text, "repeatable"))) continue;
      if (now.is(Word::SERIALIZABLE)) {
        add("tx_isolation", "SERIALIZABLE");
        continue;
      }
      const std::string_view second = tokens_.ahead().text;
      if (now.is(Word::READ) && (same(second, "only") || same(second, "write"))) {
        add("tx_read_only", same(second, "only") ? "1" : "0");
      } else {
        const std::string level = isolation_level(std::string(now.text) + "-" + std::string(second));
        if (level.empty()) return false;
        add("tx_isolation", level);
      }
      tokens_.advance();
    }
    return true;
  }

  bool assignment() {
    const Token now = tokens_.now();
    if (now.kind == TokenKind::user_variable) return skip_value();
    if (now.is(Word::NAMES)) return names();
    bool at_signs = false, scoped = false;
    if (now.kind == TokenKind::system_variable) {
      at_signs = true;
      tokens_.advance();
      if (scope_word() && tokens_.ahead().is('.')) {
        scoped = true;
        const bool global = same(tokens_.now().text, "global");
        tokens_.advance();
        tokens_.advance();
        if (global) return skip_value();
      }
    } else if (scope_word() && tokens_.ahead().is_name()) {
      // In 5.6 the word counts for the rest of the list as well; which names it reaches then is not worth knowing.
      if (same(now.text, "global")) return false;
      scoped = true;
      tokens_.advance();
    }
    if (!tokens_.now().is_name()) return false;
    const std::string name = folded(tokens_.now().text);
    tokens_.advance();
    if (!tokens_.now().is('=') && tokens_.now().kind != TokenKind::assign) return false;
    return take(name, at_signs && !scoped);
  }

  /// Behind the name, at = or :=.
  bool take(const std::string& name, bool next_only) {
    switch (set_variable(name)) {
      case SetVariable::autocommit:  // the status flags say it
      case SetVariable::sticky:      // the classifier says it, and pins
        return skip_value();
      case SetVariable::isolation:
      case SetVariable::read_only:
        if (next_only) return skip_value();
        break;
      case SetVariable::ordinary:
        break;
    }
    tokens_.advance();
    const auto value = literal(name);
    if (!value) return false;
    if (set_variable(name) == SetVariable::isolation) {
      const std::string level = isolation_level(*value);
      if (level.empty()) return false;
      add(name, level);
    } else if (name == "sql_mode") {
      if (!value->empty() && is_digit(value->front())) return false;
      add(name, spelled_out(*value));
    } else if (of_charset(name)) {
      return charset_variable(name, folded(*value));
    } else {
      add(name, *value);
    }
    return true;
  }

  bool charset_variable(const std::string& name, const std::string& value) {
    if (!value.empty() && is_digit(value.front())) return false;  // a number of a collation
    if (value.empty() && name != "character_set_results") return false;
    add(name, value);
    if (name == "character_set_connection") add("collation_connection", default_collation(value));
    if (name == "collation_connection") add("character_set_connection", value.substr(0, value.find('_')));
    return true;
  }

  bool names() {
    tokens_.advance();
    const auto charset = literal("character_set_client");
    if (!charset || charset->empty()) return false;
    const std::string value = folded(*charset);
    std::string collation = default_collation(value);
    if (same(tokens_.now().text, "collate")) {
      tokens_.advance();
      const auto other = literal("collation_connection");
      if (!other || other->empty()) return false;
      collation = folded(*other);
    }
    for (const char* variable : {"character_set_client", "character_set_connection", "character_set_results"})
      add(variable, value);
    add("collation_connection", collation);
    return true;
  }

  /// One literal with nothing behind it; absent: it is an expression, DEFAULT, or would read otherwise elsewhere.
  std::optional<std::string> literal(std::string_view variable) {
    const bool minus = tokens_.now().is('-');
    if (minus) tokens_.advance();
    const Token value = tokens_.now();
    std::optional<std::string> out;
    if (value.kind == TokenKind::number) {
      out = (minus ? "-" : "") + std::string(value.text);
      if (!std::all_of(value.text.begin(), value.text.end(), [](char c) { return is_digit(c) || c == '.'; })) return {};
    } else if (minus) {
      return {};
    } else if (value.kind == TokenKind::string) {
      out = string_value(value.text);
    } else if (value.kind == TokenKind::word) {
      out = word_value(value.text, variable);
    }
    if (!out) return {};
    tokens_.advance();
    const Token& behind = tokens_.now();
    const bool collate = variable == "character_set_client" && same(behind.text, "collate");
    if (!behind.is(',') && !collate && !tokens_.at_statement_end()) return {};
    return out;
  }

  static std::optional<std::string> string_value(std::string_view text) {
    if (text.size() < 2 || (text.front() != '\'' && text.front() != '"')) return {};  // n'', x'', _utf8''
    const char quote = text.front();
    std::string out;
    for (std::size_t i = 1; i + 1 < text.size(); ++i) {
      if (text[i] == '\\' || is_high(text[i]) || is_control(text[i])) return {};
      if (text[i] == quote) ++i;  // doubled
      out += text[i];
    }
    return out;
  }

  static std::optional<std::string> word_value(std::string_view word, std::string_view variable) {
    if (same(word, "default")) return {};
    if (same(word, "null")) return variable == "character_set_results" ? std::optional<std::string>{""} : std::nullopt;
    if (same(word, "true") || same(word, "on")) return "1";
    if (same(word, "false") || same(word, "off")) return "0";
    if (of_charset(variable) || variable == "sql_mode" || set_variable(variable) == SetVariable::isolation)
      return std::string(word);
    return {};
  }

  /// To the comma or the end of this assignment.
  bool skip_value() {
    std::size_t depth = 0;
    for (; !tokens_.at_statement_end(); tokens_.advance()) {
      if (tokens_.now().is(',') && depth == 0) break;
      if (tokens_.now().is('(')) ++depth;
      if (tokens_.now().is(')') && depth > 0) --depth;
    }
    return true;
  }

  void add(std::string_view name, std::string_view value) { out_.variables.emplace_back(name, value); }

  TokenStream tokens_;
  SessionText& out_;
};

}  // namespace

SessionText session_text(std::string_view text, const Dialect& dialect, const Facts& facts) {
  SessionText out;
  if (facts.runs_routines() || facts.kind == Kind::unknown) out.whole = false;
  const bool may_set = facts.has(fx_set_session) || facts.kind == Kind::set || facts.kind == Kind::use ||
                       facts.kind == Kind::write || facts.several || facts.has(fx_text_prepare);
  if (may_set) Reader{text, dialect, out}.run();
  return out;
}

}  // namespace wye::sql
