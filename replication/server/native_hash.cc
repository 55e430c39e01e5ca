#include "replication/server/native_hash.h"

#include <openssl/evp.h>

#include <array>

namespace wye::server {

std::string native_hash(std::string_view password) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> once{}, twice{};
  unsigned size = 0;
  EVP_Digest(password.data(), password.size(), once.data(), &size, EVP_sha1(), nullptr);
  EVP_Digest(once.data(), size, twice.data(), &size, EVP_sha1(), nullptr);
  constexpr char digits[] = "0123456789ABCDEF";
  std::string out = "*";
  for (unsigned i = 0; i < size; ++i) {
    out += digits[twice[i] >> 4];
    out += digits[twice[i] & 15];
  }
  return out;
}

}  // namespace wye::server
