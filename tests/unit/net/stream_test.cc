#include "proxy/net/stream.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proxy/net/listener.h"
#include "tests/unit/catch.h"
#include "tests/unit/net/pair.h"
#include "tests/unit/net/turn.h"

namespace wye::net {
namespace {

using test::Owner;
using test::Pair;
using test::run_until;

std::string pattern(std::size_t size) {
  std::string text(size, ' ');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + (i * 7 + i / 251) % 26);
  return text;
}

std::uint16_t port_of(int fd) {
  sockaddr_in in{};
  socklen_t size = sizeof in;
  REQUIRE(::getsockname(fd, reinterpret_cast<sockaddr*>(&in), &size) == 0);
  return ntohs(in.sin_port);
}

TEST_CASE("bytes go both ways and are counted") {
  Loop loop;
  Pair pair(loop);
  pair.left->write(base::bytes_of("ping"));
  pair.right_owner.bytes_came = [&] { pair.right->write(base::bytes_of("pong!")); };
  REQUIRE(run_until(loop, [&] { return pair.left_owner.got == "pong!"; }));
  CHECK(pair.right_owner.got == "ping");
  CHECK(pair.left->bytes_out() == 4);
  CHECK(pair.left->bytes_in() == 5);
  CHECK(pair.right->bytes_in() == 4);
  CHECK_FALSE(pair.left->secure());
  CHECK(pair.left->tls_version().empty());
}

TEST_CASE("a read limit holds for each read") {
  Loop loop;
  Pair pair(loop);
  pair.right->limit_reads(36);
  std::size_t largest = 0, before = 0;
  pair.right_owner.bytes_came = [&] {
    largest = std::max(largest, pair.right_owner.got.size() - before);
    before = pair.right_owner.got.size();
  };
  pair.left->write(base::bytes_of(pattern(1000)));
  REQUIRE(run_until(loop, [&] { return pair.right_owner.got.size() == 1000; }));
  CHECK(largest == 36);
  CHECK(pair.right_owner.got == pattern(1000));
}

TEST_CASE("back-pressure: congested above the high-water mark, drained once below the low one") {
  Loop loop;
  Pair pair(loop);
  pair.right->pause_reading();
  const std::string text = pattern(4 * Stream::high_water);
  pair.left->write(base::bytes_of(text));
  CHECK(pair.left->congested());
  test::settle(loop);
  CHECK(pair.left->congested());  // the socket's buffers are smaller than this
  CHECK(pair.left_owner.drained == 0);
  CHECK(pair.right_owner.got.empty());
  CHECK(pair.right->reading_paused());
  pair.right->resume_reading();
  REQUIRE(run_until(loop, [&] { return pair.right_owner.got.size() == text.size(); }));
  CHECK(pair.right_owner.got == text);
  CHECK(pair.left_owner.drained == 1);
  CHECK_FALSE(pair.left->congested());
  pair.left->write(base::bytes_of("little"));
  test::settle(loop);
  CHECK(pair.left_owner.drained == 1);  // was never congested again
}

TEST_CASE("close_after_flush sends all, then closes") {
  Loop loop;
  Pair pair(loop);
  const std::string text = pattern(4 * Stream::high_water);
  pair.left->write(base::bytes_of(text));
  pair.left->close_after_flush();
  REQUIRE(run_until(loop, [&] { return !pair.right_owner.closed.empty(); }));
  CHECK(pair.right_owner.got == text);
  CHECK(pair.right_owner.closed == "closed by peer");
  CHECK(pair.left->closed());
  CHECK(pair.left_owner.closed == "closed");
}

TEST_CASE("close_after_flush reads no more") {
  Loop loop;
  Pair pair(loop);
  pair.right->pause_reading();
  pair.left->write(base::bytes_of(pattern(4 * Stream::high_water)));
  pair.left->close_after_flush();
  pair.right->write(base::bytes_of("too late"));
  test::settle(loop);
  CHECK(pair.left_owner.got.empty());
  CHECK_FALSE(pair.left->closed());
  pair.left->close();  // the owner's deadline
  CHECK(pair.left->closed());
  CHECK(pair.left_owner.closed.empty());
}

TEST_CASE("close sends what the socket takes at once, and calls nobody back") {
  Loop loop;
  Pair pair(loop);
  pair.left->write(base::bytes_of("refused: too many connections"));
  pair.left->close();
  REQUIRE(run_until(loop, [&] { return !pair.right_owner.closed.empty(); }));
  CHECK(pair.right_owner.got == "refused: too many connections");
  CHECK(pair.left_owner.closed.empty());
  pair.left->write(base::bytes_of("into the void"));
  pair.left->pause_reading();
  pair.left->resume_reading();
  pair.left->close_after_flush();
  pair.left->close();
  test::settle(loop);
  CHECK(pair.left_owner.closed.empty());
}

TEST_CASE("an owner may close in any callback") {
  Loop loop;
  Pair pair(loop);
  pair.right_owner.bytes_came = [&] { pair.right->close(); };
  pair.left->write(base::bytes_of("x"));
  REQUIRE(run_until(loop, [&] { return !pair.left_owner.closed.empty(); }));
  CHECK(pair.right_owner.reads == 1);
}

TEST_CASE("connect: what was written before it succeeded goes out then") {
  Loop loop;
  std::string error;
  const int fd = listen_tcp("127.0.0.1:0", error);
  REQUIRE(fd >= 0);
  const auto port = port_of(fd);
  Owner accepted;
  std::unique_ptr<Stream> server;
  std::string peer;
  Listener listener(loop, fd, [&](int client) {
    peer = peer_name(client);
    server = std::make_unique<Stream>(loop, client, accepted);
  });
  Owner owner;
  auto stream = Stream::connect(loop, "127.0.0.1", port, "", owner, error);
  REQUIRE(stream != nullptr);
  CHECK(owner.connected == 0);
  stream->write(base::bytes_of("early"));
  REQUIRE(run_until(loop, [&] { return accepted.got == "early"; }));
  CHECK(owner.connected == 1);
  CHECK(peer.substr(0, 10) == "127.0.0.1:");
}

TEST_CASE("connect to nobody fails through on_closed") {
  Loop loop;
  std::string error;
  const int fd = listen_tcp("127.0.0.1:0", error);
  REQUIRE(fd >= 0);
  const auto port = port_of(fd);
  ::close(fd);
  Owner owner;
  const auto stream = Stream::connect(loop, "127.0.0.1", port, "", owner, error);
  REQUIRE(stream != nullptr);
  REQUIRE(run_until(loop, [&] { return !owner.closed.empty(); }));
  CHECK(owner.closed == "Connection refused");
  CHECK(owner.connected == 0);
  CHECK(stream->closed());
}

TEST_CASE("connect says what it can't even try") {
  Loop loop;
  Owner owner;
  std::string error;
  CHECK(Stream::connect(loop, "db1.example.com", 3306, "", owner, error) == nullptr);
  CHECK(error == "not an IP address: db1.example.com");
  CHECK(Stream::connect(loop, "", 0, std::string(200, 'x'), owner, error) == nullptr);
  CHECK(error == "socket path too long");
  test::TemporaryFolder folder;
  CHECK(Stream::connect(loop, "", 0, folder.path() + "/nothing", owner, error) == nullptr);
  CHECK(error == "No such file or directory");
}

TEST_CASE("a Unix socket has the mode that was asked for, and an old one is replaced") {
  Loop loop;
  test::TemporaryFolder folder;
  const std::string path = folder.path() + "/s.sock";
  std::string error;
  const int first = listen_unix(path, 0600, error);
  REQUIRE(first >= 0);
  ::close(first);  // as after a crash: the file is left
  const int fd = listen_unix(path, 0600, error);
  INFO(error);
  REQUIRE(fd >= 0);
  struct stat info {};
  REQUIRE(::stat(path.c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0600);
  Owner accepted, owner;
  std::unique_ptr<Stream> server;
  std::string peer;
  Listener listener(loop, fd, [&](int client) {
    peer = peer_name(client);
    server = std::make_unique<Stream>(loop, client, accepted);
  });
  const auto stream = Stream::connect(loop, "", 0, path, owner, error);
  REQUIRE(stream != nullptr);
  REQUIRE(run_until(loop, [&] { return owner.connected == 1 && server != nullptr; }));
  CHECK(peer == "unix");
}

TEST_CASE("a listener takes many at once") {
  Loop loop;
  std::string error;
  const int fd = listen_tcp("127.0.0.1:0", error);
  REQUIRE(fd >= 0);
  const auto port = port_of(fd);
  std::vector<int> accepted;
  Listener listener(loop, fd, [&](int client) { accepted.push_back(client); });
  Owner owner;
  std::vector<std::unique_ptr<Stream>> streams;
  for (int i = 0; i < 100; ++i) streams.push_back(Stream::connect(loop, "127.0.0.1", port, "", owner, error));
  REQUIRE(run_until(loop, [&] { return accepted.size() == 100; }));
  for (const int client : accepted) {
    CHECK((::fcntl(client, F_GETFL) & O_NONBLOCK) != 0);
    ::close(client);
  }
}

TEST_CASE("a listener without descriptors closes the newcomer instead of spinning") {
  Loop loop;
  std::string error;
  const int fd = listen_tcp("127.0.0.1:0", error);
  REQUIRE(fd >= 0);
  const auto port = port_of(fd);
  int accepted = 0;
  Listener listener(loop, fd, [&](int client) {
    ++accepted;
    ::close(client);
  });
  Owner owner;
  const auto stream = Stream::connect(loop, "127.0.0.1", port, "", owner, error);
  REQUIRE(stream != nullptr);
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  const int next = ::dup(0);
  const rlimit few{static_cast<rlim_t>(next) + 8, before.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &few) == 0);
  std::vector<int> taken{next};
  for (int more = ::dup(0); more >= 0; more = ::dup(0)) taken.push_back(more);
  const bool closed = run_until(loop, [&] { return !owner.closed.empty(); });
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
  for (const int one : taken) ::close(one);
  CHECK(closed);
  CHECK(accepted == 0);
  const auto second = Stream::connect(loop, "127.0.0.1", port, "", owner, error);
  REQUIRE(second != nullptr);
  CHECK(run_until(loop, [&] { return accepted == 1; }));
}

}  // namespace
}  // namespace wye::net
