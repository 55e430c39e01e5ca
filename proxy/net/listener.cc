#include "proxy/net/listener.h"

#include <event2/event.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <new>

namespace wye::net {

namespace {
constexpr int accepts_per_turn = 64;  // a flood of connects must not starve the sessions
}

Listener::Listener(Loop& loop, int fd, std::function<void(int)> accepted)
    : fd_(fd), spare_(::open("/dev/null", O_RDONLY | O_CLOEXEC)), accepted_(std::move(accepted)) {
  event_ = event_new(
      loop.base(), fd, EV_READ | EV_PERSIST,
      [](evutil_socket_t, short, void* self) { static_cast<Listener*>(self)->on_ready(); }, this);
  if (event_ == nullptr) throw std::bad_alloc();
  event_add(event_, nullptr);
}

Listener::~Listener() {
  event_free(event_);
  ::close(fd_);
  if (spare_ >= 0) ::close(spare_);
}

void Listener::on_ready() {
  for (int i = 0; i < accepts_per_turn; ++i) {
    const int fd = ::accept4(fd_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      accepted_(fd);
      continue;
    }
    if ((errno == EMFILE || errno == ENFILE) && spare_ >= 0) {
      ::close(spare_);
      const int refused = ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
      if (refused >= 0) ::close(refused);
      spare_ = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
      continue;
    }
    return;  // EAGAIN, or a connection that was aborted meanwhile
  }
}

}  // namespace wye::net
