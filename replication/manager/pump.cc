#include "replication/manager/pump.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>

#include "replication/manager/child.h"
#include "replication/manager/durable.h"

namespace wye::manager {
namespace {

constexpr int look_around_ms = 100;
constexpr std::size_t chunk = 256 << 10;
constexpr std::size_t longest_head = 1 << 20;
// The tools write this before the first schema, and after their transaction has begun.
constexpr const char* first_words = "CREATE DATABASE";

base::Error broken(const char* which, int code, const Child& child) {
  const std::string said = child.complaint();
  return {1105, "HY000",
          std::string{which} + " ended with " + std::to_string(code) + (said.empty() ? "" : ": " + said)};
}

/// A program that is gone must not end wye.
class NoSigpipe {
 public:
  NoSigpipe() {
    ::sigemptyset(&set_);
    ::sigaddset(&set_, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &set_, &before_);
  }
  ~NoSigpipe() {
    const timespec at_once{};
    while (::sigtimedwait(&set_, nullptr, &at_once) == SIGPIPE) {
    }
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  NoSigpipe(const NoSigpipe&) = delete;
  NoSigpipe& operator=(const NoSigpipe&) = delete;

 private:
  sigset_t set_{}, before_{};
};

class Pump {
 public:
  explicit Pump(const Pumping& how) : how_{how} {}

  base::Status run() {
    if (auto done = start(); !done) return done;
    for (;;) {
      if (!how_.going(moved_)) return base::Error{1317, "70100", "the copy was ended"};
      auto more = held_.empty() ? take() : give();
      if (!more) return more.error();
      if (!*more) break;
    }
    if (auto done = begin(); !done) return done;
    if (const int code = dump_.wait(); code != 0) return broken("the dump", code, dump_);  // ~Child ends the other one
    to_.reset();
    while (!load_.ended()) {
      if (!how_.going(moved_)) return base::Error{1317, "70100", "the copy was ended"};
      ::poll(nullptr, 0, look_around_ms / 5);
    }
    if (const int code = load_.wait(); code != 0) return broken("the load", code, load_);
    return base::Ok{};
  }

 private:
  base::Status start() {
    auto out = make_pipe(), in = make_pipe();
    if (!out || !in) return out ? in.error() : out.error();
    auto dump_options = in_memory(how_.dump_options), load_options = in_memory(how_.load_options);
    if (!dump_options || !load_options) return dump_options ? load_options.error() : dump_options.error();
    if (auto done = load_.start(how_.load, in->read.get(), -1, load_options->get()); !done) return done;
    if (auto done = dump_.start(how_.dump, -1, out->write.get(), dump_options->get()); !done) return done;
    from_ = std::move(out->read);
    to_ = std::move(in->write);
    for (const int fd : {from_.get(), to_.get()})
      if (::fcntl(fd, F_SETFL, O_NONBLOCK) != 0) return failed("no pipe");
    return base::Ok{};
  }

  base::Status begin() {
    if (begun_) return base::Ok{};
    begun_ = true;
    head_ = {};
    return how_.begun();
  }

  /// True: there may be more.
  base::Result<bool> take() {
    pollfd wait{from_.get(), POLLIN, 0};
    if (::poll(&wait, 1, look_around_ms) <= 0) return true;
    held_.resize(chunk);
    const ssize_t n = ::read(from_.get(), held_.data(), held_.size());
    held_.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
    if (n < 0 && errno != EAGAIN && errno != EINTR) return failed("can't read from the dump");
    if (!begun_ && n > 0) {
      head_ += held_;
      if (head_.find(first_words) != std::string::npos || head_.size() > longest_head) {
        if (auto done = begin(); !done) return done.error();
      }
    }
    return n != 0;
  }

  base::Result<bool> give() {
    pollfd wait{to_.get(), POLLOUT, 0};
    if (::poll(&wait, 1, look_around_ms) <= 0) return true;
    const ssize_t n = ::write(to_.get(), held_.data() + at_, held_.size() - at_);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return true;
    if (n < 0) return broken("the load", load_.wait(), load_);
    moved_ += static_cast<std::uint64_t>(n);
    at_ += static_cast<std::size_t>(n);
    if (at_ == held_.size()) {
      held_.clear();
      at_ = 0;
    }
    return true;
  }

  const Pumping& how_;
  Child load_, dump_;
  Fd from_, to_;
  std::string held_, head_;
  std::size_t at_ = 0;
  std::uint64_t moved_ = 0;
  bool begun_ = false;
};

}  // namespace

base::Status pump(const Pumping& how) {
  const NoSigpipe quiet;
  return Pump{how}.run();
}

}  // namespace wye::manager
