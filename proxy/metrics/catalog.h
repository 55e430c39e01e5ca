#pragma once
#include <array>
#include <cstdint>
#include <string>

// Every metric that wye exports: the one list. docs/METRICS.md is this list; a unit test compares them.
namespace wye::metrics {

enum class Type : std::uint8_t { counter, gauge, histogram };

struct Metric {
  const char* name;
  Type type;
  const char* help;
  const char* labels;  // separated by commas; empty: none
};

namespace catalog {
inline constexpr Metric statements{"wye_statements_total", Type::counter,
                                   "Statements of clients, by the side that ran them and the reason for that",
                                   "route,reason"};
inline constexpr Metric statement_seconds{"wye_statement_seconds", Type::histogram,
                                          "Time of statements: queue (for a connection), wait (for a replica to catch "
                                          "up), server (until its answer begins), total",
                                          "route,phase"};
inline constexpr Metric sessions{"wye_sessions", Type::gauge, "Client connections now", "state"};
inline constexpr Metric sessions_total{"wye_sessions_total", Type::counter, "Client connections by what became of them",
                                       "result"};
inline constexpr Metric login_failures{"wye_login_failures_total", Type::counter, "Logins refused", "reason"};
inline constexpr Metric bytes{"wye_bytes_total", Type::counter,
                              "Bytes on client and server connections, in and out as wye sees it", "side,direction"};
inline constexpr Metric server_up{"wye_server_up", Type::gauge,
                                  "1 if the last observation of the server succeeded and statements may go there",
                                  "server"};
inline constexpr Metric server_role{"wye_server_role", Type::gauge,
                                    "1 for the role that the server has, 0 for the others", "server,role"};
inline constexpr Metric server_state{"wye_server_state", Type::gauge,
                                     "1 for the state that the server is in, 0 for the others", "server,state"};
inline constexpr Metric server_queries{"wye_server_queries_total", Type::counter, "Statements sent to the server",
                                       "server"};
inline constexpr Metric server_latency{"wye_server_latency_seconds", Type::gauge,
                                       "Moving average of the time until the server's answer begins", "server"};
inline constexpr Metric observation_age{"wye_server_observation_age_seconds", Type::gauge,
                                        "Time since the last observation of the server began", "server"};
inline constexpr Metric lag{"wye_replication_lag_seconds", Type::gauge,
                            "How far the replica is behind in time; absent while unknown", "server"};
inline constexpr Metric behind{"wye_replication_behind_transactions", Type::gauge,
                               "Transactions that the primary has and the replica has not", "server"};
inline constexpr Metric errant{"wye_replication_errant_transactions", Type::gauge,
                               "Transactions that the server has, and the primary has not and will not send; absent "
                               "while unknown",
                               "server"};
inline constexpr Metric epoch{"wye_topology_epoch", Type::gauge, "Grows with every change of the primary", ""};
inline constexpr Metric backend_connections{"wye_backend_connections", Type::gauge, "Connections to the server now",
                                            "server,state"};
inline constexpr Metric backend_errors{"wye_backend_errors_total", Type::counter,
                                       "Connections to the server that failed or were lost", "server,kind"};
inline constexpr Metric pins{"wye_pins_total", Type::counter,
                             "Times that a session was pinned to one server connection", "reason"};
inline constexpr Metric retries{"wye_retries_total", Type::counter, "Statements that ran again, unseen by the client",
                                "kind"};
inline constexpr Metric protocol_errors{"wye_protocol_errors_total", Type::counter,
                                        "Clients that broke the protocol or a limit of it", "kind"};
inline constexpr Metric consistency_fallbacks{"wye_consistency_fallbacks_total", Type::counter,
                                              "Reads on the primary because no replica was known to be far enough in "
                                              "time (wait_timeout), and those there that may have missed what their "
                                              "session saw on a replica (primary_behind)",
                                              "reason"};
inline constexpr Metric consistency_waits{"wye_consistency_waits_total", Type::counter,
                                          "Reads that waited for a replica to catch up: until it had (covered), in "
                                          "vain (timeout), until it could no longer be asked (failed)",
                                          "outcome"};
inline constexpr Metric consistency_wait{"wye_consistency_wait_seconds", Type::histogram,
                                         "Time that reads waited for the replica to catch up", "server"};
inline constexpr Metric hand_overs{"wye_hand_overs_total", Type::counter,
                                   "Server connections that sessions gave up between statements, for other sessions",
                                   ""};
inline constexpr Metric kept{"wye_hand_overs_refused_total", Type::counter,
                             "Statements after which their session should have given its server connection up "
                             "(pool.hand_over: always, or somebody waits) and kept it",
                             "why"};
inline constexpr Metric held_statements{"wye_held_statements", Type::gauge, "Statements that wait for a primary now",
                                        ""};
inline constexpr Metric rule_hits{"wye_rule_hits_total", Type::counter,
                                  "Statements that matched the rule of the configuration", "rule"};
inline constexpr Metric log_dropped{"wye_log_lines_dropped_total", Type::counter,
                                    "Lines of the log that were not written: over an event's rate, queue full, or "
                                    "nobody reading stderr",
                                    "cause"};
inline constexpr Metric build_info{"wye_build_info", Type::gauge, "1, with the version of the program", "version"};
inline constexpr Metric process_rss{"process_resident_memory_bytes", Type::gauge, "Resident memory size in bytes", ""};
inline constexpr Metric process_virtual{"process_virtual_memory_bytes", Type::gauge, "Virtual memory size in bytes",
                                        ""};
inline constexpr Metric process_fds{"process_open_fds", Type::gauge, "Number of open file descriptors", ""};
inline constexpr Metric process_max_fds{"process_max_fds", Type::gauge, "Maximum number of open file descriptors", ""};
inline constexpr Metric process_cpu{"process_cpu_seconds_total", Type::counter,
                                    "Total user and system CPU time spent in seconds", ""};
inline constexpr Metric process_start{"process_start_time_seconds", Type::gauge,
                                      "Start time of the process since the Unix epoch in seconds", ""};
inline constexpr Metric process_threads{"process_threads", Type::gauge, "Number of threads", ""};

inline constexpr std::array all = {&statements,
                                   &statement_seconds,
                                   &sessions,
                                   &sessions_total,
                                   &login_failures,
                                   &bytes,
                                   &server_up,
                                   &server_role,
                                   &server_state,
                                   &server_queries,
                                   &server_latency,
                                   &observation_age,
                                   &lag,
                                   &behind,
                                   &errant,
                                   &epoch,
                                   &backend_connections,
                                   &backend_errors,
                                   &pins,
                                   &retries,
                                   &protocol_errors,
                                   &consistency_fallbacks,
                                   &consistency_waits,
                                   &consistency_wait,
                                   &hand_overs,
                                   &kept,
                                   &held_statements,
                                   &rule_hits,
                                   &log_dropped,
                                   &build_info,
                                   &process_rss,
                                   &process_virtual,
                                   &process_fds,
                                   &process_max_fds,
                                   &process_cpu,
                                   &process_start,
                                   &process_threads};
}  // namespace catalog

/// docs/METRICS.md.
std::string catalog_markdown();

}  // namespace wye::metrics
