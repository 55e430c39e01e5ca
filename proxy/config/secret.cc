#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "proxy/config/reader.h"

// Passwords: from the file itself, the environment or a file of their own. Nothing of them gets into a mistake.
namespace wye::config {
namespace {

constexpr std::size_t longest = 4096;

class Descriptor {
 public:
  explicit Descriptor(const std::string& path) : fd_{open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)} {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

}  // namespace

std::optional<std::string> Map::read_secret_file(const std::string& key) {
  const auto name = scalar(key);
  if (!name) return std::nullopt;
  const std::string path = report_.resolve(*name);
  const Descriptor fd{path};
  struct stat st {};
  if (fd.get() < 0 || fstat(fd.get(), &st) != 0) {
    mistake(key, "the file " + path + " can't be read: " + std::strerror(errno));
    return std::nullopt;
  }
  if (!S_ISREG(st.st_mode)) {
    mistake(key, path + " is not a regular file");
    return std::nullopt;
  }
  std::string text(longest + 1, '\0');
  const ssize_t n = read(fd.get(), text.data(), text.size());
  if (n < 0) {
    mistake(key, "the file " + path + " can't be read: " + std::strerror(errno));
    return std::nullopt;
  }
  text.resize(static_cast<std::size_t>(n));
  if (text.ends_with('\n')) text.pop_back();
  if (text.empty() || text.size() > longest - 1 || text.find('\0') != std::string::npos) {
    mistake(key, "the file " + path +
                     (text.empty()                ? " is empty"
                      : text.size() > longest - 1 ? " is too long for a password"
                                                  : " holds a NUL byte"));
    return std::nullopt;
  }
  if ((st.st_mode & S_IROTH) != 0) {
    report_.warning(mark_of(key), path_of(key) + ": every user of this machine can read " + path);
  }
  return text;
}

bool Map::secret(const std::string& key, std::string& out) {
  const std::string twin = key + "_file";
  const Entry* const here = entry(key);
  if (here != nullptr && entry(twin) != nullptr) {
    mistake(twin, "give " + key + " or " + twin + ", not both");
    return true;
  }
  if (here == nullptr) {
    if (auto s = read_secret_file(twin)) out = std::move(*s);
    return has(twin);
  }
  if (!here->value.IsScalar()) {
    report_.mistake(here->key.Mark(),
                    path_of(key) + (here->value.IsNull() ? ": the value is missing" : ": must be a single value"));
    return true;
  }
  if (is_tagged(here->value)) {
    mistake(key, "a value that begins with ! must stand in quotes");
    return true;
  }
  const std::string& raw = here->value.Scalar();
  bool from_environment = false;
  auto text = expand(raw, &from_environment);
  if (!from_environment) report_.note_secret();
  if (!text) {
    // The name of a variable is shown only where the value is nothing else: what stands beside it is a secret.
    const bool only_a_name = raw.starts_with("${") && raw.find('}') == raw.size() - 1;
    mistake(key, only_a_name ? text.error().message : "a ${NAME} in it can't be replaced (write $${ for a plain ${)");
  } else if (text->find('\0') != std::string::npos) {
    mistake(key, "holds a NUL byte");
  } else {
    out = std::move(text).value();
  }
  return true;
}

}  // namespace wye::config
