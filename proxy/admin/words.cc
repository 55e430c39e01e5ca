#include "proxy/admin/words.h"

#include <algorithm>

namespace wye::admin {

namespace {

constexpr std::string_view blank = " \t\r\n\v\f";

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
bool word_byte(char c) {
  return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}
bool name_byte(char c) { return word_byte(c) || c == '-' || c == '.' || c == ':' || c == '$'; }

void skip_blank(std::string_view& text) { text.remove_prefix(std::min(text.find_first_not_of(blank), text.size())); }

}  // namespace

bool same(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view trimmed(std::string_view text) {
  for (;;) {
    skip_blank(text);
    const bool line = text.starts_with("#") || text.starts_with("-- ") || text.starts_with("--\n");
    if (!line && !text.starts_with("/*")) break;
    // What an executable comment holds is for servers.
    const std::size_t end = line ? text.find('\n') : text.find("*/", 2);
    if (end == std::string_view::npos) return {};
    text.remove_prefix(end + (line ? 1 : 2));
  }
  const std::size_t last = text.find_last_not_of(" \t\r\n\v\f;");
  return last == std::string_view::npos ? std::string_view{} : text.substr(0, last + 1);
}

std::string_view next_word(std::string_view& text) {
  skip_blank(text);
  std::size_t n = 0;
  while (n < text.size() && word_byte(text[n])) ++n;
  if (n == 0 && !text.empty()) n = 1;
  const auto word = text.substr(0, n);
  text.remove_prefix(n);
  return word;
}

bool take_words(std::string_view& text, std::string_view words) {
  std::string_view left = text;
  while (!words.empty()) {
    if (!same(next_word(left), next_word(words))) return false;
  }
  text = left;
  return true;
}

bool take_name(std::string_view text, std::string& name) {
  skip_blank(text);
  if (text.empty()) return false;
  const char quote = text.front();
  if (quote == '\'' || quote == '"' || quote == '`') {
    const std::size_t end = text.find(quote, 1);
    if (end == std::string_view::npos || end + 1 != text.size()) return false;
    name = text.substr(1, end - 1);
  } else {
    if (!std::all_of(text.begin(), text.end(), name_byte)) return false;
    name = text;
  }
  return !name.empty();
}

}  // namespace wye::admin
