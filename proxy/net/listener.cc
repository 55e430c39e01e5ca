#include "proxy/net/listener.h"

#include <event2/event.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <mutex>
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
  resume_ = event_new(
      loop.base(), -1, 0, [](evutil_socket_t, short, void* self) { static_cast<Listener*>(self)->resume(); }, this);
  if (event_ == nullptr || resume_ == nullptr) throw std::bad_alloc();
  event_add(event_, nullptr);
}

Listener::~Listener() {
  event_free(event_);
  event_free(resume_);
  ::close(fd_);
  if (spare_ >= 0) ::close(spare_);
}

/// Out of descriptors: the spare one takes the connection, so that the client sees a close. False: there is no spare.
bool Listener::refuse_one() {
  if (spare_ < 0) return false;
  ::close(spare_);
  const int refused = ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
  if (refused >= 0) ::close(refused);
  spare_ = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  return refused >= 0 && spare_ >= 0;
}

/// Nothing can be accepted or refused: asked again at once, the ready socket would keep the loop busy with that.
void Listener::rest() {
  event_del(event_);
  const timeval pause{0, 100'000};
  event_add(resume_, &pause);
}

void Listener::resume() {
  if (spare_ < 0) spare_ = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  event_add(event_, nullptr);
}

void Listener::on_ready() {
  for (int i = 0; i < accepts_per_turn; ++i) {
    int fd = -1;
    {
      // Between closing the spare descriptor and using its place, no other worker may take that place.
      static std::mutex descriptors;
      const std::lock_guard lock(descriptors);
      fd = ::accept4(fd_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0 && (errno == EMFILE || errno == ENFILE)) {
        if (refuse_one()) continue;
        return rest();
      }
    }
    if (fd < 0) return;  // EAGAIN, or a connection that was aborted meanwhile
    accepted_(fd);
  }
}

}  // namespace wye::net
