#include "proxy/sql/connection_id.h"

#include <charconv>

#include "proxy/sql/ascii.h"
#include "proxy/sql/lexer.h"
#include "proxy/sql/substitute.h"

namespace wye::sql {

std::optional<std::string> with_connection_id(std::string_view text, const Dialect& dialect, std::uint32_t id) {
  const std::string number = std::to_string(id), cast = "CAST(" + number + " AS UNSIGNED)";
  const bool kill = Lexer{text, dialect}.next().is(Word::KILL);  // takes no expression everywhere
  const Constant constant{"connection_id", false, kill ? number : cast};
  return with_constants(text, dialect, {&constant, 1});
}

namespace {

/// What stands in front of the number; `token` is then what follows it.
struct KillWords {
  std::string_view strength;  // MariaDB: HARD or SOFT
  bool query = false, of_query = false;
};

std::optional<KillWords> kill_words(Lexer& lexer, Token& token) {
  const auto is = [&token](std::string_view word) { return token.kind == TokenKind::word && same(token.text, word); };
  token = lexer.next();
  if (!token.is(Word::KILL)) return std::nullopt;
  KillWords words;
  token = lexer.next();
  if (is("hard") || is("soft")) {
    words.strength = token.text;
    token = lexer.next();
  }
  if (is("connection")) {
    token = lexer.next();
  } else if (is("query")) {
    words.query = true;
    token = lexer.next();
    if (is("id")) {
      words.of_query = true;
      token = lexer.next();
    }
  }
  return words;
}

}  // namespace

std::optional<std::string> kill_of(std::string_view text, const Dialect& dialect, std::uint64_t id) {
  Lexer lexer{text, dialect};
  Token token;
  const auto words = kill_words(lexer, token);
  if (!words || words->of_query) return std::nullopt;
  std::string kill = "KILL ";
  if (!words->strength.empty()) kill += std::string{words->strength} + " ";
  return kill + (words->query ? "QUERY " : "CONNECTION ") + std::to_string(id);
}

std::optional<Kill> parse_kill(std::string_view text, const Dialect& dialect) {
  Lexer lexer{text, dialect};
  Token token;
  const auto words = kill_words(lexer, token);
  if (!words) return std::nullopt;
  Kill kill;
  kill.query = words->query;
  kill.of_query = words->of_query;
  kill.id_begin = lexer.token_begin();
  const bool negative = token.is('-');
  if (negative) token = lexer.next();
  if (token.kind != TokenKind::number) return std::nullopt;
  kill.id_end = lexer.token_end();
  const auto* const end = token.text.data() + token.text.size();
  const auto parsed = std::from_chars(token.text.data(), end, kill.id);
  if (parsed.ec != std::errc{} || parsed.ptr != end) return std::nullopt;
  // Clients that keep the number in 32 bits with a sign write -2147483646, or that in 64 bits (MariaDB Connector/J).
  if (negative) kill.id = -kill.id;
  if (kill.id >= 0xffffffff80000000U) {
    kill.id &= 0xffffffffU;
  } else if (negative) {
    return std::nullopt;
  }
  do {
    token = lexer.next();
  } while (token.is(';'));
  if (token.kind != TokenKind::end) return std::nullopt;
  return kill;
}

}  // namespace wye::sql
