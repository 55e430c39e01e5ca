#pragma once
#include <memory>
#include <string>

struct ssl_ctx_st;
struct ssl_st;
struct ssl_session_st;

namespace wye::net {

/// Certificates and options. Immutable once made, and shared by all threads; a reload makes another one.
using TlsContext = std::shared_ptr<ssl_ctx_st>;

/// Which certificates clients must show.
struct ClientCertificates {
  std::string ca;         // PEM file of the authorities; empty: none are asked for
  bool required = false;  // false: a client may show none
};
/// For accepting clients. Without `cert`/`key`: a self-signed certificate kept in `state`/tls.{cert,key}.pem (made
/// there if missing). nullptr: `error` says why. TLS 1.2 and later; sessions are resumed by tickets, which end with the
/// context.
TlsContext server_tls(const std::string& cert, const std::string& key, const std::string& state, std::string& error,
                      const ClientCertificates& clients = {});
/// For connecting to servers. Verification is asked for by Stream::start_tls; the authorities for it are those of the
/// PEM file `ca`, or the system's if it is empty.
TlsContext client_tls(const std::string& ca, std::string& error);
/// Until when the context's own certificate is valid, as OpenSSL writes it; empty if it has none.
std::string expires(const TlsContext& context);

/// The last TLS session with one server, which the next connections resume: no certificates, no signatures. Belongs to
/// one context, host and loop.
class TlsSession {
 public:
  TlsSession() = default;
  ~TlsSession();
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  // For Stream only.
  void attach(ssl_st* ssl) const;      // offers it, and keeps what the server gives
  void replace(ssl_session_st* with);  // takes ownership; nullptr: the next handshake is a full one

 private:
  ssl_session_st* session_ = nullptr;
};

}  // namespace wye::net
