#include "proxy/sql/words.h"

#include <array>

#include "proxy/sql/ascii.h"

namespace wye::sql {
namespace {

constexpr std::uint8_t P = 1, W = 2;

struct Entry {
  std::string_view name;
  std::uint8_t flags;
};

constexpr auto entries = std::to_array<Entry>({
#define WORD(name, flags) {#name, flags},
#include "proxy/sql/words.def"
#undef WORD
});
constexpr NameIndex<entries.size(), 1024> by_name{entries};

std::uint8_t flags_of(Word word) {
  return word == Word::none ? std::uint8_t{0} : entries[static_cast<std::size_t>(word) - 1].flags;
}

}  // namespace

Word find_word(std::string_view text) {
  const std::size_t at = by_name.find(entries, text);
  return at == entries.size() ? Word::none : static_cast<Word>(at + 1);
}

bool may_precede_parenthesis(Word word) { return (flags_of(word) & P) != 0; }
bool never_in_a_read(Word word) { return (flags_of(word) & W) != 0; }

}  // namespace wye::sql
