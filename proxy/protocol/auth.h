#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/protocol/handshake.h"

// Scrambles of the authentication plugins. All pure. Keys and clear texts are wiped by their owners.
namespace wye::protocol {

using Sha1 = std::array<std::uint8_t, 20>;
using Sha256 = std::array<std::uint8_t, 32>;

/// mysql_native_password: SHA1(pw) XOR SHA1(nonce + SHA1(SHA1(pw))). `stage1` is SHA1(pw), which suffices to log in.
Sha1 native_stage1(std::string_view password);
Sha1 native_stage2(const Sha1& stage1);
Sha1 native_scramble(const Sha1& stage1, const Nonce& nonce);
/// The client's stage 1, if its scramble fits the stored stage 2 (mysql.user.authentication_string without '*',
/// decoded).
std::optional<Sha1> native_recover(ByteView scramble, const Sha1& stage2, const Nonce& nonce);
/// "*94BDCEBE19083CE2A1F959FD02F964C7AF4CFC29" -> bytes; absent if it is not that.
std::optional<Sha1> parse_stage2(std::string_view authentication_string);

/// caching_sha2_password fast path: SHA256(pw) XOR SHA256(SHA256(SHA256(pw)) + nonce).
Sha256 sha2_digest2(std::string_view password);  // SHA256(SHA256(pw)): enough to verify, not to log in
Sha256 sha2_scramble(std::string_view password, const Nonce& nonce);
bool sha2_verify(ByteView scramble, const Sha256& digest2, const Nonce& nonce);  // constant time in the compare

/// Full authentication without TLS: the password with its NUL, XORed with the nonce, RSA-OAEP (SHA1).
Bytes sha2_obfuscate(std::string_view password, const Nonce& nonce);  // the XOR alone (adds no NUL); also undoes itself
std::optional<Bytes> rsa_encrypt(std::string_view public_key_pem, ByteView plain);
/// All of it, NUL included. Absent: no RSA key, or the password is too long for it.
std::optional<Bytes> sha2_encrypt(std::string_view public_key_pem, std::string_view password, const Nonce& nonce);

Nonce make_nonce();  // from the system's CSPRNG (OpenSSL RAND_bytes); bytes 1..127 without '$'

}  // namespace wye::protocol
