#pragma once
#include <array>
#include <functional>
#include <memory>
#include <vector>

#include "proxy/base/bytes.h"
#include "proxy/base/clock.h"
#include "proxy/protocol/compression.h"

struct event_base;
struct event;

namespace wye::net {

class Stream;

/// One thread's event loop over libevent. A turn: all ready sockets are read, then what was gathered is written, one
/// write per connection, then the dead are reaped. Only stop() may be called from another thread.
class Loop {
 public:
  Loop();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  void run();   // returns after stop()
  void stop();  // any thread; wakes the loop

  event_base* base() { return base_; }
  base::TimePoint now() const { return base::Clock::now(); }
  /// Runs after this turn's writes. For reaping what is still on the call stack.
  void defer(std::function<void()> task);
  /// What was deferred until now. An owner that ends calls it while those that the tasks speak of still live; the
  /// destructor drops the rest.
  void run_deferred();

  // For Stream only.
  void add_dirty(Stream* stream);
  void forget(Stream* stream);
  using Scratch = std::array<std::uint8_t, 64 * 1024>;
  Scratch& scratch() { return *scratch_; }
  /// What compressed streams share; made when the first one needs it.
  struct Compressing {
    protocol::CompressionPool pool;
    Scratch scratch;
  };
  Compressing& compressing();

 private:
  void end_turn();
  event_base* base_;
  event* wake_ = nullptr;
  bool stopping_ = false;
  std::vector<Stream*> dirty_;
  std::vector<std::function<void()>> deferred_;
  std::unique_ptr<Scratch> scratch_;
  std::unique_ptr<Compressing> compressing_;
};

/// A timer of one loop: every() or once(), the later call counts. Destroying it cancels.
class Timer {
 public:
  Timer(Loop& loop, std::function<void()> fire);
  ~Timer();
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  void every(base::milliseconds interval);
  void once(base::milliseconds delay);
  void stop();

 private:
  void start(base::milliseconds interval);
  bool once_ = false;
  event* event_;
  std::function<void()> fire_;
};

}  // namespace wye::net
