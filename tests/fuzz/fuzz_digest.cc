// Input: 1 byte dialect, 1 byte size of the text's buffer, then the text of a COM_QUERY.
#include <string>
#include <vector>

#include "proxy/sql/digest.h"
#include "proxy/sql/facts.h"
#include "tests/fuzz/fuzz.h"

using namespace wye;
using fuzz::must;

namespace {

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

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const sql::Dialect dialect = dialect_of(data[0]);
  const std::string text{reinterpret_cast<const char*>(data) + 2, size - 2};
  std::vector<char> small(data[1]), large(16 * size + 64);
  const sql::Digest whole = sql::digest(text, dialect, large);
  const sql::Digest cut = sql::digest(text, dialect, small);
  must(cut.hash == whole.hash && sql::digest(text, dialect).hash == whole.hash, "the buffer's size changes no hash");
  must(whole.text.substr(0, cut.text.size()) == cut.text, "a text that is cut is the beginning of the whole");
  must(cut.text.size() <= small.size() && cut.truncated == (!small.empty() && whole.text.size() > small.size()),
       "no more than the buffer holds");

  // The classifier says the same of a text whether a digest is taken on the way or not.
  sql::Digester digester{dialect};
  const sql::Facts facts = sql::classify(text, dialect), with = sql::classify(text, dialect, &digester);
  must(facts.kind == with.kind && facts.why == with.why && facts.effects == with.effects, "the digest is a guest");

  // What is in front of a statement changes nothing (a byte order mark counts only as the first thing).
  if (text.substr(0, 3) == "\xef\xbb\xbf") return 0;
  must(sql::digest(" /* x */\n" + text, dialect).hash == whole.hash, "a comment in front changes nothing");
  return 0;
}
