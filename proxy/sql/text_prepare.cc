#include "proxy/sql/text_prepare.h"

#include <algorithm>
#include <utility>

#include "proxy/sql/ascii.h"
#include "proxy/sql/lexer.h"

namespace wye::sql {
namespace {

bool at_end(const Token& token) { return token.kind == TokenKind::end || token.is(';'); }

/// The servers compare these names by a collation: only where that is upper and lower case of letters.
std::string folded_name(const Token& token) {
  std::string name;
  if (!token.is_name()) return name;
  for (const char c : token.text) {
    if (is_high(c) || is_control(c) || c == '`' || c == '"') return {};
    name += lower(c);
  }
  return name;
}

char escaped(char c) {
  switch (c) {
    case '0':
      return '\0';
    case 'b':
      return '\b';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case 'Z':
      return '\x1a';
    default:
      return c;
  }
}

/// What stands between the quotes. \% and \_ keep their backslash: they are LIKE's.
std::optional<std::string> literal(std::string_view raw, const Dialect& dialect) {
  if (raw.size() < 2 || (raw.front() != '\'' && raw.front() != '"')) return std::nullopt;
  const char quote = raw.front();
  std::string out;
  for (std::size_t i = 1; i + 1 < raw.size(); ++i) {
    const char c = raw[i], next = raw[i + 1];
    if (c == quote) {
      ++i;  // doubled
    } else if (c == '\\' && !dialect.no_backslash_escapes) {
      if (next == '%' || next == '_') out += c;
      out += escaped(next);
      ++i;
      continue;
    }
    out += c;
  }
  return out;
}

TextPrepare prepare(Lexer& lexer, std::string_view text, const Dialect& dialect) {
  TextPrepare found;
  found.name = folded_name(lexer.next());
  if (found.name.empty() || !same(lexer.next().text, "from")) return found;
  found.what = TextPrepare::What::prepare;
  const Token from = lexer.next();
  const std::string_view raw = text.substr(lexer.token_begin(), lexer.token_end() - lexer.token_begin());
  if (from.kind == TokenKind::string && at_end(lexer.next())) found.inner = literal(raw, dialect);
  return found;
}

}  // namespace

TextPrepare parse_text_prepare(std::string_view text, const Dialect& dialect) {
  Lexer lexer{text, dialect};
  const Token verb = lexer.next();
  if (same(verb.text, "prepare")) return prepare(lexer, text, dialect);
  TextPrepare found;
  const bool executes = same(verb.text, "execute");
  if (!executes) lexer.next();  // DEALLOCATE PREPARE, DROP PREPARE
  const Token name = lexer.next();
  if (executes && same(name.text, "immediate") && name.kind == TokenKind::word) return found;
  found.name = folded_name(name);
  if (found.name.empty()) return found;
  found.what = executes ? TextPrepare::What::execute : TextPrepare::What::drop;
  found.values = !at_end(lexer.next());
  return found;
}

}  // namespace wye::sql
