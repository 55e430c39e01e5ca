#pragma once
#include <array>
#include <cstdint>
#include <string_view>

#include "proxy/base/bytes.h"

// MariaDB's `ed25519` plugin (client_ed25519): the answer is an Ed25519 signature of the server's 32 bytes.
// https://mariadb.com/kb/en/authentication-plugin-ed25519/ . The private key is SHA-512 of the password itself, not of
// a 32-byte seed as in RFC 8032, so OpenSSL's keys, which are seeds, can't hold it; the arithmetic is libsodium's.
namespace wye::protocol {

using Ed25519Signature = std::array<std::uint8_t, 64>;
using Ed25519Key = std::array<std::uint8_t, 32>;
inline constexpr std::size_t ed25519_nonce_size = 32;

/// Pure; keys on the stack are wiped. Any length of password but 0, which servers treat as "no password".
Ed25519Signature ed25519_sign(std::string_view password, base::ByteView message);
/// What the server stores (in base64, without its '=').
Ed25519Key ed25519_public_key(std::string_view password);
bool ed25519_verify(const Ed25519Signature& signature, const Ed25519Key& key, base::ByteView message);

}  // namespace wye::protocol
