#include <csignal>

#include "proxy/net/stream.h"
#include "proxy/net/tls.h"
#include "tests/unit/catch.h"
#include "tests/unit/net/pair.h"
#include "tests/unit/net/turn.h"

namespace wye::net {
namespace {

using protocol::Compression;
using test::Pair;
using test::run_until;

std::string pattern(std::size_t size) {
  std::string text(size, ' ');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + (i * 7 + i / 251) % 26);
  return text;
}

std::string noise(std::size_t size) {
  std::string text(size, ' ');
  std::uint32_t x = 1;
  for (auto& c : text) {
    x = x * 1664525u + 1013904223u;
    c = static_cast<char>(x >> 24);
  }
  return text;
}

void compress(Pair& pair, Compression algorithm) {
  pair.left->start_compression(algorithm, 3);
  pair.right->start_compression(algorithm, 3);
}

TEST_CASE("what was written before leaves as it is, what comes after is compressed, both ways") {
  for (const auto algorithm : {Compression::zlib, Compression::zstd}) {
    Loop loop;
    Pair pair(loop);
    pair.left->write(base::bytes_of("OK"));
    pair.left->start_compression(algorithm, 3);
    CHECK(pair.left->compressed());
    REQUIRE(run_until(loop, [&] { return pair.right_owner.got == "OK"; }));
    pair.right->start_compression(algorithm, 3);
    pair.right_owner.got.clear();
    const std::string text = pattern(20'000);
    pair.left->write(base::bytes_of(text));
    REQUIRE(run_until(loop, [&] { return pair.right_owner.got.size() == text.size(); }));
    CHECK(pair.right_owner.got == text);
    CHECK(pair.left->bytes_out() < text.size() / 4);
    CHECK(pair.right->bytes_in() == pair.left->bytes_out());
    pair.right->write(base::bytes_of("answer"));
    REQUIRE(run_until(loop, [&] { return pair.left_owner.got == "answer"; }));
  }
}

TEST_CASE("none is no compression") {
  Loop loop;
  Pair pair(loop);
  pair.left->start_compression(Compression::none, 0);
  CHECK_FALSE(pair.left->compressed());
}

TEST_CASE("one frame for all that a turn has written") {
  Loop loop;
  Pair pair(loop);
  pair.left->start_compression(Compression::zlib, 0);
  for (int i = 0; i < 10; ++i) pair.left->write(base::bytes_of("12345678901234567890"));
  REQUIRE(run_until(loop, [&] { return !pair.right_owner.got.empty(); }));
  const auto bytes = base::bytes_of(pair.right_owner.got);
  REQUIRE(bytes.size() > protocol::compressed_head);
  CHECK(protocol::read_head(bytes.data()).length + protocol::compressed_head == bytes.size());
  CHECK(bytes[4] == 200);
}

TEST_CASE("back-pressure counts what waits to be compressed and what waits to be sent") {
  for (const bool small : {false, true}) {  // shrinks a lot, or not at all
    Loop loop;
    Pair pair(loop);
    compress(pair, Compression::zlib);
    pair.right->pause_reading();
    const std::string text = small ? std::string(200 * Stream::high_water, 'x') : noise(4 * Stream::high_water);
    std::size_t written = 0;
    // As the session does: it stops what feeds it while the stream is congested.
    const auto feed = [&] {
      while (!pair.left->congested() && written < text.size()) {
        const std::size_t n = std::min<std::size_t>(50'000, text.size() - written);
        pair.left->write(base::bytes_of(text).subspan(written, n));
        written += n;
      }
    };
    feed();
    CHECK(pair.left->congested());
    test::settle(loop);
    pair.right->resume_reading();
    int drained = 0;
    REQUIRE(run_until(loop, [&] {
      if (pair.left_owner.drained > drained) {
        drained = pair.left_owner.drained;
        feed();
      }
      return pair.right_owner.got.size() == text.size();
    }));
    CHECK((pair.right_owner.got == text));
    CHECK(drained > 1);
  }
}

TEST_CASE("an owner that pauses within a frame gets the rest later, and nothing while paused") {
  for (const auto algorithm : {Compression::zlib, Compression::zstd}) {
    Loop loop;
    Pair pair(loop);
    compress(pair, algorithm);
    const std::string text(3'000'000, 'x');  // a few KB on the wire
    std::size_t seen = 0;
    pair.right_owner.bytes_came = [&] { pair.right->pause_reading(); };
    pair.left->write(base::bytes_of(text));
    while (pair.right_owner.got.size() < text.size()) {
      REQUIRE(run_until(loop, [&] { return pair.right_owner.got.size() > seen; }));
      CHECK(pair.right_owner.got.size() <= seen + loop.scratch().size());
      seen = pair.right_owner.got.size();
      test::settle(loop);
      REQUIRE(pair.right_owner.got.size() == seen);
      pair.right->resume_reading();
    }
    CHECK((pair.right_owner.got == text));
  }
}

TEST_CASE("a peer that ends after its last frame is heard to the end first") {
  Loop loop;
  Pair pair(loop);
  compress(pair, Compression::zlib);
  const std::string text(1'000'000, 'x');
  pair.right_owner.bytes_came = [&] {
    pair.right->pause_reading();
    loop.defer([&] { pair.right->resume_reading(); });
  };
  pair.left->write(base::bytes_of(text));
  pair.left->close_after_flush();
  REQUIRE(run_until(loop, [&] { return !pair.right_owner.closed.empty(); }));
  CHECK((pair.right_owner.got == text));
  CHECK(pair.left_owner.closed == "closed");
}

TEST_CASE("an owner may close in the middle of a frame") {
  Loop loop;
  Pair pair(loop);
  compress(pair, Compression::zlib);
  pair.right_owner.bytes_came = [&] { pair.right->close(); };
  pair.left->write(base::bytes_of(std::string(1'000'000, 'x')));
  REQUIRE(run_until(loop, [&] { return !pair.left_owner.closed.empty(); }));
  CHECK(pair.right_owner.reads == 1);
}

TEST_CASE("a last word is compressed as well") {
  Loop loop;
  Pair pair(loop);
  compress(pair, Compression::zstd);
  pair.left->write(base::bytes_of("bye"));
  pair.left->close();
  REQUIRE(run_until(loop, [&] { return !pair.right_owner.closed.empty(); }));
  CHECK(pair.right_owner.got == "bye");
}

TEST_CASE("what is no frame closes the connection") {
  Loop loop;
  Pair pair(loop);
  pair.right->start_compression(Compression::zlib, 0);
  pair.left->write(base::bytes_of("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
  REQUIRE(run_until(loop, [&] { return !pair.right_owner.closed.empty(); }));
  CHECK(pair.right_owner.closed == "compressed frames out of order");
  CHECK(pair.right_owner.got.empty());
}

TEST_CASE("inside TLS") {
  std::signal(SIGPIPE, SIG_IGN);  // as wye does: OpenSSL writes without MSG_NOSIGNAL
  Loop loop;
  Pair pair(loop);
  test::TemporaryFolder folder;
  std::string error;
  const auto server = server_tls("", "", folder.path(), error), client = client_tls("", error);
  REQUIRE(server != nullptr);
  REQUIRE(client != nullptr);
  pair.right->start_tls(server.get(), true);
  pair.left->start_tls(client.get(), false);
  REQUIRE(run_until(loop, [&] { return pair.left_owner.secured == 1 && pair.right_owner.secured == 1; }));
  compress(pair, Compression::zlib);
  const std::string text = pattern(3'000'000);
  pair.right_owner.bytes_came = [&] {
    pair.right->pause_reading();
    loop.defer([&] { pair.right->resume_reading(); });
  };
  pair.left->write(base::bytes_of(text));
  REQUIRE(run_until(loop, [&] { return pair.right_owner.got.size() == text.size(); }));
  CHECK((pair.right_owner.got == text));
}

}  // namespace
}  // namespace wye::net
