#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "proxy/base/clock.h"
#include "proxy/session/flows/login.h"

namespace wye::session {

// What a Session is doing. Each state owns what only it needs; Session::become() is the one transition.

struct LoggingIn {
  std::optional<LoginFlow> flow;  // absent until the client's first packet
  protocol::Nonce nonce{};
  std::uint8_t sequence = 1;  // of the next packet from the client
  base::TimePoint deadline{};
  bool change_user = false;
  bool verifying = false;
  bool greeted = false;
  /// What waits for a server that can check the login; a wye that has just started knows none for a moment.
  std::string last_error;
  enum class Pending : std::uint8_t { nothing, rows, verdict } pending = Pending::nothing;
};
struct Idle {};
struct Holding {
  base::TimePoint deadline;
};
struct Acquiring {
  base::TimePoint deadline;
};
struct Preparing {};
struct Relaying {};
struct Closed {};
using State = std::variant<LoggingIn, Idle, Holding, Acquiring, Preparing, Relaying, Closed>;
/// Why the answer that is coming must not reach the client: the statement runs again.
enum class Spoiled : std::uint8_t { no, read_only_replica, replay_failed };

}  // namespace wye::session
