#include "proxy/cli/answer_text.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

namespace wye::cli {
namespace {

std::string seconds_text(base::milliseconds ms) {
  const auto n = ms.count();
  std::string fraction = std::to_string(n % 1000 / 10);
  if (fraction.size() < 2) fraction.insert(0, "0");
  return std::to_string(n / 1000) + "." + fraction + " sec";
}

std::string rule(const std::vector<std::size_t>& widths) {
  std::string out = "+";
  for (const std::size_t w : widths) out += std::string(w + 2, '-') + "+";
  return out + "\n";
}

void cell(std::string& out, const std::string& text, std::size_t wide, bool right) {
  const std::string pad(wide - std::min(wide, width(text)), ' ');
  out += right ? " " + pad + text + " |" : " " + text + pad + " |";
}

/// JSON's own grammar for numbers; "007" and "1e5x" stay text.
bool json_number(const std::string& s) {
  return !s.empty() && (s[0] == '-' || (s[0] >= '0' && s[0] <= '9')) && nlohmann::json::accept(s);
}

}  // namespace

std::string printable(std::string_view text) {
  static constexpr char hex[] = "0123456789abcdef";
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto b = static_cast<unsigned char>(text[i]);
    // U+0080 to U+009F are control characters too.
    const bool c1 = b == 0xc2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0;
    if (b == '\n') {
      out += "\\n";
    } else if (b == '\t') {
      out += "\\t";
    } else if (b < 0x20 || b == 0x7f || c1) {
      out += {'\\', 'x', hex[b >> 4], hex[b & 15]};
    } else {
      out += text[i];
    }
  }
  return out;
}

std::size_t width(std::string_view text) {
  std::size_t n = 0;
  for (const char c : text) n += (static_cast<unsigned char>(c) & 0xc0u) != 0x80u ? 1 : 0;
  return n;
}

std::string as_table(const Answer& answer, base::milliseconds took) {
  if (!answer.is_table) {
    std::string out = "Query OK, " + std::to_string(answer.affected_rows) +
                      (answer.affected_rows == 1 ? " row" : " rows") + " affected (" + seconds_text(took) + ")\n";
    if (!answer.info.empty()) out += printable(answer.info) + "\n";
    return out;
  }
  if (answer.rows.empty()) return "Empty set (" + seconds_text(took) + ")\n";
  std::vector<std::vector<std::string>> cells;
  std::vector<std::size_t> widths;
  auto& names = cells.emplace_back();
  for (const std::string& c : answer.columns) names.push_back(printable(c));
  for (const auto& row : answer.rows) {
    auto& line = cells.emplace_back();
    for (const auto& value : row) line.push_back(value ? printable(*value) : "NULL");
  }
  for (const auto& line : cells) {
    widths.resize(std::max(widths.size(), line.size()));
    for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], width(line[i]));
  }
  std::string out = rule(widths);
  for (std::size_t r = 0; r < cells.size(); ++r) {
    out += "|";
    for (std::size_t i = 0; i < cells[r].size(); ++i) {
      cell(out, cells[r][i], widths[i], r > 0 && i < answer.numeric.size() && answer.numeric[i]);
    }
    out += "\n";
    if (r == 0) out += rule(widths);
  }
  const std::size_t n = answer.rows.size();
  return out + rule(widths) + std::to_string(n) + (n == 1 ? " row" : " rows") + " in set (" + seconds_text(took) +
         ")\n";
}

std::string as_json(const Answer& answer) {
  using nlohmann::ordered_json;
  if (!answer.is_table) {
    const ordered_json j = {{"affected_rows", answer.affected_rows}, {"info", answer.info}};
    return j.dump(-1, ' ', false, ordered_json::error_handler_t::replace) + "\n";
  }
  std::string out;
  for (const auto& row : answer.rows) {
    ordered_json j = ordered_json::object();
    for (std::size_t i = 0; i < row.size(); ++i) {
      const bool number = row[i] && i < answer.numeric.size() && answer.numeric[i] && json_number(*row[i]);
      ordered_json value = nullptr;
      if (row[i]) value = number ? ordered_json::parse(*row[i]) : ordered_json(*row[i]);
      j[answer.columns[i]] = std::move(value);
    }
    out += j.dump(-1, ' ', false, ordered_json::error_handler_t::replace) + "\n";
  }
  return out;
}

}  // namespace wye::cli
