#pragma once
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <variant>

// One event a line to stderr, as text or JSON:
//   log::info("server_up", {{"server", "db1"}, {"lag_ms", 12}});
//   2026-11-20T23:24:27.123Z info  event=server_up server=db1 lag_ms=12
// Any thread may log. A call formats and queues; one background thread writes. A slow or stopped reader of stderr costs
// the oldest lines in the queue, never a worker's time. Each event name (but at level debug) has an allowance of a
// burst of 200 and 20 a second, so that hostile clients can't fill the disk; the next line that passes says how many
// were dropped. Values may come from clients: they are escaped and cut. Secrets have no place in an event.
namespace wye::log {

enum class Level : std::uint8_t { debug, info, warning, error };
enum class Format : std::uint8_t { text, json };

/// A value of an event. Text is a view: valid during the call is enough.
class Value {
 public:
  Value(std::string_view s) : x_{s} {}                               // NOLINT(google-explicit-constructor)
  Value(const char* s) : x_{std::string_view{s}} {}                  // NOLINT(google-explicit-constructor)
  Value(const std::string& s) : x_{std::string_view{s}} {}           // NOLINT(google-explicit-constructor)
  Value(std::same_as<bool> auto b) : x_{b} {}                        // NOLINT(google-explicit-constructor)
  Value(std::floating_point auto d) : x_{static_cast<double>(d)} {}  // NOLINT(google-explicit-constructor)
  template <std::integral T>
  requires(!std::same_as<T, bool>) Value(T n) {  // NOLINT(google-explicit-constructor)
    if constexpr (std::is_signed_v<T>) {
      x_ = static_cast<std::int64_t>(n);
    } else {
      x_ = static_cast<std::uint64_t>(n);
    }
  }
  using Any = std::variant<std::string_view, bool, std::int64_t, std::uint64_t, double>;
  const Any& any() const { return x_; }

 private:
  Any x_;
};

struct Field {
  std::string_view key;  // snake_case, from the code
  Value value;
};
using Fields = std::initializer_list<Field>;

/// Starts the background thread. Once, before other threads log; until then events are dropped. `fd` stays the
/// caller's.
void init(Level level, Format format, int fd = 2);
/// Level by the word of the configuration: debug, info, warning, error; anything else is info.
Level level_of(std::string_view word);
Format format_of(std::string_view word);
/// A reload may change the level at any time.
void set_level(Level level);
bool enabled(Level level);
/// Writes what is queued (for about two seconds at most if nobody reads) and stops. After the other threads have ended.
void shutdown();

void event(Level level, std::string_view name, Fields fields = {});
inline void debug(std::string_view name, Fields fields = {}) { event(Level::debug, name, fields); }
inline void info(std::string_view name, Fields fields = {}) { event(Level::info, name, fields); }
inline void warning(std::string_view name, Fields fields = {}) { event(Level::warning, name, fields); }
inline void error(std::string_view name, Fields fields = {}) { event(Level::error, name, fields); }

/// Lines that never reached stderr.
struct Dropped {
  std::uint64_t by_rate = 0, by_queue = 0, by_slow_reader = 0;
};
Dropped dropped();

}  // namespace wye::log
