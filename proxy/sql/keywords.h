#pragma once
#include <cstdint>
#include <string_view>

#include "proxy/sql/words.h"

namespace wye::sql {

/// What keywords.def says of a word.
enum KeywordFlag : std::uint16_t {
  kw_mysql = 1,
  kw_mariadb = 2,
  kw_mysql_call = 4,
  kw_mariadb_call = 8,
  kw_starts_expression = 16,
  kw_starts_expression_mysql = 32,
  kw_null_is_value = 64,
  kw_operator = 128,
  kw_ends_by_list = 256,
  kw_charset = 512,
};

struct Keyword {
  std::string_view name;  // upper case
  std::uint16_t flags = 0;
  Word word = Word::none;
  std::uint64_t hash = 0;
};

/// One more than its place among the keywords, 0 if it is none; the place is no property of the word that lasts.
std::uint16_t find_keyword(std::string_view text);
const Keyword& keyword(std::uint16_t found);  // REQUIRES: not 0
/// The keyword that the servers take for the same one (DATABASE and SCHEMA), as digests write it.
std::uint16_t same_keyword(std::uint16_t found, bool mariadb);

/// Of a name or a keyword's text; for digests.
constexpr std::uint64_t text_hash(std::string_view text) {
  std::uint64_t h = 0xcbf29ce484222325u;
  for (const char c : text) h = (h ^ static_cast<std::uint8_t>(c)) * 0x100000001b3u;
  return h;
}

}  // namespace wye::sql
