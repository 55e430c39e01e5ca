#pragma once
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "proxy/protocol/auth.h"

namespace wye::protocol {

/// Bytes that must be kept: a clear-text password or a native stage 1. In OpenSSL's secure heap: locked, left out of
/// core dumps, between guard pages; wiped when destroyed. Never copied, never printed. Any thread.
class Secret {
 public:
  explicit Secret(std::string_view bytes);
  ~Secret();
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  std::string_view view() const { return {data_, size_}; }

 private:
  char* data_;
  std::size_t size_;
};

/// Sets up the locked memory. Once, before threads. False: this machine does not allow locking; secrets are still
/// wiped.
bool init_secret_memory(std::size_t bytes = std::size_t{1} << 20);
/// Overwrites memory that held a secret; the compiler may not leave it out.
void wipe(void* data, std::size_t size);
inline void wipe(Bytes& bytes) { wipe(bytes.data(), bytes.size()); }
inline void wipe(std::string& text) { wipe(text.data(), text.size()); }

/// Who a session is to the servers. Shared by the sessions and pooled connections of one account, gone with the last of
/// them. Immutable.
struct Account {
  enum class Kind : unsigned char { clear, native_stage1 };
  Account(std::string user_name, Kind secret_kind, std::string_view secret_bytes)
      : user(std::move(user_name)), kind(secret_kind), secret(secret_bytes) {
    if (kind == Kind::clear) digest2 = sha2_digest2(secret_bytes);
  }
  std::string user;
  Kind kind;
  Secret secret;
  Sha256 digest2{};  // verifies caching_sha2 scrambles; only with kind clear
};
using AccountPtr = std::shared_ptr<const Account>;

/// The RSA key pair with which clients without TLS send their password. Immutable; any thread.
class RsaKey {
 public:
  static std::unique_ptr<RsaKey> from_pem(std::string_view pem);  // nullptr: no RSA key, or encrypted
  static std::unique_ptr<RsaKey> make();                          // 2048 bits; nullptr: out of memory or randomness
  std::string private_pem() const;                                // the caller wipes it
  ~RsaKey();
  RsaKey(const RsaKey&) = delete;
  RsaKey& operator=(const RsaKey&) = delete;
  const std::string& public_pem() const { return public_pem_; }
  /// OAEP as the server's plugin does it. Absent: not ours, or damaged. The caller wipes what it gets.
  std::optional<Bytes> decrypt(ByteView cipher) const;

 private:
  explicit RsaKey(void* key);
  void* key_;  // EVP_PKEY
  std::string public_pem_;
};

}  // namespace wye::protocol
