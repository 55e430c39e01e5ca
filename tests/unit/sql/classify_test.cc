#include <algorithm>
#include <sstream>
#include <string>
#include <vector>

#include "proxy/sql/facts.h"
#include "tests/unit/catch.h"
#include "tests/unit/sql/corpus.h"

using namespace wye::sql;

namespace {

using wye::test::dialects_of;

std::vector<wye::test::CorpusRow> read_rows() {
  return wye::test::read_corpus(std::string{WYE_TEST_DATA} + "/classify.tsv");
}

std::string effects_of(const Facts& facts) {
  std::vector<std::string> names;
  for (std::uint32_t bit = 0; bit < 32; ++bit) {
    if ((facts.effects >> bit & 1u) != 0) names.emplace_back(name(static_cast<Effect>(1u << bit)));
  }
  std::sort(names.begin(), names.end());
  std::string joined;
  for (const auto& n : names) joined += (joined.empty() ? "" : ",") + n;
  return joined.empty() ? "-" : joined;
}

std::string sorted(const std::string& list) {
  std::vector<std::string> names;
  std::istringstream in{list};
  for (std::string n; std::getline(in, n, ',');) names.push_back(n);
  std::sort(names.begin(), names.end());
  std::string joined;
  for (const auto& n : names) joined += (joined.empty() ? "" : ",") + n;
  return joined;
}

}  // namespace

TEST_CASE("the table of statements") {
  const auto rows = read_rows();
  REQUIRE(rows.size() >= 1700);
  for (const auto& row : rows) {
    for (const Dialect& dialect : dialects_of(row)) {
      const Facts facts = classify(row.statement, dialect);
      INFO("line " << row.line << " (" << row.flavour << (dialect.mariadb ? ", mariadb): " : ", mysql): ")
                   << row.statement);
      CHECK(std::string{name(facts.kind)} == row.kind);
      CHECK(std::string{facts.replica_ok ? "1" : "0"} == row.replica_ok);
      CHECK(std::string{name(facts.why)} == row.why);
      CHECK(effects_of(facts) == sorted(row.effects));
      CHECK((!facts.replica_ok || facts.kind == Kind::read));
    }
  }
}

// The bytes are copied into a buffer of exactly that size, so that asan sees a read behind the end.
TEST_CASE("every prefix of every statement is read without a crash, and an unfinished one never turns into more") {
  for (const auto& row : read_rows()) {
    for (const Dialect& dialect : dialects_of(row)) {
      for (std::size_t size = 0; size <= row.statement.size(); ++size) {
        const std::vector<char> exact(row.statement.begin(), row.statement.begin() + static_cast<std::ptrdiff_t>(size));
        const Facts facts = classify(std::string_view{exact.data(), exact.size()}, dialect);
        REQUIRE((!facts.replica_ok || (facts.kind == Kind::read && facts.why == Why::plain_read)));
      }
    }
  }
}

TEST_CASE("white space and comments around tokens change nothing") {
  for (const char* statement : {"SELECT * FROM t FOR UPDATE", "SELECT * FROM t LOCK IN SHARE MODE", "SELECT my_f ( 1 )",
                                "UPDATE t SET a = 1", "SET autocommit = 0", "START TRANSACTION READ ONLY"}) {
    const Facts plain = classify(statement, Dialect{});
    for (const char* gap : {"\n", "\t", "\r\n", "/**/", "/* x */", " -- x\n", " #x\n", "\f", "\v", " /*!99999 y */ "}) {
      std::string other;
      for (const char* c = statement; *c != '\0'; ++c) *c == ' ' ? other += gap : other += *c;
      const Facts facts = classify(other, Dialect{});
      INFO(other);
      CHECK(facts.kind == plain.kind);
      CHECK(facts.why == plain.why);
      CHECK(facts.effects == plain.effects);
    }
  }
}

TEST_CASE("the collation of SET NAMES is told, for no tracker does") {
  const Dialect mysql;
  CHECK(classify("SET NAMES utf8mb4 COLLATE utf8mb4_unicode_ci", mysql).collation == "utf8mb4_unicode_ci");
  CHECK(classify("set names 'utf8mb4' collate 'utf8mb4_bin', sql_mode='COLLATE x'", mysql).collation == "utf8mb4_bin");
  CHECK(classify("SET @a = 1, NAMES latin1 COLLATE `latin1_bin`", mysql).collation == "latin1_bin");
  CHECK(classify("SET NAMES utf8mb4", mysql).collation.empty());
  CHECK(classify("SET @a = 'x' COLLATE utf8mb4_bin", mysql).collation.empty());
  const Facts two = classify("SET NAMES utf8mb4 COLLATE utf8mb4_bin; SET NAMES latin1", mysql);
  CHECK(two.collation.empty());
  CHECK(two.has(fx_sticky_setting));
}

TEST_CASE("sql_mode and version decide how the text is cut") {
  Dialect ansi;
  ansi.ansi_quotes = true;
  CHECK(classify("SELECT \"f\"(1)", ansi).why == Why::unknown_function);
  CHECK(classify("SELECT * FROM \"mysql\".user", ansi).why == Why::system_schema);
  CHECK(classify("SELECT \"f\" (1)", Dialect{}).replica_ok);  // a string, and an error on the server
  CHECK(classify("SELECT \"a\\\" FOR UPDATE", ansi).why == Why::locking_read);

  Dialect plain_backslash;
  plain_backslash.no_backslash_escapes = true;
  CHECK(classify("SELECT 'a\\' FOR UPDATE", plain_backslash).why == Why::locking_read);
  CHECK(classify("SELECT 'a\\' FOR UPDATE", Dialect{}).why == Why::unterminated);

  Dialect ignore_space;
  ignore_space.ignore_space = true;
  CHECK(classify("SELECT COUNT (*) FROM t", ignore_space).replica_ok);
  CHECK_FALSE(classify("SELECT COUNT (*) FROM t", Dialect{}).replica_ok);

  Dialect old;
  old.version = 50744;
  CHECK(classify("SELECT RANK() OVER (ORDER BY a) FROM t", old).why == Why::unknown_function);
  CHECK(classify("SELECT REGEXP_LIKE(a, 'b') FROM t", old).why == Why::unknown_function);
  CHECK(classify("SELECT 1 /*!80013 FOR UPDATE */", old).replica_ok);
  CHECK(classify("SELECT 1 /*!50744 FOR UPDATE */", old).why == Why::locking_read);
  CHECK(classify("SELECT 1 /*!50745 FOR UPDATE */", old).replica_ok);
}

TEST_CASE("a backslash that may be half a character is never guessed at") {
  Dialect gbk;
  gbk.multi_byte_with_backslash = true;
  // 0xe5 0x5c is one character in all of them: the quote behind it ends the string.
  CHECK(classify("SELECT '\xe5\\' FOR UPDATE", gbk).why == Why::locking_read);
  CHECK(classify("SELECT '\xe5\\'", gbk).replica_ok);
  // 0xa1 0x5c is two in sjis; a run of high bytes has no certain middle.
  CHECK(classify("SELECT '\xa1\\' FOR UPDATE'", gbk).kind == Kind::unknown);
  CHECK(classify("SELECT '\xe5\xe5\\' FOR UPDATE'", gbk).kind == Kind::unknown);
  CHECK(classify("SELECT `\xe5` FOR UPDATE", gbk).kind != Kind::empty);
  CHECK_FALSE(classify("SELECT a\xe5` FOR UPDATE`", gbk).replica_ok);
  CHECK(classify("SELECT 'abc\\'', 1", gbk).replica_ok);
}

TEST_CASE("depth, length and repetition are bounded") {
  CHECK(classify(std::string(100, '(') + "SELECT 1" + std::string(100, ')'), Dialect{}).replica_ok);
  const std::string deep = "SELECT " + std::string(5000, '(') + "1" + std::string(5000, ')');
  CHECK(classify(deep, Dialect{}).kind == Kind::unknown);
  std::string many;
  for (int i = 0; i < 5000; ++i) many += "SELECT 1;";
  CHECK(classify(many, Dialect{}).replica_ok);
  CHECK(classify(std::string(1 << 20, 'a'), Dialect{}).kind == Kind::unknown);
  CHECK(classify("SELECT '" + std::string(1 << 20, 'a') + "'", Dialect{}).replica_ok);
}
