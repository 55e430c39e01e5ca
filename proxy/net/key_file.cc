#include "proxy/net/key_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>

namespace wye::net {

namespace {

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

bool write_file(const std::string& path, const std::string& text) {
  const std::string temporary = path + ".new";
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return false;
  bool ok = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  ok = ::fsync(fd) == 0 && ok;
  ok = ::close(fd) == 0 && ok;
  return ok && ::rename(temporary.c_str(), path.c_str()) == 0;
}

}  // namespace

std::unique_ptr<protocol::RsaKey> load_or_make_rsa_key(const std::string& path, std::string& error) {
  std::string pem = read_file(path);
  auto key = protocol::RsaKey::from_pem(pem);
  protocol::wipe(pem);
  if (key != nullptr) return key;
  key = protocol::RsaKey::make();
  if (key == nullptr) {
    error = "cannot make an RSA key";
    return nullptr;
  }
  std::string made = key->private_pem();
  if (!write_file(path, made)) error = "cannot keep the RSA key in " + path + ": " + std::strerror(errno);
  protocol::wipe(made);
  return key;
}

}  // namespace wye::net
