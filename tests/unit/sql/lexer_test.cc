#include "proxy/sql/lexer.h"

#include <string>

#include "proxy/sql/hint.h"
#include "tests/unit/catch.h"

using namespace wye::sql;

namespace {

const char* kind_name(TokenKind kind) {
  switch (kind) {
    case TokenKind::end:
      return "end";
    case TokenKind::word:
      return "w";
    case TokenKind::quoted_name:
      return "q";
    case TokenKind::string:
      return "s";
    case TokenKind::number:
      return "n";
    case TokenKind::user_variable:
      return "u";
    case TokenKind::system_variable:
      return "@@";
    case TokenKind::assign:
      return ":=";
    case TokenKind::symbol:
      return "c";
    case TokenKind::unterminated:
      return "unterminated";
    case TokenKind::uncertain:
      return "uncertain";
  }
  return "?";
}

/// "w:SELECT n:1": kind and text of every token.
std::string tokens(std::string_view text, const Dialect& dialect = {}) {
  Lexer lexer{text, dialect};
  std::string out;
  while (true) {
    const Token token = lexer.next();
    if (token.kind == TokenKind::end) return out;
    if (!out.empty()) out += ' ';
    out += kind_name(token.kind);
    if (token.kind == TokenKind::unterminated || token.kind == TokenKind::uncertain) return out;
    if (token.kind != TokenKind::system_variable && token.kind != TokenKind::assign) {
      out += ':' + std::string{token.text};
    }
  }
}

}  // namespace

TEST_CASE("numbers end where the server's lexer ends them") {
  CHECK(tokens("1e5FOR") == "n:1e5 w:FOR");
  CHECK(tokens("1FOR") == "w:1FOR");
  CHECK(tokens("1eFOR") == "w:1eFOR");
  CHECK(tokens("1e+5FOR") == "n:1e+5 w:FOR");
  CHECK(tokens(".5FOR") == "n:.5 w:FOR");
  CHECK(tokens("1.FOR") == "n:1. w:FOR");
  CHECK(tokens("1.5e3FOR") == "n:1.5e3 w:FOR");
  CHECK(tokens("0x4G") == "w:0x4G");
  CHECK(tokens("0x4 0b1 0b2") == "n:0x4 n:0b1 w:0b2");
  CHECK(tokens("0x") == "w:0x");
  CHECK(tokens("1.5e") == "uncertain");
}

TEST_CASE("a dot makes what follows a name") {
  CHECK(tokens("t.1a") == "w:t c:. w:1a");
  CHECK(tokens("t.5") == "w:t c:. w:5");
  CHECK(tokens("t .5") == "w:t n:.5");
  Lexer lexer{"t.for for.x for", Dialect{}};
  lexer.next();
  lexer.next();
  CHECK(lexer.next().word == Word::none);
  CHECK(lexer.next().word == Word::none);
  lexer.next();
  lexer.next();
  CHECK(lexer.next().word == Word::FOR);
}

TEST_CASE("quotes, escapes and introducers") {
  CHECK(tokens("'a''b' 'c\\'d' \"e\"\"f\"") == "s:'a''b' s:'c\\'d' s:\"e\"\"f\"");
  CHECK(tokens("`a``b`") == "q:a``b");
  CHECK(tokens("x'41' X'42' b'01' n'a' N'b' _utf8'c'") == "s:x'41' s:X'42' s:b'01' s:'a' s:'b' w:_utf8 s:'c'");
  CHECK(tokens("'\\") == "unterminated");
  CHECK(tokens("'") == "unterminated");
  CHECK(tokens("`") == "unterminated");
  CHECK(tokens("x'4") == "unterminated");
  CHECK(tokens("x'4z'") == "uncertain");
  Dialect ansi;
  ansi.ansi_quotes = true;
  CHECK(tokens("\"a\\\" 'b'", ansi) == "q:a\\ s:'b'");
  Dialect plain;
  plain.no_backslash_escapes = true;
  CHECK(tokens("'a\\' b", plain) == "s:'a\\' w:b");
}

TEST_CASE("comments") {
  CHECK(tokens("a -- b\nc") == "w:a w:c");
  CHECK(tokens("a --") == "w:a");
  CHECK(tokens("a--b") == "w:a c:- c:- w:b");
  CHECK(tokens("a--\x01 b\nc") == "w:a w:c");
  CHECK(tokens("a#b\nc#") == "w:a w:c");
  CHECK(tokens("a/*b*/c/**/d") == "w:a w:c w:d");
  CHECK(tokens("a/*b/*c*/d") == "w:a w:d");
  CHECK(tokens("a/*") == "w:a unterminated");
  CHECK(tokens("a/*/") == "w:a unterminated");
  CHECK(tokens("a*/b") == "w:a c:* c:/ w:b");
  CHECK(tokens("a/*+ b */c") == "w:a w:c");
  CHECK(tokens("a/*+ `b*/` */c") == "w:a uncertain");
}

TEST_CASE("executable comments, as MySQL 9.7.4 and MariaDB 10.11.19 were seen to read them") {
  Dialect mysql, mariadb;
  mariadb.mariadb = true;
  mariadb.version = 101119;
  struct Case {
    const char *text, *mysql, *mariadb;
  };
  const Case cases[] = {
      {"/*! a*/", "w:a", "w:a"},
      {"/*!50701 a*/", "w:a", ""},
      {"/*!50699 a*/", "w:a", "w:a"},
      {"/*!50700 a*/", "w:a", ""},
      {"/*!80013 a*/", "w:a", ""},
      {"/*!99999 a*/", "", ""},
      {"/*!100100 a*/", "", "w:a"},
      {"/*!100100,a*/", "n:0 c:, w:a", "c:, w:a"},
      {"/*!080013 a*/", "w:a", ""},
      {"/*!080013,a*/", "n:3 c:, w:a", ""},
      {"/*!999999 a*/", "", ""},
      {"/*M! a*/", "", "w:a"},
      {"/*m! a*/", "", ""},
      {"/*M!50800 a*/", "", "w:a"},
      {"/*M!101200 a*/", "", ""},
      {"/*!5070 a*/", "n:5070 w:a", "n:5070 w:a"},
      {"/*! 80013 a*/", "n:80013 w:a", "n:80013 w:a"},
      {"/*!99999 /* x */ a*/ b", "w:b", "w:b"},
      {"/*!50000 a /* x */ b*/ c", "w:a w:b w:c", "w:a w:b w:c"},
      {"/*!50000 '*/' */ a", "s:'*/' w:a", "s:'*/' w:a"},
      {"/*! a", "w:a unterminated", "w:a unterminated"},
      {"/*!99999 a", "unterminated", "unterminated"},
  };
  for (const Case& c : cases) {
    INFO(c.text);
    CHECK(tokens(c.text, mysql) == c.mysql);
    CHECK(tokens(c.text, mariadb) == c.mariadb);
  }
}

TEST_CASE("variables") {
  CHECK(tokens("@a @'b c' @`d` @\"e\" @f.g$h @") == "u:a u:b c u:d u:e u:f.g$h u:");
  CHECK(tokens("@@a @@global.b @@`c`") == "@@ w:a @@ w:global c:. w:b @@ q:c");
  CHECK(tokens("@a:=1") == "u:a := n:1");
  CHECK(tokens("'u'@'h'") == "s:'u' u:h");
}

TEST_CASE("bytes that can be read in two ways") {
  CHECK(tokens(std::string_view{"a\0b", 3}) == "w:a uncertain");
  CHECK(tokens(std::string_view{"'a\0b'", 5}).substr(0, 2) == "s:");
  CHECK(tokens(std::string_view{"`a\0b`", 5}) == "uncertain");
  CHECK(tokens("FOR\xa0UPDATE") == "uncertain");  // latin1: white space
  CHECK(tokens("a\xc3\xa0") == "w:a\xc3\xa0");
  CHECK(tokens("a\xc3\xa0"
               "FOR") == "uncertain");
}

TEST_CASE("hints") {
  const std::string text =
      "  /* wye: primary, max_lag=200ms , server = db2,consistency=eventual,tag=a,token=x-1 */ SELECT";
  const Hint hint = parse_hint(text);
  CHECK(hint.present);
  CHECK(hint.primary);
  CHECK_FALSE(hint.replica);
  CHECK(hint.max_lag_ms == 200);
  CHECK(hint.server == "db2");
  CHECK(hint.consistency == "eventual");
  CHECK(hint.tag == "a");
  CHECK(hint.token == "x-1");
  CHECK(hint.unknown_word.empty());
  CHECK(parse_hint("/*wye:replica*/").replica);
  CHECK(parse_hint("/* WYE: Replica, max_lag=2s */").max_lag_ms == 2000);
  CHECK(parse_hint("/* wye: max_lag=5m */").max_lag_ms == 300000);
  CHECK(parse_hint("/* wye: foo */").unknown_word == "foo");
  CHECK(parse_hint("/* wye: max_lag=5 */").unknown_word == "max_lag=5");
  CHECK(parse_hint("/* wye: max_lag=99999999999999999999s */").unknown_word == "max_lag=99999999999999999999s");
  CHECK(parse_hint("/* wye: server= */").unknown_word == "server=");
  CHECK_FALSE(parse_hint("SELECT 1 /* wye: primary */").present);
  CHECK_FALSE(parse_hint("/* wye: primary").present);
  CHECK_FALSE(parse_hint("/* x */ /* wye: primary */").present);
  CHECK(parse_hint("/* wye: */").present);
}
