#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace wye::sql {

/// Lower case of ASCII letters, every other byte as it is. No locale: a server compares keywords the same way.
constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

constexpr bool same(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (lower(a[i]) != lower(b[i])) return false;
  }
  return true;
}

constexpr bool starts_with(std::string_view text, std::string_view prefix) {
  return text.size() >= prefix.size() && same(text.substr(0, prefix.size()), prefix);
}

/// FNV-1a over the lower-case bytes.
constexpr std::uint32_t folded_hash(std::string_view text) {
  std::uint32_t h = 2166136261u;
  for (const char c : text) h = (h ^ static_cast<std::uint8_t>(lower(c))) * 16777619u;
  return h;
}

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_high(char c) { return static_cast<unsigned char>(c) >= 0x80; }
constexpr bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
constexpr bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }
constexpr bool is_hex_digit(char c) { return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'f'); }
constexpr bool is_name_byte(char c) {
  return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'z') || c == '_' || c == '$' || is_high(c);
}

/// `word` stands in `text` with no other byte of a name beside it.
constexpr bool has_word(std::string_view text, std::string_view word) {
  for (std::size_t i = 0; !word.empty() && i + word.size() <= text.size(); ++i) {
    const std::size_t end = i + word.size();
    const bool apart = (i == 0 || !is_name_byte(text[i - 1])) && (end == text.size() || !is_name_byte(text[end]));
    if (apart && same(text.substr(i, word.size()), word)) return true;
  }
  return false;
}

/// Built at compile time from a list of names: an open-addressing table from a folded name to its index. Never
/// allocates.
template <std::size_t Names, std::size_t Slots>
class NameIndex {
 public:
  static_assert(Slots >= 2 * Names && (Slots & (Slots - 1)) == 0);
  template <class Entry>
  constexpr explicit NameIndex(const std::array<Entry, Names>& entries) {
    for (std::size_t i = 0; i < Names; ++i) {
      std::size_t at = folded_hash(entries[i].name) & (Slots - 1);
      while (slots_[at] != 0) at = (at + 1) & (Slots - 1);
      slots_[at] = static_cast<std::uint16_t>(i + 1);
    }
  }
  /// The index of `name` in the list, or Names if it isn't there.
  template <class Entry>
  std::size_t find(const std::array<Entry, Names>& entries, std::string_view name) const {
    std::size_t at = folded_hash(name) & (Slots - 1);
    for (; slots_[at] != 0; at = (at + 1) & (Slots - 1)) {
      if (same(entries[slots_[at] - 1u].name, name)) return slots_[at] - 1u;
    }
    return Names;
  }

 private:
  std::array<std::uint16_t, Slots> slots_{};
};

}  // namespace wye::sql
