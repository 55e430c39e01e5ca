#include "proxy/net/signals.h"

#include <event2/event.h>

#include <new>

namespace wye::net {

Signals::Signals(Loop& loop, std::initializer_list<int> numbers, std::function<void(int)> on_signal)
    : on_signal_(std::move(on_signal)) {
  for (const int number : numbers) {
    event* e = evsignal_new(
        loop.base(), number,
        [](evutil_socket_t which, short, void* self) {
          static_cast<Signals*>(self)->on_signal_(static_cast<int>(which));
        },
        this);
    if (e == nullptr) throw std::bad_alloc();
    event_add(e, nullptr);
    events_.push_back(e);
  }
}

Signals::~Signals() {
  for (auto* e : events_) event_free(e);
}

}  // namespace wye::net
