#include "proxy/sql/keywords.h"

#include <array>

#include "proxy/sql/ascii.h"

namespace wye::sql {
namespace {

constexpr std::uint16_t M = kw_mysql, A = kw_mariadb, FM = kw_mysql_call, FA = kw_mariadb_call,
                        S = kw_starts_expression, SM = kw_starts_expression_mysql, N = kw_null_is_value,
                        O = kw_operator, E = kw_ends_by_list, C = kw_charset;

struct Entry {
  std::string_view name;
  std::uint16_t flags;
};

constexpr auto entries = std::to_array<Entry>({
#define KEYWORD(name, flags) {#name, flags},
#include "proxy/sql/keywords.def"
#undef KEYWORD
});
constexpr NameIndex<entries.size(), 4096> by_name{entries};

struct Synonym {
  std::string_view name, as;
  std::uint16_t families;
};

constexpr auto synonyms = std::to_array<Synonym>({
#define SYNONYM(name, as, families) {#name, #as, families},
#include "proxy/sql/synonyms.def"
#undef SYNONYM
});

struct Table {
  std::array<Keyword, entries.size()> keywords{};
  std::array<std::uint16_t, entries.size()> same_mysql{}, same_mariadb{};
};

Table build() {
  Table table;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    table.keywords[i] = {entries[i].name, entries[i].flags, find_word(entries[i].name), text_hash(entries[i].name)};
    table.same_mysql[i] = table.same_mariadb[i] = static_cast<std::uint16_t>(i + 1);
  }
  for (const Synonym& s : synonyms) {
    const std::size_t from = by_name.find(entries, s.name), to = by_name.find(entries, s.as);
    if ((s.families & kw_mysql) != 0) table.same_mysql[from] = static_cast<std::uint16_t>(to + 1);
    if ((s.families & kw_mariadb) != 0) table.same_mariadb[from] = static_cast<std::uint16_t>(to + 1);
  }
  return table;
}

const Table table = build();

}  // namespace

std::uint16_t find_keyword(std::string_view text) {
  const std::size_t at = by_name.find(entries, text);
  return at == entries.size() ? std::uint16_t{0} : static_cast<std::uint16_t>(at + 1);
}

const Keyword& keyword(std::uint16_t found) { return table.keywords[found - 1u]; }

std::uint16_t same_keyword(std::uint16_t found, bool mariadb) {
  return (mariadb ? table.same_mariadb : table.same_mysql)[found - 1u];
}

}  // namespace wye::sql
