#include "proxy/session/flows/side_effects.h"

#include <algorithm>
#include <initializer_list>

namespace wye::session {

namespace {

bool names_any(std::string_view text, std::initializer_list<std::string_view> words) {
  const auto same = [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a | 0x20 : a) == b; };
  return std::any_of(words.begin(), words.end(), [&](std::string_view word) {
    return std::search(text.begin(), text.end(), word.begin(), word.end(), same) != text.end();
  });
}

}  // namespace

bool sets_globals(const sql::Facts& facts) {
  if (facts.several) return facts.has(sql::fx_sticky_setting);
  return facts.kind == sql::Kind::set && facts.why == sql::Why::server_state;
}

bool may_change_accounts(const sql::Facts& facts, std::string_view text) {
  // All of them commit what was before.
  if (!facts.has(sql::fx_may_commit_unreported)) return false;
  return names_any(text, {"grant", "revoke", "user", "role", "password", "privileges"});
}

bool may_change_routines(const sql::Facts& facts, std::string_view text) {
  const bool unseen = facts.several || facts.kind == sql::Kind::unknown || facts.has(sql::fx_text_prepare);
  if (facts.replica_ok || (facts.why != sql::Why::ddl && !unseen)) return false;
  return names_any(text, {"function", "procedure", "package", "trigger"});
}

}  // namespace wye::session
