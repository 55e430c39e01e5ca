#include "replication/manager/child.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <utility>

#include "replication/manager/durable.h"

namespace wye::manager {
namespace {

constexpr int secret_fd = 3;
constexpr int out_of_the_way = 10;
constexpr std::size_t longest_complaint = 600;

/// Only what may be called between fork and exec.
[[noreturn]] void become(char* const* argv, pid_t parent, const int (&ends)[4]) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);  // it died in between
  for (int i = 0; i < 4; ++i)
    if (ends[i] >= 0 && ::dup2(ends[i], i) < 0) ::_exit(127);
  ::close_range(ends[secret_fd] >= 0 ? secret_fd + 1 : secret_fd, ~0U, 0);
  ::signal(SIGPIPE, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::execv(argv[0], argv);
  ::_exit(127);
}

}  // namespace

int Fd::release() { return std::exchange(fd_, -1); }

void Fd::reset(int fd) {
  if (fd_ >= 0) ::close(fd_);
  fd_ = fd;
}

base::Result<Pipe> make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return failed("no pipe");
  return Pipe{Fd{ends[0]}, Fd{ends[1]}};
}

base::Result<Fd> in_memory(const std::string& text) {
  Fd file{::memfd_create("wye", MFD_CLOEXEC)};
  // The tools ignore an options file that others may write.
  if (file.get() < 0 || ::fchmod(file.get(), 0600) != 0 || !write_all(file.get(), text) ||
      ::lseek(file.get(), 0, SEEK_SET) != 0)
    return failed("no memory file");
  return file;
}

Child::~Child() {
  kill();
  if (pid_ > 0) wait();
}

base::Status Child::start(const std::vector<std::string>& argv, int in, int out, int secret) {
  auto errors = in_memory("");
  if (!errors) return errors.error();
  stderr_ = std::move(*errors);
  const Fd null{::open("/dev/null", O_RDWR | O_CLOEXEC)};
  Fd moved[4];
  int ends[4] = {-1, -1, -1, -1};
  const int wanted[4] = {in >= 0 ? in : null.get(), out >= 0 ? out : null.get(), stderr_.get(), secret};
  for (int i = 0; i < 4; ++i) {
    if (wanted[i] < 0) continue;
    moved[i].reset(::fcntl(wanted[i], F_DUPFD_CLOEXEC, out_of_the_way));
    ends[i] = moved[i].get();
    if (ends[i] < 0) return failed("can't start " + argv.front());
  }
  std::vector<char*> pointers;
  for (const std::string& one : argv) pointers.push_back(const_cast<char*>(one.c_str()));
  pointers.push_back(nullptr);
  const pid_t parent = ::getpid();
  pid_ = ::fork();
  if (pid_ == 0) become(pointers.data(), parent, ends);
  if (pid_ < 0) return failed("can't start " + argv.front());
  return base::Ok{};
}

bool Child::ended() {
  if (ended_ || pid_ <= 0) return true;
  int status = 0;
  if (::waitpid(pid_, &status, WNOHANG) != pid_) return false;
  ended_ = true;
  code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return true;
}

int Child::wait() {
  int status = 0;
  while (!ended_ && pid_ > 0) {
    if (::waitpid(pid_, &status, 0) == pid_) {
      ended_ = true;
      code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    } else if (errno != EINTR) {
      ended_ = true;
    }
  }
  return code_;
}

void Child::kill() {
  if (!ended()) ::kill(pid_, SIGKILL);
}

std::string Child::complaint() const {
  std::string out(longest_complaint, '\0');
  const off_t size = ::lseek(stderr_.get(), 0, SEEK_END);
  if (size <= 0) return {};
  const off_t from = size > static_cast<off_t>(out.size()) ? size - static_cast<off_t>(out.size()) : 0;
  const ssize_t n = ::pread(stderr_.get(), out.data(), out.size(), from);
  out.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
  while (!out.empty() && (out.back() == '\n' || out.back() == ' ')) out.pop_back();
  for (char& c : out)
    if (static_cast<unsigned char>(c) < 0x20) c = ' ';
  return out;
}

}  // namespace wye::manager
