#include "proxy/session/flows/text_statements.h"

#include "tests/unit/catch.h"

namespace wye::session {
namespace {

using What = sql::TextPrepare::What;

std::shared_ptr<const TextStatements::Statement> statement(std::string inner) {
  auto made = std::make_shared<TextStatements::Statement>();
  made->inner = std::move(inner);
  made->facts = sql::classify(made->inner, {});
  return made;
}

void prepare(TextStatements& all, const std::string& name, std::string inner, bool succeeds = true) {
  all.forget({What::prepare, name, {}, false});
  all.prepares(name, statement(std::move(inner)));
  succeeds ? all.succeeded() : all.failed();
}

TEST_CASE("a text that was prepared may be executed on a replica if it reads tables and nothing of the session") {
  TextStatements all;
  for (const char* inner :
       {"SELECT * FROM t", "SHOW TABLES", "SELECT 1", "SELECT @a FROM t", "SELECT FOUND_ROWS() FROM t",
        "SELECT * FROM t FOR UPDATE", "SELECT f() FROM t", "DELETE FROM t"}) {
    INFO(inner);
    prepare(all, "s", inner);
    CHECK((all.reader("s") != nullptr) == (std::string_view{inner} == "SELECT * FROM t"));
  }
}

TEST_CASE("what may have taken a prepared text's name away makes it unknown") {
  TextStatements all;
  const std::string inner = "SELECT * FROM t";
  prepare(all, "s", inner);
  all.forget({What::execute, "s", {}, false});
  CHECK(all.reader("s") != nullptr);
  all.forget({What::drop, "other", {}, false});
  CHECK(all.reader("s") != nullptr);
  prepare(all, "s", inner, false);  // the servers drop the old one first
  CHECK(all.reader("s") == nullptr);
  prepare(all, "s", inner);
  all.forget({What::drop, "s", {}, false});
  CHECK(all.reader("s") == nullptr);
  prepare(all, "s", inner);
  all.forget({What::unknown, "", {}, false});
  CHECK(all.reader("s") == nullptr);
  for (std::size_t i = 0; i <= TextStatements::most; ++i) prepare(all, "s" + std::to_string(i), inner);
  CHECK(all.reader("s99") != nullptr);
  CHECK(all.reader("s100") == nullptr);
}

}  // namespace
}  // namespace wye::session
