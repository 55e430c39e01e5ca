#include "proxy/base/log.h"

#include <poll.h>
#include <spdlog/async.h>
#include <spdlog/async_logger.h>
#include <spdlog/sinks/base_sink.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <memory>
#include <mutex>

#include "proxy/base/log_line.h"

namespace wye::log {
namespace {

constexpr std::size_t queue_lines = 2048;

/// Writes to a descriptor that it must not make non-blocking (others share stderr): so it asks first whether a line
/// fits.
class DescriptorSink final : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
 public:
  explicit DescriptorSink(int fd) : fd_{fd} {}
  std::uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }
  void hurry() { patience_ms_.store(0, std::memory_order_relaxed); }

 protected:
  void sink_it_(const spdlog::details::log_msg& msg) override {
    std::string line{msg.payload.data(), msg.payload.size()};
    line += '\n';
    if (!put(line)) dropped_.fetch_add(1, std::memory_order_relaxed);
  }
  void flush_() override {}

 private:
  /// After POLLOUT a pipe takes PIPE_BUF bytes without blocking, and format_line keeps below that.
  bool put(std::string_view line) const {
    pollfd p{fd_, POLLOUT, 0};
    if (poll(&p, 1, patience_ms_.load(std::memory_order_relaxed)) != 1 || (p.revents & POLLOUT) == 0) return false;
    while (!line.empty()) {
      const ssize_t n = write(fd_, line.data(), line.size());
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return false;
      line.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
  }
  int fd_;
  std::atomic<int> patience_ms_{1000};
  std::atomic<std::uint64_t> dropped_{0};
};

struct Running {
  Format format;
  std::shared_ptr<DescriptorSink> sink;
  std::shared_ptr<spdlog::details::thread_pool> pool;
  std::shared_ptr<spdlog::async_logger> logger;
  std::mutex mutex;  // guards rate; held for a map lookup
  RateLimit rate;
};

// The one global of the program: an event may be worth a line anywhere, and passing a logger to every pure function is
// not.
std::unique_ptr<Running> running;
std::atomic<Level> threshold{Level::info};

}  // namespace

void init(Level level, Format format, int fd) {
  shutdown();
  auto r = std::make_unique<Running>();
  r->format = format;
  r->sink = std::make_shared<DescriptorSink>(fd);
  r->pool = std::make_shared<spdlog::details::thread_pool>(queue_lines, 1);
  r->logger =
      std::make_shared<spdlog::async_logger>("wye", r->sink, r->pool, spdlog::async_overflow_policy::overrun_oldest);
  r->logger->set_level(spdlog::level::trace);
  set_level(level);
  running = std::move(r);
}

Level level_of(std::string_view word) {
  if (word == "debug") return Level::debug;
  if (word == "warning") return Level::warning;
  return word == "error" ? Level::error : Level::info;
}

Format format_of(std::string_view word) { return word == "json" ? Format::json : Format::text; }

void set_level(Level level) { threshold.store(level, std::memory_order_relaxed); }

bool enabled(Level level) { return running != nullptr && level >= threshold.load(std::memory_order_relaxed); }

void shutdown() {
  if (!running) return;
  // A line waits a second at most for its reader; from the second on, nothing waits.
  const auto deadline = base::Clock::now() + base::milliseconds{1000};
  while (running->pool->queue_size() > 0 && base::Clock::now() < deadline) poll(nullptr, 0, 1);
  if (running->pool->queue_size() > 0) running->sink->hurry();
  running->logger.reset();
  running->pool.reset();  // joins the thread, which works off the queue first
  running.reset();
}

void event(Level level, std::string_view name, Fields fields) {
  if (!enabled(level)) return;
  std::uint64_t missed = 0;
  if (level != Level::debug) {
    const std::lock_guard lock{running->mutex};
    const auto verdict = running->rate.check(name, base::Clock::now());
    if (!verdict.pass) return;
    missed = verdict.dropped;
  }
  const std::string line = format_line(running->format, std::chrono::system_clock::now(), level, name, fields, missed);
  running->logger->log(spdlog::level::info, spdlog::string_view_t{line.data(), line.size()});
}

Dropped dropped() {
  if (!running) return {};
  const std::lock_guard lock{running->mutex};
  return {running->rate.total_dropped(), running->pool->overrun_counter(), running->sink->dropped()};
}

}  // namespace wye::log
