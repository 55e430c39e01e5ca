#include "proxy/protocol/secret.h"

#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <new>

namespace wye::protocol {

Secret::Secret(std::string_view bytes) : size_(bytes.size()) {
  data_ = static_cast<char*>(OPENSSL_secure_malloc(size_ + 1));
  if (data_ == nullptr) data_ = static_cast<char*>(OPENSSL_malloc(size_ + 1));  // the locked arena is full: wiped at least
  if (data_ == nullptr) throw std::bad_alloc();
  if (size_ > 0) std::memcpy(data_, bytes.data(), size_);
  data_[size_] = 0;
}

Secret::~Secret() { OPENSSL_secure_clear_free(data_, size_ + 1); }

bool init_secret_memory(std::size_t bytes) { return CRYPTO_secure_malloc_init(bytes, 32) == 1; }
void wipe(void* data, std::size_t size) { OPENSSL_cleanse(data, size); }

namespace {

std::string pem_of_public(EVP_PKEY* key) {
  BIO* bio = BIO_new(BIO_s_mem());
  std::string pem;
  if (bio != nullptr && PEM_write_bio_PUBKEY(bio, key) == 1) {
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio, &data);
    pem.assign(data, static_cast<std::size_t>(size));
  }
  BIO_free(bio);
  return pem;
}

EVP_PKEY* read_key(const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "re");
  if (file == nullptr) return nullptr;
  // An encrypted file is not ours: without this, OpenSSL would ask for its passphrase on the terminal.
  const auto no_passphrase = [](char*, int, int, void*) { return 0; };
  EVP_PKEY* key = PEM_read_PrivateKey(file, nullptr, no_passphrase, nullptr);
  ERR_clear_error();
  std::fclose(file);
  return key;
}

bool write_key(const std::string& path, EVP_PKEY* key) {
  const std::string temporary = path + ".new";
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return false;
  std::FILE* file = ::fdopen(fd, "w");
  if (file == nullptr) {
    ::close(fd);
    return false;
  }
  bool ok = PEM_write_PrivateKey(file, key, nullptr, nullptr, 0, nullptr, nullptr) == 1;
  ok = std::fclose(file) == 0 && ok;
  return ok && ::rename(temporary.c_str(), path.c_str()) == 0;
}

}  // namespace

RsaKey::RsaKey(void* key) : key_(key), public_pem_(pem_of_public(static_cast<EVP_PKEY*>(key))) {}
RsaKey::~RsaKey() { EVP_PKEY_free(static_cast<EVP_PKEY*>(key_)); }

std::unique_ptr<RsaKey> RsaKey::load_or_make(const std::string& path, std::string& error) {
  EVP_PKEY* key = read_key(path);
  if (key == nullptr) {
    key = EVP_RSA_gen(2048);
    if (key == nullptr) {
      error = "cannot make an RSA key";
      return nullptr;
    }
    if (!write_key(path, key)) error = "cannot keep the RSA key in " + path + ": " + std::strerror(errno);
  }
  return std::unique_ptr<RsaKey>(new RsaKey(key));
}

std::optional<Bytes> RsaKey::decrypt(ByteView cipher) const {
  EVP_PKEY_CTX* context = EVP_PKEY_CTX_new(static_cast<EVP_PKEY*>(key_), nullptr);
  std::optional<Bytes> plain;
  std::size_t size = 0;
  if (context != nullptr && EVP_PKEY_decrypt_init(context) == 1 &&
      EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING) == 1 &&
      EVP_PKEY_decrypt(context, nullptr, &size, cipher.data(), cipher.size()) == 1) {
    Bytes bytes(size);
    if (EVP_PKEY_decrypt(context, bytes.data(), &size, cipher.data(), cipher.size()) == 1) {
      bytes.resize(size);
      plain = std::move(bytes);
    }
  }
  EVP_PKEY_CTX_free(context);
  ERR_clear_error();  // what is left in this thread's queue would be taken for an error of the next TLS call
  return plain;
}

}  // namespace wye::protocol
