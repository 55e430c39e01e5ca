#include "proxy/protocol/auth.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>
#include <stdexcept>
#include <tuple>

namespace wye::protocol {

namespace {

using base::bytes_of;

/// The environment, not the peer, is broken if this fails (an OpenSSL without SHA1): no login could be right.
template <class Digest>
Digest digest(const EVP_MD* kind, ByteView data) {
  Digest out;
  unsigned size = 0;
  if (EVP_Digest(data.data(), data.size(), out.data(), &size, kind, nullptr) != 1 || size != out.size()) {
    throw std::runtime_error{"OpenSSL has no digest for authentication"};
  }
  return out;
}

Sha1 sha1(ByteView data) { return digest<Sha1>(EVP_sha1(), data); }
Sha256 sha256(ByteView data) { return digest<Sha256>(EVP_sha256(), data); }

template <class A, class B>
auto joined(const A& a, const B& b) {
  std::array<std::uint8_t, std::tuple_size_v<A> + std::tuple_size_v<B>> out;
  std::copy(a.begin(), a.end(), out.begin());
  std::copy(b.begin(), b.end(), out.begin() + static_cast<std::ptrdiff_t>(a.size()));
  return out;
}

template <class Digest>
Digest exclusive_or(const std::uint8_t* a, const Digest& b) {
  Digest out;
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<std::uint8_t>(a[i] ^ b[i]);
  return out;
}

/// A key on the stack that does not stay there.
template <class T>
struct Wiped {
  T value;
  ~Wiped() { OPENSSL_cleanse(value.data(), value.size()); }
};

std::optional<std::uint8_t> hex_digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<std::uint8_t>(c - '0');
  if (c >= 'A' && c <= 'F') return static_cast<std::uint8_t>(c - 'A' + 10);
  if (c >= 'a' && c <= 'f') return static_cast<std::uint8_t>(c - 'a' + 10);
  return std::nullopt;
}

}  // namespace

Sha1 native_stage1(std::string_view password) { return sha1(bytes_of(password)); }
Sha1 native_stage2(const Sha1& stage1) { return sha1(stage1); }

Sha1 native_scramble(const Sha1& stage1, const Nonce& nonce) {
  return exclusive_or(stage1.data(), sha1(joined(nonce, native_stage2(stage1))));
}

std::optional<Sha1> native_recover(ByteView scramble, const Sha1& stage2, const Nonce& nonce) {
  if (scramble.size() != stage2.size()) return std::nullopt;
  Wiped<Sha1> stage1{exclusive_or(scramble.data(), sha1(joined(nonce, stage2)))};
  if (CRYPTO_memcmp(native_stage2(stage1.value).data(), stage2.data(), stage2.size()) != 0) return std::nullopt;
  return stage1.value;
}

std::optional<Sha1> parse_stage2(std::string_view authentication_string) {
  Sha1 out;
  if (authentication_string.size() != 1 + 2 * out.size() || authentication_string.front() != '*') return std::nullopt;
  for (std::size_t i = 0; i < out.size(); ++i) {
    const auto high = hex_digit(authentication_string[1 + 2 * i]);
    const auto low = hex_digit(authentication_string[2 + 2 * i]);
    if (!high || !low) return std::nullopt;
    out[i] = static_cast<std::uint8_t>(*high << 4 | *low);
  }
  return out;
}

Sha256 sha2_digest2(std::string_view password) {
  const Wiped<Sha256> once{sha256(bytes_of(password))};
  return sha256(once.value);
}

Sha256 sha2_scramble(std::string_view password, const Nonce& nonce) {
  const Wiped<Sha256> once{sha256(bytes_of(password))};
  return exclusive_or(once.value.data(), sha256(joined(sha256(once.value), nonce)));
}

bool sha2_verify(ByteView scramble, const Sha256& digest2, const Nonce& nonce) {
  if (scramble.size() != digest2.size()) return false;
  const Wiped<Sha256> once{exclusive_or(scramble.data(), sha256(joined(digest2, nonce)))};
  return CRYPTO_memcmp(sha256(once.value).data(), digest2.data(), digest2.size()) == 0;
}

Bytes sha2_obfuscate(std::string_view password, const Nonce& nonce) {
  const ByteView in = bytes_of(password);
  Bytes out(in.size());
  for (std::size_t i = 0; i < in.size(); ++i) out[i] = static_cast<std::uint8_t>(in[i] ^ nonce[i % nonce.size()]);
  return out;
}

Nonce make_nonce() {
  Nonce nonce;
  for (std::size_t i = 0; i < nonce.size();) {
    std::array<std::uint8_t, 32> random;
    if (RAND_bytes(random.data(), static_cast<int>(random.size())) != 1) {
      throw std::runtime_error{"OpenSSL has no random numbers"};
    }
    for (std::size_t k = 0; k < random.size() && i < nonce.size(); ++k) {
      const auto b = static_cast<std::uint8_t>(random[k] & 0x7f);
      if (b != 0 && b != '$') nonce[i++] = b;  // old clients stop at these
    }
  }
  return nonce;
}

}  // namespace wye::protocol
