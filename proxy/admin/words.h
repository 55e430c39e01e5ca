#pragma once
#include <string>
#include <string_view>

// Reading the console's own little language. Pure.
namespace wye::admin {

/// ASCII letters without their case.
bool same(std::string_view a, std::string_view b);
/// Without white space and comments before it, and without white space and semicolons behind it.
std::string_view trimmed(std::string_view text);
/// Takes the next word off the front of `text`: letters, digits, '_', or one other character. Empty at the end.
std::string_view next_word(std::string_view& text);
/// True, and takes them off, if `text` begins with `words` ("SHOW SERVERS"), however they are spaced and written.
bool take_words(std::string_view& text, std::string_view words);
/// A name as an argument: bare, or in ', " or `. False: it is none, or more follows.
bool take_name(std::string_view text, std::string& name);

}  // namespace wye::admin
