#include "proxy/sql/token_query.h"

#include "proxy/sql/ascii.h"

namespace wye::sql {
namespace {

void skip_space(std::string_view& text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
}

bool is_name(char c) { return c == '_' || is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

std::string_view take_name(std::string_view& text) {
  std::size_t n = 0;
  while (n < text.size() && is_name(text[n])) ++n;
  const auto name = text.substr(0, n);
  text.remove_prefix(n);
  return name;
}

/// In backticks or either quotes, none of them inside; or a bare name.
std::string_view take_alias(std::string_view& text) {
  if (text.empty() || (text.front() != '`' && text.front() != '"' && text.front() != '\'')) return take_name(text);
  const std::size_t end = text.find(text.front(), 1);
  if (end == std::string_view::npos) return {};
  const auto alias = text.substr(1, end - 1);
  text.remove_prefix(end + 1);
  return alias;
}

}  // namespace

std::optional<std::string> token_column(std::string_view text) {
  skip_space(text);
  if (!same(take_name(text), "select")) return std::nullopt;
  skip_space(text);
  constexpr std::string_view marks = "@@";
  if (!text.starts_with(marks)) return std::nullopt;
  const std::string_view variable = text;
  text.remove_prefix(marks.size());
  const auto name = take_name(text);
  if (!same(name, "wye_token")) return std::nullopt;
  std::string_view column = variable.substr(0, marks.size() + name.size());
  const std::size_t after_name = text.size();
  skip_space(text);
  if (!text.empty() && text.front() != ';') {
    if (text.size() == after_name && is_name(text.front())) return std::nullopt;
    std::string_view rest = text;
    if (same(take_name(rest), "as")) {
      text = rest;
      skip_space(text);
    }
    column = take_alias(text);
    if (column.empty() || column.find('`') != std::string_view::npos) return std::nullopt;
    skip_space(text);
  }
  if (text.starts_with(';')) text.remove_prefix(1);
  skip_space(text);
  if (!text.empty()) return std::nullopt;
  return std::string(column);
}

}  // namespace wye::sql
