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

int session_slot() {
  static const int slot = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return slot;
}

/// 1: the session is ours now.
int keep_session(SSL* ssl, SSL_SESSION* session) {
  auto* keeper = static_cast<TlsSession*>(SSL_get_ex_data(ssl, session_slot()));
  if (keeper == nullptr) return 0;
  keeper->replace(session);
  return 1;
}

/// False: the file is no list of authorities.
bool ask_for_certificates(SSL_CTX* context, const ClientCertificates& clients) {
  STACK_OF(X509_NAME)* names = SSL_load_client_CA_file(clients.ca.c_str());
  if (names == nullptr || SSL_CTX_load_verify_locations(context, clients.ca.c_str(), nullptr) != 1) {
    sk_X509_NAME_pop_free(names, X509_NAME_free);
    return false;
  }
  SSL_CTX_set_client_CA_list(context, names);  // takes them
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | (clients.required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), nullptr);
  return true;
}

}  // namespace

TlsContext server_tls(const std::string& cert, const std::string& key, const std::string& state, std::string& error,
                      const ClientCertificates& clients) {
  TlsContext context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
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
  if (!clients.ca.empty() && !ask_for_certificates(context.get(), clients)) {
    error = "cannot use " + clients.ca + ": " + last_error();
    return nullptr;
  }
  // A ticket of one context is of no use to another: after a reload, certificates are looked at again.
  static constexpr unsigned char name[] = "wye";
  SSL_CTX_set_session_id_context(context.get(), name, sizeof name - 1);
  return context;
}

TlsContext client_tls(const std::string& ca, std::string& error) {
  TlsContext context(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
  if (context == nullptr) {
    error = last_error();
    return nullptr;
  }
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
  // The system's authorities may be none: then it is the verification that fails, not the start.
  if (ca.empty()) SSL_CTX_set_default_verify_paths(context.get());
  ERR_clear_error();
  if (!ca.empty() && SSL_CTX_load_verify_locations(context.get(), ca.c_str(), nullptr) != 1) {
    error = "cannot use " + ca + ": " + last_error();
    return nullptr;
  }
  // Kept by TlsSession, for each server; the library's own cache would be for all of them, under a lock.
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context.get(), keep_session);
  return context;
}

std::string expires(const TlsContext& context) {
  const X509* cert = context == nullptr ? nullptr : SSL_CTX_get0_certificate(context.get());
  if (cert == nullptr) return {};
  BIO* text = BIO_new(BIO_s_mem());
  if (text == nullptr) return {};
  ASN1_TIME_print(text, X509_get0_notAfter(cert));
  char* data = nullptr;
  const long size = BIO_get_mem_data(text, &data);
  std::string out(data, static_cast<std::size_t>(size > 0 ? size : 0));
  BIO_free(text);
  return out;
}

TlsSession::~TlsSession() { SSL_SESSION_free(session_); }

void TlsSession::replace(ssl_session_st* with) {
  SSL_SESSION_free(session_);
  session_ = with;
}

void TlsSession::attach(ssl_st* ssl) const {
  SSL_set_ex_data(ssl, session_slot(), const_cast<TlsSession*>(this));
  if (session_ != nullptr && SSL_SESSION_is_resumable(session_) == 1) SSL_set_session(ssl, session_);
}

}  // namespace wye::net
