#include "proxy/sql/digest.h"

#include <map>
#include <set>
#include <string>
#include <vector>

#include "proxy/sql/keywords.h"
#include "tests/unit/catch.h"
#include "tests/unit/sql/corpus.h"

using namespace wye::sql;

namespace {

std::string text_of(std::string_view statement, const Dialect& dialect) {
  std::vector<char> buffer(64 * 1024);
  return std::string{digest(statement, dialect, buffer).text};
}

std::uint64_t hash_of(std::string_view statement) { return digest(statement, Dialect{}).hash; }

}  // namespace

TEST_CASE("the table of digests") {
  std::map<bool, std::map<std::string, std::uint64_t>> hashes;
  const auto rows = wye::test::read_corpus(std::string{WYE_TEST_DATA} + "/digest.tsv");
  REQUIRE(rows.size() >= 200);
  for (const auto& row : rows) {
    for (const Dialect& dialect : wye::test::dialects_of(row)) {
      INFO("line " << row.line << (dialect.mariadb ? " mariadb: " : " mysql: ") << row.statement);
      CHECK(text_of(row.statement, dialect) == row.kind);  // its third column
      const std::uint64_t hash = digest(row.statement, dialect).hash;
      const auto known = hashes[dialect.mariadb].emplace(row.kind, hash).first;
      CHECK(known->second == hash);
    }
  }
  for (const auto& [family, by_text] : hashes) {
    std::set<std::uint64_t> different;
    for (const auto& [text, hash] : by_text) different.insert(hash);
    CHECK(different.size() == by_text.size());
  }
}

TEST_CASE("a digest's text ends with its buffer, the hash does not") {
  const std::string statement = "SELECT a, b FROM t WHERE c = 1";
  std::vector<char> small(10);
  const Digest cut = digest(statement, Dialect{}, small);
  CHECK(cut.text == "SELECT `a`");
  CHECK(cut.truncated);
  CHECK(cut.hash == hash_of(statement));
  CHECK(digest(statement, Dialect{}).text.empty());
}

TEST_CASE("the values of a list and their number change no digest") {
  std::string list = "SELECT a FROM t WHERE b IN (1";
  const std::uint64_t one = hash_of(list + ")");
  for (int i = 0; i < 5000; ++i) list += i % 3 == 0 ? ", NULL" : ", -17";
  CHECK(hash_of(list + ")") == one);

  std::string rows = "INSERT INTO t VALUES (1, 'a')";
  const std::uint64_t single = hash_of(rows);
  const std::uint64_t two = hash_of(rows + ", (?, ?)");
  CHECK(single != two);
  for (int i = 0; i < 5000; ++i) rows += ", (2, NULL)";
  CHECK(hash_of(rows) == two);
}

TEST_CASE("a digest is the same in every build") {
  // A rule of the configuration names it: these numbers may change only with a note in docs/ROUTING.md.
  CHECK(hash_of("SELECT c FROM sbtest1 WHERE id=1") == 0x03b8c6fcc5dbaaf2u);
  CHECK(hash_of("UPDATE t SET a = 'x' WHERE b IN (1, 2)") == 0xe546724a7bb9fad4u);
}

TEST_CASE("every word of the classifier is found among the keywords") {
#define WORD(name, flags) CHECK((find_keyword(#name) != 0 && keyword(find_keyword(#name)).word == Word::name));
#include "proxy/sql/words.def"
#undef WORD
  CHECK(find_keyword("hunter2") == 0);
}

TEST_CASE("parentheses without end are no trouble") {
  std::string deep;
  for (int i = 0; i < 10000; ++i) deep += "(";
  for (int i = 0; i < 20000; ++i) deep += ")";
  CHECK_NOTHROW(hash_of("SELECT 1 FROM t ORDER BY 1, " + deep));
  CHECK_NOTHROW(hash_of(deep));
}
