#pragma once
#include <memory>
#include <string>

struct ssl_ctx_st;

namespace wye::net {

struct TlsDeleter {
  void operator()(ssl_ctx_st* context) const;
};
using TlsContext = std::unique_ptr<ssl_ctx_st, TlsDeleter>;

/// For accepting clients. Without `cert`/`key`: a self-signed certificate kept in `state`/tls.{cert,key}.pem (made
/// there if missing). nullptr: `error` says why. TLS 1.2 and later.
TlsContext server_tls(const std::string& cert, const std::string& key, const std::string& state, std::string& error);
/// For connecting to servers. `ca` empty: the certificate is not verified (as MySQL's PREFERRED and REQUIRED).
TlsContext client_tls(const std::string& ca, std::string& error);

}  // namespace wye::net
