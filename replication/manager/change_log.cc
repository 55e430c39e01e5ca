#include "replication/manager/change_log.h"

namespace wye::manager {
namespace {

using topology::State;
using topology::Topology;

std::string primary_name(const Topology& topology) {
  return topology.primary ? topology.servers[*topology.primary].name : std::string{"none"};
}

Level level_of(State state) {
  return state == State::online || state == State::draining ? Level::info : Level::warning;
}

// "2003: Error reconnecting ... attempt 7 ...": the text counts attempts, the number is what changed.
std::string_view error_number(const std::string& error) { return std::string_view{error}.substr(0, error.find(':')); }

bool same_for_operator(const topology::Server& a, const topology::Server& b) {
  return a.state == b.state && a.role == b.role && error_number(a.error) == error_number(b.error);
}

}  // namespace

std::string quoted(std::string_view text) {
  constexpr std::size_t longest = 512;
  constexpr char digits[] = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : text.substr(0, longest)) {
    const auto u = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (u < 0x20 || u == 0x7f) {
      out += "\\x";
      out += digits[u >> 4];
      out += digits[u & 15];
    } else {
      out += c;
    }
  }
  return out += text.size() > longest ? "...\"" : "\"";
}

void log_changes(const Topology& before, const Topology& after, const LogSink& log) {
  if (!log) return;
  if (before.primary != after.primary || before.epoch != after.epoch) {
    log(after.primary ? Level::info : Level::error, "event=primary primary=" + quoted(primary_name(after)) +
                                                        " before=" + quoted(primary_name(before)) +
                                                        " epoch=" + std::to_string(after.epoch));
  }
  for (std::size_t id = 0; id < after.servers.size(); ++id) {
    const topology::Server& now = after.servers[id];
    const topology::Server* then = id < before.servers.size() ? &before.servers[id] : nullptr;
    // The reason has figures in it that change all the time: it is told with a change, and makes none.
    if (then != nullptr && same_for_operator(*then, now) && then->removed == now.removed) continue;
    if (now.removed) {
      log(Level::info, "event=server_removed server=" + quoted(now.name));
      continue;
    }
    std::string line =
        "event=server server=" + quoted(now.name) + " role=" + name(now.role) + " state=" + name(now.state);
    if (then != nullptr) line += std::string{" before="} + name(then->role) + "/" + name(then->state);
    if (!now.version.text.empty()) line += " version=" + quoted(now.version.text);
    if (!now.reason.empty()) line += " reason=" + quoted(now.reason);
    log(level_of(now.state), line);
  }
}

}  // namespace wye::manager
