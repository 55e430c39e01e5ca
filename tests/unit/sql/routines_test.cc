#include "proxy/sql/routines.h"

#include <string>
#include <vector>

#include "proxy/sql/ascii.h"
#include "tests/unit/catch.h"
#include "tests/unit/sql/corpus.h"

using namespace wye::sql;

namespace {

struct Known : Routines {
  bool only_reads(bool procedure, std::string_view schema, std::string_view name) const override {
    if (schema.empty()) return procedure ? same(name, "p") : same(name, "f") || same(name, "count");
    return schema == "shop" && (procedure ? same(name, "q") : same(name, "g"));
  }
};

std::string names(const std::vector<CalledRoutine>& calls) {
  std::string all;
  for (const auto& call : calls) {
    all += (all.empty() ? "" : " ") + (call.schema.empty() ? "" : std::string{call.schema} + ".");
    all += std::string{call.name} + (call.procedure ? "()" : "");
  }
  return all.empty() ? "-" : all;
}

std::vector<wye::test::CorpusRow> rows_of(const char* file) {
  auto rows = wye::test::read_corpus(std::string{WYE_TEST_DATA} + "/" + file);
  REQUIRE(rows.size() > 50);
  return rows;
}

}  // namespace

TEST_CASE("statements that call routines which only read") {
  const Known known;
  for (const auto& row : rows_of("routines.tsv")) {
    for (const Dialect& dialect : wye::test::dialects_of(row)) {
      INFO("line " << row.line << ": " << row.statement);
      const Facts facts = classify(row.statement, dialect, nullptr, &known);
      CHECK(std::string{name(facts.kind)} == row.kind);
      CHECK(std::string{facts.replica_ok ? "1" : "0"} == row.replica_ok);
      CHECK(std::string{name(facts.why)} == row.why);
      const Facts without = classify(row.statement, dialect);
      CHECK(without.effects == facts.effects);
      CHECK((!without.replica_ok || facts.replica_ok));
    }
  }
}

TEST_CASE("the bodies of routines: what only reads, and what can't be placed") {
  for (const auto& row : rows_of("routine_bodies.tsv")) {
    for (const Dialect& dialect : wye::test::dialects_of(row)) {
      INFO("line " << row.line << ": " << row.statement);
      std::vector<CalledRoutine> calls;
      const bool reads = body_only_reads(row.statement, dialect, calls);
      CHECK(std::string{reads ? "1" : "0"} == row.kind);
      if (reads) CHECK(names(calls) == row.replica_ok);
    }
  }
}

TEST_CASE("every prefix of every body is read without a crash") {
  for (const auto& row : rows_of("routine_bodies.tsv")) {
    for (std::size_t size = 0; size <= row.statement.size(); ++size) {
      const std::vector<char> exact(row.statement.begin(), row.statement.begin() + static_cast<std::ptrdiff_t>(size));
      std::vector<CalledRoutine> calls;
      body_only_reads(std::string_view{exact.data(), exact.size()}, Dialect{}, calls);
      for (const auto& call : calls) CHECK(call.name.size() <= size);
    }
  }
}

TEST_CASE("a routine of another schema is called by its name") {
  const Dialect dialect;
  for (const char* text : {"SELECT b.f(1)", "SELECT 1, `b` . `f` (1)", "CALL b.p(2)", "CALL b.p", "CALL b.p;"})
    CHECK(calls_in_another_schema(text, dialect, "a"));
  for (const char* text : {"SELECT a.f(1)", "SELECT f(1)", "CALL p(2)", "CALL a.p", "SELECT f(t.x), b.x",
                           "SELECT 'b.f('", "", "CALL p(b.x)"})
    CHECK_FALSE(calls_in_another_schema(text, dialect, "a"));
}
