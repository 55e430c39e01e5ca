#include "proxy/protocol/ed25519.h"

#include <algorithm>
#include <string>

#include "tests/unit/catch.h"
#include "tests/unit/protocol/hex.h"

namespace wye::protocol {
namespace {

std::string base64(base::ByteView bytes) {
  static constexpr char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t three = 0;
    for (std::size_t k = 0; k < 3; ++k) three = three << 8 | (i + k < bytes.size() ? bytes[i + k] : 0U);
    for (std::size_t k = 0; k <= std::min<std::size_t>(3, bytes.size() - i); ++k)
      out += digits[three >> (18 - 6 * k) & 63];
  }
  return out;
}

TEST_CASE("ed25519: the public key is what MariaDB stores") {
  CHECK(base64(ed25519_public_key("secret")) == "ZIgUREUg5PVgQ6LskhXmO+eZLS0nC8be6HPjYWR4YJY");
  CHECK(base64(ed25519_public_key("foo")) == "vubFBzIrapbfHct1/J72dnUryz5VS7lA6XHH8sIx4TI");
}

TEST_CASE("ed25519: a password of 32 bytes is a seed of RFC 8032: its second test vector") {
  const auto seed = test::hex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb");
  const std::string password(seed.begin(), seed.end());
  const std::uint8_t message = 0x72;
  CHECK(test::to_hex(ed25519_public_key(password)) ==
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
  CHECK(test::to_hex(ed25519_sign(password, {&message, 1})) ==
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00");
}

TEST_CASE("ed25519: signatures of passwords of any length verify, and only with their own key and message") {
  for (const std::size_t size : {1U, 20U, 31U, 32U, 33U, 255U, 4096U}) {
    const std::string password(size, 'p');
    base::Bytes message(ed25519_nonce_size, static_cast<std::uint8_t>(size));
    const auto signature = ed25519_sign(password, message);
    CHECK(ed25519_verify(signature, ed25519_public_key(password), message));
    CHECK_FALSE(ed25519_verify(signature, ed25519_public_key(password + "x"), message));
    message[0] ^= 1;
    CHECK_FALSE(ed25519_verify(signature, ed25519_public_key(password), message));
  }
}

}  // namespace
}  // namespace wye::protocol
