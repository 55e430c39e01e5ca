#include "proxy/config/suggest.h"

#include <algorithm>

namespace wye::config {

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0u : 1u)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    std::swap(before, last);
    std::swap(last, row);
  }
  return last[b.size()];
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& known) {
  if (word.size() > 64) return {};  // nothing that long is near, and the distance costs length times length
  const std::string* best = nullptr;
  std::size_t least = 0;
  for (const std::string& k : known) {
    const std::size_t d = edit_distance(word, k);
    if (best == nullptr || d < least) {
      best = &k;
      least = d;
    }
  }
  if (best == nullptr || least > std::max<std::size_t>(1, best->size() / 3)) return {};
  return ", did you mean \"" + *best + "\"?";
}

}  // namespace wye::config
