#include "proxy/sql/hint.h"

#include "proxy/sql/ascii.h"

namespace wye::sql {
namespace {

std::string_view trim(std::string_view s) {
  while (!s.empty() && is_space(s.front())) s.remove_prefix(1);
  while (!s.empty() && is_space(s.back())) s.remove_suffix(1);
  return s;
}

/// "200ms", "2s", "5m", "1h". At most 12 digits, so that nothing overflows.
std::optional<std::int64_t> parse_duration(std::string_view text) {
  std::size_t digits = 0;
  std::int64_t number = 0;
  while (digits < text.size() && is_digit(text[digits])) {
    number = number * 10 + (text[digits] - '0');
    if (++digits > 12) return std::nullopt;
  }
  if (digits == 0) return std::nullopt;
  const std::string_view unit = text.substr(digits);
  if (same(unit, "ms")) return number;
  if (same(unit, "s")) return number * 1000;
  if (same(unit, "m")) return number * 60'000;
  if (same(unit, "h")) return number * 3'600'000;
  return std::nullopt;
}

bool take_word(Hint& hint, std::string_view word) {
  const std::size_t equals = word.find('=');
  if (equals == std::string_view::npos) {
    if (same(word, "primary")) return hint.primary = true;
    if (same(word, "replica")) return hint.replica = true;
    return false;
  }
  const std::string_view key = trim(word.substr(0, equals));
  const std::string_view value = trim(word.substr(equals + 1));
  if (value.empty()) return same(key, "token");  // of a session that has done nothing
  if (same(key, "server")) return hint.server = value, true;
  if (same(key, "consistency")) return hint.consistency = value, true;
  if (same(key, "tag")) return hint.tag = value, true;
  if (same(key, "token")) return hint.token = value, true;
  if (same(key, "max_lag")) {
    hint.max_lag_ms = parse_duration(value);
    return hint.max_lag_ms.has_value();
  }
  return false;
}

/// A token is a list by commas as well: what follows one belongs to it unless it is a word of its own.
std::size_t end_of_word(std::string_view words) {
  std::size_t comma = words.find(',');
  const std::size_t equals = words.find('=');
  if (equals == std::string_view::npos || equals > comma || !same(trim(words.substr(0, equals)), "token")) return comma;
  while (comma != std::string_view::npos) {
    const std::size_t next = words.find(',', comma + 1);
    const std::string_view piece = trim(words.substr(comma + 1, next - comma - 1));
    const bool word = piece.find('=') != std::string_view::npos || same(piece, "primary") || same(piece, "replica");
    if (word) break;
    comma = next;
  }
  return comma;
}

}  // namespace

Hint parse_hint(std::string_view text) {
  Hint hint;
  if (text.substr(0, 3) == "\xef\xbb\xbf") text.remove_prefix(3);
  text = trim(text);
  if (text.substr(0, 2) != "/*") return hint;
  const std::size_t end = text.find("*/", 2);
  if (end == std::string_view::npos) return hint;
  std::string_view words = trim(text.substr(2, end - 2));
  if (!starts_with(words, "wye:")) return hint;
  words.remove_prefix(4);
  hint.present = true;
  while (true) {
    const std::size_t comma = end_of_word(words);
    const std::string_view word = trim(words.substr(0, comma));
    if (!word.empty() && !take_word(hint, word) && hint.unknown_word.empty()) hint.unknown_word = word;
    if (comma == std::string_view::npos) return hint;
    words.remove_prefix(comma + 1);
  }
}

}  // namespace wye::sql
