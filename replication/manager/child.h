#pragma once
#include <sys/types.h>

#include <string>
#include <vector>

#include "proxy/base/clock.h"
#include "proxy/base/result.h"

namespace wye::manager {

/// A file descriptor that is closed when it goes.
class Fd {
 public:
  explicit Fd(int fd = -1) : fd_{fd} {}
  ~Fd() { reset(); }
  Fd(Fd&& other) noexcept : fd_{other.release()} {}
  Fd& operator=(Fd&& other) noexcept {
    reset(other.release());
    return *this;
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  int get() const { return fd_; }
  int release();
  void reset(int fd = -1);

 private:
  int fd_;
};

/// Both ends of a pipe, closed in children.
struct Pipe {
  Fd read, write;
};
base::Result<Pipe> make_pipe();
/// A file without a name that holds `text`, to be read from its beginning.
base::Result<Fd> in_memory(const std::string& text);

/// Another program. It dies with the thread that started it, also if that is killed. What it writes to stderr is kept.
/// Owner: one thread.
class Child {
 public:
  Child() = default;
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  /// `secret` is what it reads from /dev/fd/3; -1: none. Its stdin and stdout: /dev/null where -1.
  base::Status start(const std::vector<std::string>& argv, int in, int out, int secret);
  /// True: it has ended. Does not block.
  bool ended();
  /// Its end, with its code (128 and more: a signal's number above it).
  int wait();
  void kill();
  /// The end of what it wrote to stderr.
  std::string complaint() const;

 private:
  pid_t pid_ = -1;
  int code_ = -1;
  bool ended_ = false;
  Fd stderr_;
};

}  // namespace wye::manager
