#include "proxy/protocol/secret.h"

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <cstring>
#include <new>

namespace wye::protocol {

Secret::Secret(std::string_view bytes) : size_(bytes.size()) {
  data_ = static_cast<char*>(OPENSSL_secure_malloc(size_ + 1));
  if (data_ == nullptr)
    data_ = static_cast<char*>(OPENSSL_malloc(size_ + 1));  // the locked arena is full: wiped at least
  if (data_ == nullptr) throw std::bad_alloc();
  if (size_ > 0) std::memcpy(data_, bytes.data(), size_);
  data_[size_] = 0;
}

Secret::~Secret() { OPENSSL_secure_clear_free(data_, size_ + 1); }

bool init_secret_memory(std::size_t bytes) { return CRYPTO_secure_malloc_init(bytes, 32) == 1; }
void wipe(void* data, std::size_t size) { OPENSSL_cleanse(data, size); }

namespace {

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

std::string pem_of_public(EVP_PKEY* key) {
  BIO* bio = BIO_new(BIO_s_mem());
  std::string pem;
  if (bio != nullptr && PEM_write_bio_PUBKEY(bio, key) == 1) pem = text_of(bio);
  BIO_free(bio);
  return pem;
}

}  // namespace

RsaKey::RsaKey(void* key) : key_(key), public_pem_(pem_of_public(static_cast<EVP_PKEY*>(key))) {}
RsaKey::~RsaKey() { EVP_PKEY_free(static_cast<EVP_PKEY*>(key_)); }

std::unique_ptr<RsaKey> RsaKey::from_pem(std::string_view pem) {
  BIO* bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  if (bio == nullptr) return nullptr;
  // An encrypted key is not ours: without this, OpenSSL would ask for its passphrase on the terminal.
  const auto no_passphrase = [](char*, int, int, void*) { return 0; };
  EVP_PKEY* key = PEM_read_bio_PrivateKey(bio, nullptr, no_passphrase, nullptr);
  BIO_free(bio);
  ERR_clear_error();
  if (key != nullptr && EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA) {
    EVP_PKEY_free(key);
    key = nullptr;
  }
  return key == nullptr ? nullptr : std::unique_ptr<RsaKey>(new RsaKey(key));
}

std::unique_ptr<RsaKey> RsaKey::make() {
  EVP_PKEY* key = EVP_RSA_gen(2048);
  return key == nullptr ? nullptr : std::unique_ptr<RsaKey>(new RsaKey(key));
}

std::string RsaKey::private_pem() const {
  BIO* bio = BIO_new(BIO_s_secmem());
  std::string pem;
  if (bio != nullptr &&
      PEM_write_bio_PrivateKey(bio, static_cast<EVP_PKEY*>(key_), nullptr, nullptr, 0, nullptr, nullptr) == 1)
    pem = text_of(bio);
  BIO_free(bio);
  return pem;
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
