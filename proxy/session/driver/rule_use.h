#pragma once
#include <memory>
#include <optional>

#include "proxy/net/loop.h"
#include "proxy/routing/rules.h"

namespace wye::session {

/// The rule that one command matched, and its deadline. Of a session; the rules themselves may be replaced meanwhile.
struct RuleUse {
  std::shared_ptr<const routing::Rules> of;  // keeps `rule`
  const routing::Rule* rule = nullptr;
  std::unique_ptr<net::Timer> timer;  // made by the first statement that has a timeout
  bool over = false;                  // the timeout is: the statement ends, or has been told to
  /// A KILL QUERY is under way. It must not meet the session's next statement: that waits for it.
  std::shared_ptr<bool> kill;
  bool ended = false;  // the statement has ended before its KILL was answered

  void forget() {
    if (rule == nullptr) return;
    rule = nullptr;
    of.reset();
    if (timer != nullptr) timer->stop();
    over = ended = false;
    kill.reset();
  }
};

}  // namespace wye::session
