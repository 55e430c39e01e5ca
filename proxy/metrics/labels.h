#pragma once
#include <cstddef>
#include <cstdint>

// The values of labels. Each enum ends with `last`, and name() gives the label's text.
namespace wye::metrics {

enum class RouteKind : std::uint8_t {
  primary,
  replica,
  session,
  last
};  // session: answered by or bound to the session's own connection
enum class Phase : std::uint8_t {
  queue,
  wait,
  server,
  total,
  last
};  // queue: for a connection; wait: for a replica to catch up
enum class SessionState : std::uint8_t { login, idle, active, last };  // active: a statement is running
enum class SessionResult : std::uint8_t { accepted, refused_max, refused_limit, login_failed, login_timeout, last };
enum class LoginFailure : std::uint8_t {
  wrong_password,
  unknown_account,
  account_locked,
  password_expired,
  host_not_allowed,
  unknown_schema,
  plugin_unsupported,
  tls_required,
  no_server,
  backend_refused,
  timeout,
  malformed,
  last
};
enum class Side : std::uint8_t { client, server, last };
enum class Direction : std::uint8_t { in, out, last };  // as wye sees it
enum class BackendState : std::uint8_t { connecting, idle, in_use, last };
enum class BackendError : std::uint8_t {
  connect_refused,
  connect_timeout,
  resolve,
  tls,
  login,
  too_many_connections,
  closed,
  reset,
  timeout,
  protocol,
  last
};
enum class Pin : std::uint8_t {
  transaction,
  temporary_table,
  lock_tables,
  user_lock,
  prepared_statement,
  cursor,
  handler,
  xa,
  user_variable,
  session_variable,
  set_transaction,
  role,
  local_infile,
  unknown,
  last
};
enum class Retry : std::uint8_t { replica_lost, read_only_replica, stale_connection, reprepare, last };
enum class ProtocolError : std::uint8_t {
  malformed,
  out_of_sequence,
  oversized,
  http,
  login_timeout,
  unexpected_packet,
  unsupported_command,
  old_protocol,
  last
};
/// Why a read did not get what its consistency level needs from a replica and went to the primary.
enum class ConsistencyFallback : std::uint8_t { wait_timeout, no_gtid, position_unknown, primary_behind, last };

/// Why a session did not give up the connection that its statement had run on. Up to `cursor` no value could stand for
/// what is there (routing.md 4); for the rest wye could not, or not yet.
enum class Kept : std::uint8_t {
  transaction,
  pinned,
  user_lock,
  text_prepare,
  cursor,
  user_variable,
  routine,
  trackers,
  read_only,
  unknown_statement,
  untracked,   // a setting that nothing reports, a text that was not seen
  conditions,  // and whoever waits can have another one
  other,
  last
};

/// How a read's wait for a replica ended.
enum class WaitOutcome : std::uint8_t { covered, timeout, failed, last };

const char* name(RouteKind);
const char* name(Phase);
const char* name(SessionState);
const char* name(SessionResult);
const char* name(LoginFailure);
const char* name(Side);
const char* name(Direction);
const char* name(BackendState);
const char* name(BackendError);
const char* name(Pin);
const char* name(Retry);
const char* name(ProtocolError);
const char* name(ConsistencyFallback);
const char* name(WaitOutcome);
const char* name(Kept);

template <class E>
inline constexpr std::size_t count_of = static_cast<std::size_t>(E::last);

}  // namespace wye::metrics
