// RSA part, client's side, of caching_sha2_password's full authentication without TLS.
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <memory>

#include "proxy/protocol/auth.h"

namespace wye::protocol {

namespace {

struct Free {
  void operator()(BIO* p) const { BIO_free(p); }
  void operator()(EVP_PKEY* p) const { EVP_PKEY_free(p); }
  void operator()(EVP_PKEY_CTX* p) const { EVP_PKEY_CTX_free(p); }
};
using Bio = std::unique_ptr<BIO, Free>;
using Key = std::unique_ptr<EVP_PKEY, Free>;
using Context = std::unique_ptr<EVP_PKEY_CTX, Free>;

/// A key that we could not read must leave nothing behind for the TLS code, which reads the same queue of errors.
struct ClearErrors {
  ~ClearErrors() { ERR_clear_error(); }
};

// Without this OpenSSL would ask the terminal for the pass phrase of an encrypted key, which a peer may send.
int no_pass_phrase(char*, int, int, void*) { return -1; }

Key read_public_key(std::string_view pem) {
  if (pem.size() > 64 * 1024) return {};
  const Bio bio{BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()))};
  if (!bio) return {};
  Key key{PEM_read_bio_PUBKEY(bio.get(), nullptr, no_pass_phrase, nullptr)};
  if (!key || EVP_PKEY_is_a(key.get(), "RSA") != 1) return {};
  return key;
}

}  // namespace

std::optional<Bytes> rsa_encrypt(std::string_view public_key_pem, ByteView plain) {
  const ClearErrors clear;
  const Key key = read_public_key(public_key_pem);
  if (!key) return std::nullopt;
  const Context context{EVP_PKEY_CTX_new(key.get(), nullptr)};
  if (!context || EVP_PKEY_encrypt_init(context.get()) != 1 ||
      EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_OAEP_PADDING) != 1) {
    return std::nullopt;
  }
  std::size_t size = 0;
  if (EVP_PKEY_encrypt(context.get(), nullptr, &size, plain.data(), plain.size()) != 1) return std::nullopt;
  Bytes out(size);
  if (EVP_PKEY_encrypt(context.get(), out.data(), &size, plain.data(), plain.size()) != 1) return std::nullopt;
  out.resize(size);
  return out;
}

std::optional<Bytes> sha2_encrypt(std::string_view public_key_pem, std::string_view password, const Nonce& nonce) {
  std::string with_nul;
  with_nul.reserve(password.size() + 1);  // no copy of it stays behind in a smaller block
  with_nul.append(password).push_back('\0');
  Bytes plain = sha2_obfuscate(with_nul, nonce);
  auto out = rsa_encrypt(public_key_pem, plain);
  OPENSSL_cleanse(with_nul.data(), with_nul.size());
  OPENSSL_cleanse(plain.data(), plain.size());
  return out;
}

}  // namespace wye::protocol
