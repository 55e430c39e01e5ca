// Input: 1 byte dialect, then the text of a COM_QUERY.
#include <string>

#include "proxy/sql/facts.h"
#include "tests/fuzz/fuzz.h"

using namespace wye;
using fuzz::must;

namespace {

bool inside(std::string_view part, std::string_view text) {
  return part.empty() || (part.data() >= text.data() && part.data() + part.size() <= text.data() + text.size());
}

sql::Dialect dialect_of(std::uint8_t byte) {
  sql::Dialect dialect;
  dialect.mariadb = (byte & 1) != 0;
  dialect.version = dialect.mariadb ? 101119 : (byte & 2) != 0 ? 50744 : 90704;
  dialect.ansi_quotes = (byte & 4) != 0;
  dialect.no_backslash_escapes = (byte & 8) != 0;
  dialect.ignore_space = (byte & 16) != 0;
  dialect.multi_byte_with_backslash = (byte & 32) != 0;
  return dialect;
}

void check(std::string_view text, const sql::Facts& facts) {
  must(!facts.replica_ok || (facts.kind == sql::Kind::read && facts.why == sql::Why::plain_read),
       "only a plain read may go to a replica");
  must(inside(facts.verb, text) && inside(facts.hint.server, text) && inside(facts.hint.unknown_word, text) &&
           inside(facts.hint.token, text) && inside(facts.hint.tag, text) && inside(facts.hint.consistency, text),
       "views alias the text");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const sql::Dialect dialect = dialect_of(data[0]);
  const std::string_view text{reinterpret_cast<const char*>(data) + 1, size - 1};
  const sql::Facts facts = sql::classify(text, dialect);
  check(text, facts);

  // What is in front of a statement changes nothing: white space, an ordinary comment.
  const bool mark = text.substr(0, 3) == "\xef\xbb\xbf";  // a byte order mark counts only as the first thing
  const std::string moved = " /* x */\n" + std::string{text};
  const sql::Facts again = sql::classify(moved, dialect);
  must(mark || (again.kind == facts.kind && again.why == facts.why && again.effects == facts.effects &&
                again.replica_ok == facts.replica_ok),
       "a comment in front changes nothing");

  // A second statement can only take away the permission to run on a replica.
  const std::string twice = std::string{text} + "\n;UPDATE t SET a = 1";
  must(!sql::classify(twice, dialect).replica_ok || facts.kind == sql::Kind::unknown, "a write behind it is seen");
  return 0;
}
