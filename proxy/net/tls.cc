#include "proxy/net/tls.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>

namespace wye::net {

void TlsDeleter::operator()(ssl_ctx_st* context) const { SSL_CTX_free(context); }

namespace {

std::string last_error() {
  char text[256] = {};
  ERR_error_string_n(ERR_get_error(), text, sizeof text);
  ERR_clear_error();
  return text;
}

constexpr long ten_years = 10L * 365 * 24 * 3600;

X509* self_signed(EVP_PKEY* key) {
  X509* cert = X509_new();
  if (cert == nullptr) return nullptr;
  std::uint64_t serial = 0;
  RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial);
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(cert), serial >> 1);
  X509_set_version(cert, 2);
  X509_gmtime_adj(X509_getm_notBefore(cert), -24L * 3600);  // a clock that is a little behind must not refuse us
  X509_gmtime_adj(X509_getm_notAfter(cert), ten_years);
  X509_set_pubkey(cert, key);
  X509_NAME* subject = X509_get_subject_name(cert);
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("wye auto-generated"),
                             -1, -1, 0);
  X509_set_issuer_name(cert, subject);
  X509_sign(cert, key, EVP_sha256());
  return cert;
}

bool write_pem(const std::string& path, mode_t mode, const auto& write) {
  const std::string temporary = path + ".new";
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
  std::FILE* file = fd < 0 ? nullptr : ::fdopen(fd, "w");
  if (file == nullptr) return false;
  bool ok = write(file) == 1;
  ok = std::fclose(file) == 0 && ok;
  return ok && ::rename(temporary.c_str(), path.c_str()) == 0;
}

bool make_self_signed(const std::string& cert_path, const std::string& key_path) {
  EVP_PKEY* key = EVP_RSA_gen(2048);
  X509* cert = key == nullptr ? nullptr : self_signed(key);
  const bool ok =
      cert != nullptr &&
      write_pem(key_path, 0600,
                [&](std::FILE* f) { return PEM_write_PrivateKey(f, key, nullptr, nullptr, 0, nullptr, nullptr); }) &&
      write_pem(cert_path, 0644, [&](std::FILE* f) { return PEM_write_X509(f, cert); });
  X509_free(cert);
  EVP_PKEY_free(key);
  return ok;
}

}  // namespace

TlsContext server_tls(const std::string& cert, const std::string& key, const std::string& state, std::string& error) {
  TlsContext context(SSL_CTX_new(TLS_server_method()));
  if (context == nullptr) {
    error = last_error();
    return nullptr;
  }
  std::string cert_path = cert, key_path = key;
  if (cert.empty()) {
    cert_path = state + "/tls.cert.pem";
    key_path = state + "/tls.key.pem";
    if (::access(cert_path.c_str(), R_OK) != 0 || ::access(key_path.c_str(), R_OK) != 0) {
      if (!make_self_signed(cert_path, key_path)) {
        error = "cannot make a self-signed certificate in " + state;
        return nullptr;
      }
    }
  }
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
  if (SSL_CTX_use_certificate_chain_file(context.get(), cert_path.c_str()) != 1 ||
      SSL_CTX_use_PrivateKey_file(context.get(), key_path.c_str(), SSL_FILETYPE_PEM) != 1) {
    error = "cannot use " + cert_path + ": " + last_error();
    return nullptr;
  }
  return context;
}

TlsContext client_tls(const std::string& ca, std::string& error) {
  TlsContext context(SSL_CTX_new(TLS_client_method()));
  if (context == nullptr) {
    error = last_error();
    return nullptr;
  }
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
  if (!ca.empty() && SSL_CTX_load_verify_locations(context.get(), ca.c_str(), nullptr) != 1) {
    error = "cannot use " + ca + ": " + last_error();
    return nullptr;
  }
  return context;
}

}  // namespace wye::net
