#include "proxy/net/loop.h"

#include <event2/event.h>
#include <event2/thread.h>

#include <algorithm>
#include <mutex>
#include <new>

#include "proxy/net/stream.h"

namespace wye::net {

Loop::Loop() : scratch_(std::make_unique<Scratch>()) {
  static std::once_flag threads;
  std::call_once(threads, [] { evthread_use_pthreads(); });
  base_ = event_base_new();
  if (base_ == nullptr) throw std::bad_alloc();
  wake_ = event_new(
      base_, -1, EV_PERSIST, [](int, short, void* self) { static_cast<Loop*>(self)->stopping_ = true; }, this);
  if (wake_ == nullptr) throw std::bad_alloc();
  event_add(wake_, nullptr);
}

Loop::~Loop() {
  event_free(wake_);
  event_base_free(base_);
}

void Loop::run() {
  stopping_ = false;
  end_turn();  // what was written and deferred before: no event would bring it up
  while (!stopping_) {
    event_base_loop(base_, EVLOOP_ONCE);
    end_turn();
  }
}

void Loop::stop() { event_active(wake_, EV_READ, 0); }

void Loop::end_turn() {
  // flush() may make others dirty (a drained stream resumes its peer), so index, not iterator.
  for (std::size_t i = 0; i < dirty_.size(); ++i) {
    if (dirty_[i] != nullptr) dirty_[i]->flush();
  }
  dirty_.clear();
  run_deferred();
  if (!dirty_.empty() || !deferred_.empty()) {
    // A deferred task produced bytes or more tasks: a turn that waits for the next event would leave them lying.
    static const timeval at_once{0, 0};
    event_base_loopexit(base_, &at_once);
  }
}

void Loop::run_deferred() {
  std::vector<std::function<void()>> tasks;
  tasks.swap(deferred_);
  for (auto& task : tasks) task();
}

Loop::Compressing& Loop::compressing() {
  if (compressing_ == nullptr) compressing_ = std::make_unique<Compressing>();
  return *compressing_;
}

void Loop::defer(std::function<void()> task) { deferred_.push_back(std::move(task)); }
void Loop::add_dirty(Stream* stream) { dirty_.push_back(stream); }
void Loop::forget(Stream* stream) { std::replace(dirty_.begin(), dirty_.end(), stream, static_cast<Stream*>(nullptr)); }

Timer::Timer(Loop& loop, std::function<void()> fire) : fire_(std::move(fire)) {
  const auto fired = [](int, short, void* self) {
    auto* timer = static_cast<Timer*>(self);
    if (timer->once_) timer->stop();
    timer->fire_();
  };
  event_ = event_new(loop.base(), -1, EV_PERSIST, fired, this);
  if (event_ == nullptr) throw std::bad_alloc();
}

Timer::~Timer() { event_free(event_); }

void Timer::every(base::milliseconds interval) {
  once_ = false;
  start(interval);
}

void Timer::once(base::milliseconds delay) {
  once_ = true;
  start(delay);
}

void Timer::start(base::milliseconds interval) {
  const timeval tv{interval.count() / 1000, (interval.count() % 1000) * 1000};
  event_add(event_, &tv);
}

void Timer::stop() { event_del(event_); }

}  // namespace wye::net
