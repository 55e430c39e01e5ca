#include "proxy/metrics/labels.h"

#include <array>

namespace wye::metrics {
namespace {

template <class E>
const char* at(const std::array<const char*, count_of<E>>& names, E e) {
  const auto i = static_cast<std::size_t>(e);
  return i < names.size() ? names[i] : "unknown";
}

}  // namespace

const char* name(RouteKind e) {
  static constexpr std::array<const char*, count_of<RouteKind>> names = {"primary", "replica", "session"};
  return at(names, e);
}

const char* name(Phase e) {
  static constexpr std::array<const char*, count_of<Phase>> names = {"queue", "wait", "server", "total"};
  return at(names, e);
}

const char* name(SessionState e) {
  static constexpr std::array<const char*, count_of<SessionState>> names = {"login", "idle", "active"};
  return at(names, e);
}

const char* name(SessionResult e) {
  static constexpr std::array<const char*, count_of<SessionResult>> names = {"accepted", "refused_max", "refused_limit",
                                                                             "login_failed", "login_timeout"};
  return at(names, e);
}

const char* name(LoginFailure e) {
  static constexpr std::array<const char*, count_of<LoginFailure>> names = {
      "wrong_password", "unknown_account",    "account_locked", "password_expired", "host_not_allowed",
      "unknown_schema", "plugin_unsupported", "tls_required",   "no_server",        "backend_refused",
      "timeout",        "malformed"};
  return at(names, e);
}

const char* name(Side e) {
  static constexpr std::array<const char*, count_of<Side>> names = {"client", "server"};
  return at(names, e);
}

const char* name(Direction e) {
  static constexpr std::array<const char*, count_of<Direction>> names = {"in", "out"};
  return at(names, e);
}

const char* name(BackendState e) {
  static constexpr std::array<const char*, count_of<BackendState>> names = {"connecting", "idle", "in_use"};
  return at(names, e);
}

const char* name(BackendError e) {
  static constexpr std::array<const char*, count_of<BackendError>> names = {
      "connect_refused",      "connect_timeout", "resolve", "tls",     "login",
      "too_many_connections", "closed",          "reset",   "timeout", "protocol"};
  return at(names, e);
}

const char* name(Pin e) {
  static constexpr std::array<const char*, count_of<Pin>> names = {
      "transaction",        "temporary_table",  "lock_tables",     "user_lock",
      "prepared_statement", "cursor",           "handler",         "xa",
      "user_variable",      "session_variable", "set_transaction", "role",
      "local_infile",       "unknown"};
  return at(names, e);
}

const char* name(Retry e) {
  static constexpr std::array<const char*, count_of<Retry>> names = {"replica_lost", "read_only_replica",
                                                                     "stale_connection", "reprepare"};
  return at(names, e);
}

const char* name(ProtocolError e) {
  static constexpr std::array<const char*, count_of<ProtocolError>> names = {
      "malformed",     "out_of_sequence",   "oversized",           "http",
      "login_timeout", "unexpected_packet", "unsupported_command", "old_protocol"};
  return at(names, e);
}

const char* name(WaitOutcome e) {
  static constexpr std::array<const char*, count_of<WaitOutcome>> names = {"covered", "timeout", "failed"};
  return at(names, e);
}

const char* name(Kept e) {
  static constexpr std::array<const char*, count_of<Kept>> names = {
      "transaction", "pinned",    "user_lock",         "text_prepare", "cursor",     "user_variable", "routine",
      "trackers",    "read_only", "unknown_statement", "untracked",    "conditions", "other"};
  return at(names, e);
}

const char* name(ConsistencyFallback e) {
  static constexpr std::array<const char*, count_of<ConsistencyFallback>> names = {
      "wait_timeout", "no_gtid", "position_unknown", "primary_behind"};
  return at(names, e);
}

}  // namespace wye::metrics
