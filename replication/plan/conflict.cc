#include "replication/plan/conflict.h"

#include <charconv>
#include <string_view>

namespace wye::plan {
namespace {

/// What stands between the first `begin` and the next `end`; empty: there is no such place.
std::string between(std::string_view text, std::string_view begin, std::string_view end) {
  const std::size_t at = text.find(begin);
  if (at == std::string_view::npos) return {};
  text.remove_prefix(at + begin.size());
  const std::size_t to = end.empty() ? text.size() : text.find(end);
  return to == std::string_view::npos ? std::string{} : std::string{text.substr(0, to)};
}

template <class Number>
Number number(std::string_view text) {
  Number out = 0;
  std::from_chars(text.data(), text.data() + text.size(), out);
  return out;
}

}  // namespace

std::optional<Conflict> read_conflict(const std::string& message) {
  const std::size_t at = message.find("Could not execute ");
  if (at == std::string::npos) return std::nullopt;
  const std::string_view rest = std::string_view{message}.substr(at);
  Conflict out;
  out.event = between(rest, "Could not execute ", " event on table ");
  if (const std::size_t version = out.event.find("_v1"); version != std::string::npos) out.event.erase(version);
  out.table = between(rest, " event on table ", "; ");
  out.detail = between(rest, " event on table " + out.table + "; ", ", Error_code: ");
  out.code = number<unsigned>(between(rest, ", Error_code: ", ";"));
  out.gtid = between(message, "failed executing transaction '", "'");
  for (const char* log : {"the event's source log ", "the event's master log "})
    if (out.file.empty()) out.file = between(rest, log, ", end_log_pos ");
  out.end = number<std::uint64_t>(between(rest, ", end_log_pos ", ""));
  if (out.table.empty() || (!out.missing() && !out.duplicate())) return std::nullopt;
  return out;
}

std::string conflict_text(const Conflict& conflict) {
  std::string out = "the applier stands at " + (conflict.gtid.empty() ? "" : conflict.gtid + ", ") + conflict.file +
                    ":" + std::to_string(conflict.end) + ": ";
  if (conflict.duplicate())
    return out + conflict.table + " has a row that the primary inserts (" + conflict.detail + ")";
  return out + conflict.table + " has not the row that the primary " +
         (conflict.event.starts_with("Delete") ? "deletes" : "changes");
}

}  // namespace wye::plan
