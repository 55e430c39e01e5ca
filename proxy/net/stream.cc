#include "proxy/net/stream.h"

#include <event2/event.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <new>

namespace wye::net {

Stream::Stream(Loop& loop, int fd, StreamOwner& owner) : loop_(loop), fd_(fd), owner_(owner) { arm(); }

Stream::~Stream() {
  *alive_ = false;
  close();
  loop_.forget(this);
}

void Stream::arm() {
  read_event_ = event_new(
      loop_.base(), fd_, EV_READ | EV_PERSIST,
      [](evutil_socket_t, short what, void* self) { static_cast<Stream*>(self)->on_event(what); }, this);
  write_event_ = event_new(
      loop_.base(), fd_, EV_WRITE | EV_PERSIST,
      [](evutil_socket_t, short what, void* self) { static_cast<Stream*>(self)->on_event(what); }, this);
  if (read_event_ == nullptr || write_event_ == nullptr) throw std::bad_alloc();
  event_add(read_event_, nullptr);
}

void Stream::want_write(bool on) {
  if (on == write_armed_) return;
  write_armed_ = on;
  if (on) {
    event_add(write_event_, nullptr);
  } else {
    event_del(write_event_);
  }
}

void Stream::on_event(short what) {
  if (fd_ < 0) return;
  if (connecting_) {
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) return fail(std::strerror(error));
    connecting_ = false;
    want_write(false);
    event_add(read_event_, nullptr);
    if (unsent() > 0 || closing_) schedule();
    owner_.on_connected();
    return;
  }
  if (ssl_ != nullptr && !handshaken_) return handshake();
  if ((what & EV_WRITE) != 0) {
    flush();
    if (fd_ < 0) return;
  }
  if ((what & EV_READ) != 0) read();
}

void Stream::read() {
  if (fd_ < 0 || paused_) return;
  if (compressed_ != nullptr && compressed_->held) return deliver_held();  // older than what the socket has
  if (ssl_ != nullptr) {
    read_tls();
  } else {
    read_plain();
  }
}

void Stream::read_plain() {
  auto& scratch = loop_.scratch();
  const ssize_t n = ::recv(fd_, scratch.data(), std::min(scratch.size(), read_limit_), 0);
  if (n > 0) {
    bytes_in_ += static_cast<std::uint64_t>(n);
    return deliver({scratch.data(), static_cast<std::size_t>(n)});
  }
  if (n == 0) return fail("closed by peer");
  if (errno != EAGAIN && errno != EINTR) fail(std::strerror(errno));
}

void Stream::read_tls() {
  auto& scratch = loop_.scratch();
  ERR_clear_error();
  const int n = SSL_read(ssl_, scratch.data(), static_cast<int>(scratch.size()));
  if (n <= 0) {
    const int error = SSL_get_error(ssl_, n);
    if (error == SSL_ERROR_WANT_READ) return;
    if (error == SSL_ERROR_WANT_WRITE) return want_write(true);
    return fail(error == SSL_ERROR_ZERO_RETURN ? "closed by peer" : "TLS error");
  }
  bytes_in_ += static_cast<std::uint64_t>(n);
  // A record that was read but not delivered makes no event: ask again after this turn.
  if (SSL_has_pending(ssl_) == 1) {
    loop_.defer([this, alive = alive_] {
      if (*alive) read();
    });
  }
  deliver({scratch.data(), static_cast<std::size_t>(n)});
}

void Stream::start_tls(ssl_ctx_st* context, bool server, const std::string& verify_name,
                       std::shared_ptr<TlsSession> session) {
  ssl_ = SSL_new(context);
  if (ssl_ == nullptr) return fail("out of memory for TLS");
  SSL_set_fd(ssl_, fd_);
  SSL_set_mode(ssl_, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  if (server) {
    SSL_set_accept_state(ssl_);
  } else {
    SSL_set_connect_state(ssl_);
    if (!verify_name.empty()) {
      SSL_set_verify(ssl_, SSL_VERIFY_PEER, nullptr);
      if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl_), verify_name.c_str()) != 1) {
        SSL_set1_host(ssl_, verify_name.c_str());
        SSL_set_tlsext_host_name(ssl_, verify_name.c_str());
      }
    }
    tls_session_ = std::move(session);
    if (tls_session_ != nullptr) tls_session_->attach(ssl_);
  }
  read_limit_ = SIZE_MAX;
  // What is still in the buffer (the SSLRequest) must leave as clear text first.
  if (!out_.empty() && !write_some()) return;
  if (!server) handshake();
}

void Stream::handshake() {
  ERR_clear_error();
  const int r = SSL_do_handshake(ssl_);
  if (r == 1) {
    handshaken_ = true;
    want_write(!out_.empty());
    owner_.on_secure();
    if (fd_ >= 0 && SSL_has_pending(ssl_) == 1 && !paused_) read_tls();
    return;
  }
  switch (SSL_get_error(ssl_, r)) {
    case SSL_ERROR_WANT_READ:
      return want_write(false);
    case SSL_ERROR_WANT_WRITE:
      return want_write(true);
    default:
      return handshake_failed();
  }
}

void Stream::handshake_failed() {
  // Should the resumption be what the server could not do: the next connection does without.
  if (tls_session_ != nullptr) tls_session_->replace(nullptr);
  std::string why = "TLS handshake failed";
  const bool verified = SSL_get_verify_mode(ssl_) != SSL_VERIFY_NONE;
  const long verdict = verified ? SSL_get_verify_result(ssl_) : X509_V_OK;
  const char* reason =
      verdict != X509_V_OK ? X509_verify_cert_error_string(verdict) : ERR_reason_error_string(ERR_peek_last_error());
  if (reason != nullptr) why += std::string(": ") + reason;
  fail(why.c_str());
}

bool Stream::tls_resumed() const { return secure() && SSL_session_reused(ssl_) == 1; }

std::string Stream::tls_version() const { return ssl_ == nullptr ? "" : SSL_get_version(ssl_); }

void Stream::write(base::ByteView bytes) {
  out().append(bytes);
  schedule();
}

void Stream::schedule() {
  if (dirty_ || fd_ < 0 || connecting_) return;
  if (congested()) was_congested_ = true;
  dirty_ = true;
  loop_.add_dirty(this);
}

void Stream::hold(bool on) {
  if (held_ == on) return;
  held_ = on;
  if (!on) schedule();
}

void Stream::flush() {
  dirty_ = false;
  if (held_) return;
  if (fd_ < 0 || connecting_ || (ssl_ != nullptr && !handshaken_)) return;
  if (congested()) was_congested_ = true;
  compress_some();
  if (!out_.empty() && !write_some()) return;
  want_write(unsent() > 0);
  if (closing_ && unsent() == 0) return fail("closed");
  if (was_congested_ && unsent() <= low_water) {
    was_congested_ = false;
    owner_.on_drained();
  }
}

bool Stream::write_some() {
  while (!out_.empty()) {
    const auto view = out_.data();
    ssize_t n = 0;
    if (ssl_ != nullptr && handshaken_) {
      ERR_clear_error();
      const int r = SSL_write(ssl_, view.data(), static_cast<int>(std::min<std::size_t>(view.size(), 1U << 30)));
      if (r <= 0) {
        const int error = SSL_get_error(ssl_, r);
        if (error == SSL_ERROR_WANT_WRITE || error == SSL_ERROR_WANT_READ) return true;
        fail("TLS write failed");
        return false;
      }
      n = r;
    } else {
      n = ::send(fd_, view.data(), view.size(), MSG_NOSIGNAL);
      if (n < 0) {
        if (errno == EAGAIN || errno == EINTR) return true;
        fail(std::strerror(errno));
        return false;
      }
    }
    bytes_out_ += static_cast<std::uint64_t>(n);
    const bool all = static_cast<std::size_t>(n) == view.size();
    out_.consume(static_cast<std::size_t>(n));
    if (!all && ssl_ == nullptr) return true;
  }
  return true;
}

void Stream::pause_reading() {
  if (paused_ || fd_ < 0) return;
  paused_ = true;
  event_del(read_event_);
}

void Stream::resume_reading() {
  if (!paused_ || fd_ < 0) return;
  paused_ = false;
  event_add(read_event_, nullptr);
  const bool held = compressed_ != nullptr && compressed_->held;
  if (held || (ssl_ != nullptr && handshaken_ && SSL_has_pending(ssl_) == 1)) {
    loop_.defer([this, alive = alive_] {
      if (*alive) read();
    });
  }
}

void Stream::fail(const char* why) {
  if (fd_ < 0) return;
  close();
  owner_.on_closed(why);
}

void Stream::close_after_flush() {
  if (fd_ < 0) return;
  pause_reading();
  closing_ = true;
  schedule();
}

void Stream::close() {
  if (fd_ < 0) return;
  compress_some();
  if (!connecting_ && !out_.empty()) {
    // Best effort, never blocks: a refusal should reach the client.
    if (ssl_ == nullptr) {
      [[maybe_unused]] const auto n = ::send(fd_, out_.data().data(), out_.size(), MSG_NOSIGNAL);
    } else if (handshaken_) {
      ERR_clear_error();
      SSL_write(ssl_, out_.data().data(), static_cast<int>(std::min<std::size_t>(out_.size(), 16384)));
    }
  }
  if (ssl_ != nullptr) {
    if (handshaken_) {
      ERR_clear_error();
      SSL_shutdown(ssl_);
    }
    SSL_free(ssl_);
    ssl_ = nullptr;
  }
  event_free(read_event_);
  event_free(write_event_);
  read_event_ = write_event_ = nullptr;
  ::close(fd_);
  fd_ = -1;
  out_.clear();
  compressed_.reset();
}

}  // namespace wye::net
