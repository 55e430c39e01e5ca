#pragma once
#include <cstdint>
#include <string_view>

namespace wye::sql {

/// The words that classification asks for (words.def); every other word is `none`.
enum class Word : std::uint16_t {
  none,
#define WORD(name, flags) name,
#include "proxy/sql/words.def"
#undef WORD
};

Word find_word(std::string_view text);
/// A keyword in every supported version that "(" may follow: never the name of a stored function.
bool may_precede_parenthesis(Word);
/// Reserved, and in the body of a SELECT the sign that it is none.
bool never_in_a_read(Word);

}  // namespace wye::sql
