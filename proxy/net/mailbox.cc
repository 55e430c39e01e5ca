#include "proxy/net/mailbox.h"

#include <event2/event.h>

#include <new>

namespace wye::net {

Mailbox::Mailbox(Loop& loop) {
  wake_ = event_new(
      loop.base(), -1, EV_PERSIST, [](int, short, void* self) { static_cast<Mailbox*>(self)->run(); }, this);
  if (wake_ == nullptr) throw std::bad_alloc();
  event_add(wake_, nullptr);
}

Mailbox::~Mailbox() { event_free(wake_); }

void Mailbox::post(std::function<void()> task) {
  {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
  }
  event_active(wake_, EV_READ, 0);
}

void Mailbox::run() {
  std::vector<std::function<void()>> tasks;
  {
    const std::lock_guard lock(mutex_);
    tasks.swap(tasks_);
  }
  for (auto& task : tasks) task();
}

}  // namespace wye::net
