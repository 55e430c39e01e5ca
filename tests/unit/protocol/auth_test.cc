#include "proxy/protocol/auth.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <memory>
#include <set>

#include "tests/unit/catch.h"
#include "tests/unit/protocol/hex.h"

namespace wye::protocol {
namespace {

using test::hex;
using test::to_hex;

Nonce counting() {
  Nonce n;
  for (std::size_t i = 0; i < n.size(); ++i) n[i] = static_cast<std::uint8_t>(i + 1);
  return n;
}

TEST_CASE("mysql_native_password: the stored hash is what the server's PASSWORD() gives") {
  CHECK(to_hex(native_stage2(native_stage1("root"))) == "81f5e21e35407d884a6cd4a731aebfb6af209e1b");  // MariaDB 10.11
  CHECK(to_hex(native_stage2(native_stage1("mypass"))) == "6c8989366eaf75bb670ad8ea7a7fc1176a95cef4");
  const auto stored = parse_stage2("*81F5E21E35407D884A6CD4A731AEBFB6AF209E1B");
  REQUIRE(stored);
  CHECK(*stored == native_stage2(native_stage1("root")));
  CHECK(parse_stage2("*81f5e21e35407d884a6cd4a731aebfb6af209e1b") == stored);
  for (const char* bad :
       {"", "*", "81F5E21E35407D884A6CD4A731AEBFB6AF209E1B", "*81F5E21E35407D884A6CD4A731AEBFB6AF209E1",
        "*81F5E21E35407D884A6CD4A731AEBFB6AF209E1B0", "*81F5E21E35407D884A6CD4A731AEBFB6AF209E1G",
        "-81F5E21E35407D884A6CD4A731AEBFB6AF209E1B", "*THISISNOTAVALIDPASSWORDTHATCANBEUSEDHERE"}) {
    CHECK_FALSE(parse_stage2(bad));
  }
}

TEST_CASE("mysql_native_password: scrambles") {
  const Sha1 stage1 = native_stage1("root");
  const Sha1 scramble = native_scramble(stage1, counting());
  CHECK(to_hex(scramble) == "7762abf3fd9818d9f63e079f850167cb142a0965");  // openssl dgst
  const auto recovered = native_recover(scramble, native_stage2(stage1), counting());
  REQUIRE(recovered);
  CHECK(*recovered == stage1);
  for (std::size_t i = 0; i < scramble.size(); ++i) {
    Sha1 wrong = scramble;
    wrong[i] ^= 1;
    CHECK_FALSE(native_recover(wrong, native_stage2(stage1), counting()));
  }
  Nonce other = counting();
  other[19] = 99;
  CHECK_FALSE(native_recover(scramble, native_stage2(stage1), other));
  CHECK_FALSE(native_recover({}, native_stage2(stage1), counting()));
  CHECK_FALSE(native_recover(ByteView{scramble}.first(19), native_stage2(stage1), counting()));
  CHECK_FALSE(native_recover(Bytes(21, 0), native_stage2(stage1), counting()));
}

TEST_CASE("mysql_native_password: a scramble that MariaDB 10.11.19 let in") {
  Nonce nonce{};
  const Bytes sent =
      hex("2a3671563d6a2267"
          "62357e3f5b307b406767503a");
  std::copy(sent.begin(), sent.end(), nonce.begin());
  CHECK(to_hex(native_scramble(native_stage1("root"), nonce)) == "d7f3373628dacd2a46514da27552b9a59609ce35");
}

TEST_CASE("caching_sha2_password: fast path") {
  CHECK(to_hex(sha2_digest2("root")) ==
        "ef722c9187a4f1abbd33861281a782f22d2dd9882045f4eb2e65294d3d825298");  // openssl dgst
  const Sha256 scramble = sha2_scramble("root", counting());
  CHECK(to_hex(scramble) == "4c37b7a3d2d053b04847435e71b109a0b82a2658577cbbcfeaf0d75cdbf9f5c8");  // openssl dgst
  CHECK(sha2_verify(scramble, sha2_digest2("root"), counting()));
  CHECK_FALSE(sha2_verify(scramble, sha2_digest2("Root"), counting()));
  for (std::size_t i = 0; i < scramble.size(); ++i) {
    Sha256 wrong = scramble;
    wrong[i] ^= 0x80;
    CHECK_FALSE(sha2_verify(wrong, sha2_digest2("root"), counting()));
  }
  CHECK_FALSE(sha2_verify({}, sha2_digest2("root"), counting()));
  CHECK_FALSE(sha2_verify(Bytes(33, 0), sha2_digest2("root"), counting()));
}

TEST_CASE("caching_sha2_password: the XOR undoes itself, also beyond the nonce's length") {
  const std::string password = "a password that is longer than twenty bytes, with \xc3\xa4";
  const Bytes hidden = sha2_obfuscate(password, counting());
  CHECK(hidden.size() == password.size());
  CHECK(hidden[20] == (static_cast<std::uint8_t>(password[20]) ^ 1));
  CHECK(base::chars_of(sha2_obfuscate(base::chars_of(hidden), counting())) == password);
  CHECK(sha2_obfuscate("", counting()).empty());
}

struct Keys {
  std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key{EVP_RSA_gen(2048), EVP_PKEY_free};
  std::string pem() const {
    std::unique_ptr<BIO, decltype(&BIO_free)> bio{BIO_new(BIO_s_mem()), BIO_free};
    PEM_write_bio_PUBKEY(bio.get(), key.get());
    char* data = nullptr;
    const long n = BIO_get_mem_data(bio.get(), &data);
    return {data, static_cast<std::size_t>(n)};
  }
  std::string decrypt(ByteView cipher) const {
    std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> c{EVP_PKEY_CTX_new(key.get(), nullptr),
                                                                  EVP_PKEY_CTX_free};
    EVP_PKEY_decrypt_init(c.get());
    EVP_PKEY_CTX_set_rsa_padding(c.get(), RSA_PKCS1_OAEP_PADDING);
    std::string out(256, '\0');
    std::size_t size = out.size();
    if (EVP_PKEY_decrypt(c.get(), reinterpret_cast<unsigned char*>(out.data()), &size, cipher.data(), cipher.size()) !=
        1) {
      return "?";
    }
    out.resize(size);
    return out;
  }
};

TEST_CASE("caching_sha2_password: RSA") {
  const Keys keys;
  const auto cipher = sha2_encrypt(keys.pem(), "secret", counting());
  REQUIRE(cipher);
  CHECK(cipher->size() == 256);
  const Bytes plain = sha2_obfuscate(keys.decrypt(*cipher), counting());
  CHECK(base::chars_of(plain) == std::string_view{"secret\0", 7});
  CHECK(sha2_encrypt(keys.pem(), "secret", counting()) != cipher);  // OAEP is salted
  CHECK(rsa_encrypt(keys.pem(), Bytes(214, 1)));
  CHECK_FALSE(rsa_encrypt(keys.pem(), Bytes(215, 1)));  // 2048 bits, OAEP with SHA1
}

TEST_CASE("public keys from a peer that are none") {
  const std::string pem = Keys{}.pem();
  CHECK_FALSE(rsa_encrypt("", Bytes(1, 1)));
  CHECK_FALSE(rsa_encrypt("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", Bytes(1, 1)));
  for (std::size_t n = 0; n + 26 < pem.size(); n += 7)
    CHECK_FALSE(rsa_encrypt(std::string_view{pem}.substr(0, n), Bytes(1, 1)));
  // An encrypted one must not make OpenSSL ask the terminal.
  CHECK_FALSE(
      rsa_encrypt("-----BEGIN PUBLIC KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,"
                  "00112233445566778899AABBCCDDEEFF\n\nAAAAAAAAAAAAAAAAAAAAAA==\n-----END PUBLIC KEY-----\n",
                  Bytes(1, 1)));
  std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> ec{EVP_EC_gen("P-256"), EVP_PKEY_free};
  std::unique_ptr<BIO, decltype(&BIO_free)> bio{BIO_new(BIO_s_mem()), BIO_free};
  PEM_write_bio_PUBKEY(bio.get(), ec.get());
  char* data = nullptr;
  const long n = BIO_get_mem_data(bio.get(), &data);
  CHECK_FALSE(rsa_encrypt({data, static_cast<std::size_t>(n)}, Bytes(1, 1)));
}

TEST_CASE("nonces are random and free of NUL and $") {
  std::set<Nonce> seen;
  for (int i = 0; i < 1000; ++i) {
    const Nonce n = make_nonce();
    for (const auto b : n) {
      CHECK(b != 0);
      CHECK(b != '$');
      CHECK(b < 128);
    }
    seen.insert(n);
  }
  CHECK(seen.size() == 1000);
}

}  // namespace
}  // namespace wye::protocol
