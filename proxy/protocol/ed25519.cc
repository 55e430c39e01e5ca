#include "proxy/protocol/ed25519.h"

#include <sodium.h>

#include <algorithm>

namespace wye::protocol {

namespace {

using Scalar = std::array<std::uint8_t, crypto_core_ed25519_SCALARBYTES>;
using Hash = std::array<std::uint8_t, crypto_hash_sha512_BYTES>;
static_assert(crypto_sign_BYTES == std::tuple_size_v<Ed25519Signature>);

/// The expanded private key: a scalar, and what makes the signature's own secret scalar. Wiped when it goes.
struct PrivateKey {
  explicit PrivateKey(std::string_view password) {
    Hash hash;
    crypto_hash_sha512(hash.data(), reinterpret_cast<const std::uint8_t*>(password.data()), password.size());
    std::copy_n(hash.begin(), scalar.size(), scalar.begin());
    std::copy(hash.begin() + scalar.size(), hash.end(), prefix.begin());
    sodium_memzero(hash.data(), hash.size());
    scalar[0] &= 248;  // RFC 8032, 5.1.5
    scalar[31] = static_cast<std::uint8_t>((scalar[31] & 63) | 64);
  }
  ~PrivateKey() {
    sodium_memzero(scalar.data(), scalar.size());
    sodium_memzero(prefix.data(), prefix.size());
  }
  PrivateKey(const PrivateKey&) = delete;
  PrivateKey& operator=(const PrivateKey&) = delete;
  Ed25519Key public_key() const { return times_base(scalar); }
  static Ed25519Key times_base(const Scalar& scalar) {
    Ed25519Key point{};
    // Fails only for a multiple of the group's order: a clamped scalar is none, a hash is one with no probability.
    (void)crypto_scalarmult_ed25519_base_noclamp(point.data(), scalar.data());
    return point;
  }
  Scalar scalar{};
  std::array<std::uint8_t, 32> prefix{};
};

Scalar hash_to_scalar(std::initializer_list<base::ByteView> parts) {
  crypto_hash_sha512_state state;
  crypto_hash_sha512_init(&state);
  for (const auto part : parts) crypto_hash_sha512_update(&state, part.data(), part.size());
  Hash hash;
  crypto_hash_sha512_final(&state, hash.data());
  Scalar scalar;
  crypto_core_ed25519_scalar_reduce(scalar.data(), hash.data());
  sodium_memzero(hash.data(), hash.size());
  sodium_memzero(&state, sizeof state);
  return scalar;
}

/// libsodium picks its fastest code once; safe from any thread, and its portable code is right without.
void prepare_sodium() {
  static const int once = sodium_init();
  (void)once;
}

}  // namespace

Ed25519Signature ed25519_sign(std::string_view password, base::ByteView message) {
  prepare_sodium();
  const PrivateKey key(password);
  Scalar nonce = hash_to_scalar({key.prefix, message});
  const Ed25519Key point = PrivateKey::times_base(nonce);
  const Scalar challenge = hash_to_scalar({point, key.public_key(), message});
  Scalar product, sum;
  crypto_core_ed25519_scalar_mul(product.data(), challenge.data(), key.scalar.data());
  crypto_core_ed25519_scalar_add(sum.data(), product.data(), nonce.data());
  sodium_memzero(product.data(), product.size());
  sodium_memzero(nonce.data(), nonce.size());
  Ed25519Signature signature;
  std::copy(point.begin(), point.end(), signature.begin());
  std::copy(sum.begin(), sum.end(), signature.begin() + point.size());
  return signature;
}

Ed25519Key ed25519_public_key(std::string_view password) {
  prepare_sodium();
  return PrivateKey(password).public_key();
}

bool ed25519_verify(const Ed25519Signature& signature, const Ed25519Key& key, base::ByteView message) {
  prepare_sodium();
  return crypto_sign_verify_detached(signature.data(), message.data(), message.size(), key.data()) == 0;
}

}  // namespace wye::protocol
