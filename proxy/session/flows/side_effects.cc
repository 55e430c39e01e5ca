#include "proxy/session/flows/side_effects.h"

#include <algorithm>
#include <array>

namespace wye::session {

bool sets_globals(const sql::Facts& facts) {
  if (facts.several) return facts.has(sql::fx_sticky_setting);
  return facts.kind == sql::Kind::set && facts.why == sql::Why::server_state;
}

bool may_change_accounts(const sql::Facts& facts, std::string_view text) {
  // All of them commit what was before.
  if (!facts.has(sql::fx_may_commit_unreported)) return false;
  constexpr std::array<std::string_view, 6> words{"grant", "revoke", "user", "role", "password", "privileges"};
  const auto same = [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a | 0x20 : a) == b; };
  return std::any_of(words.begin(), words.end(), [&](std::string_view word) {
    return std::search(text.begin(), text.end(), word.begin(), word.end(), same) != text.end();
  });
}

}  // namespace wye::session
