#include "proxy/metrics/http.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "proxy/metrics/request.h"
#include "tests/unit/catch.h"

using namespace wye;
using namespace wye::metrics;

namespace {

class Client {
 public:
  explicit Client(std::uint16_t port) : fd_{socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
    sockaddr_in a{};
    a.sin_family = AF_INET;
    a.sin_port = htons(port);
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(connect(fd_, reinterpret_cast<sockaddr*>(&a), sizeof a) == 0);
  }
  ~Client() { close(fd_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  void send(std::string_view s) const { (void)!::send(fd_, s.data(), s.size(), MSG_NOSIGNAL); }
  /// Until the server closes; absent if it does not within the time.
  std::optional<std::string> rest(int timeout_ms = 10'000) const {
    std::string all;
    char part[8192];
    for (;;) {
      pollfd p{fd_, POLLIN, 0};
      if (poll(&p, 1, timeout_ms) != 1) return std::nullopt;
      const ssize_t n = read(fd_, part, sizeof part);
      if (n <= 0) return all;
      all.append(part, static_cast<std::size_t>(n));
    }
  }

 private:
  int fd_;
};

struct Fixture {
  explicit Fixture(HttpServer::Limits limits = HttpServer::Limits{})
      : collector{{&worker}, nullptr, "9.9.9"}, server{collector, [this] { return std::string{why}; }, limits} {
    const auto started = server.start("127.0.0.1:0");
    REQUIRE(started);
    REQUIRE(server.port() != 0);
  }
  std::string ask(std::string_view request) const {
    const Client c{server.port()};
    c.send(request);
    const auto answer = c.rest();
    REQUIRE(answer);
    return *answer;
  }
  std::string get(const std::string& path) const { return ask("GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n"); }
  WorkerMetrics worker;
  std::atomic<const char*> why{""};
  Collector collector;
  HttpServer server;
};

int status_of(const std::string& answer) {
  return answer.starts_with("HTTP/1.1 ") ? std::stoi(answer.substr(9, 3)) : 0;
}

}  // namespace

TEST_CASE("requests are read whole, cut anywhere, or refused") {
  const auto status = [](std::string_view in, std::size_t largest = 8192) {
    const auto r = parse_request(in, largest);
    if (const Bad* b = std::get_if<Bad>(&r)) return b->status;
    return std::holds_alternative<Request>(r) ? 200 : 0;
  };
  struct Row {
    std::string in;
    int status;  // 0: incomplete
  };
  const Row rows[] = {
      {"GET / HTTP/1.1\r\n\r\n", 200},
      {"GET /metrics?x=1 HTTP/1.0\r\nA: b\r\n\r\n", 200},
      {"", 0},
      {"GET / HTTP/1.1\r\nHost: x\r\n", 0},
      {"POST / HTTP/1.1\r\n\r\n", 405},
      {"HEAD / HTTP/1.1\r\n\r\n", 405},
      {"GET / HTTP/2.0\r\n\r\n", 505},
      {"GET /\r\n\r\n", 400},
      {"GET / HTTP/1.1 x\r\n\r\n", 400},
      {"GET  / HTTP/1.1\r\n\r\n", 400},
      {"GET http://x/ HTTP/1.1\r\n\r\n", 400},
      {"GET /\x01 HTTP/1.1\r\n\r\n", 400},
      {"GET /\xff HTTP/1.1\r\n\r\n", 400},
      {"get / HTTP/1.1\r\n\r\n", 400},
      {"\x16\x03\x01", 400},  // TLS
      {std::string("\x00\x00\x00\x01", 4), 400},
      {"\r\n\r\n", 400},
      {std::string(8193, 'A'), 414},
      {"GET /" + std::string(9000, 'a') + " HTTP/1.1\r\n\r\n", 431},
      {"GET / HTTP/1.1\r\n" + std::string(9000, 'a'), 431},
  };
  for (const Row& row : rows) {
    INFO(row.in.substr(0, 60));
    CHECK(status(row.in) == row.status);
  }
  const std::string whole = "GET /metrics?a HTTP/1.1\r\nHost: x\r\n\r\n";
  for (std::size_t n = 0; n < whole.size(); ++n) CHECK(status(std::string_view{whole}.substr(0, n)) == 0);
  CHECK(std::get<Request>(parse_request(whole, 8192)).path == "/metrics");
}

TEST_CASE("the exporter answers") {
  Fixture f;
  f.worker.sessions[SessionState::idle].add(3);
  const std::string metrics = f.get("/metrics");
  CHECK(status_of(metrics) == 200);
  CHECK(metrics.find("text/plain; version=0.0.4") != std::string::npos);
  CHECK(metrics.find("wye_sessions{state=\"idle\"} 3\n") != std::string::npos);
  CHECK(status_of(f.get("/healthz")) == 200);
  CHECK(status_of(f.get("/readyz")) == 200);
  f.why = "no primary";
  const std::string not_ready = f.get("/readyz");
  CHECK(status_of(not_ready) == 503);
  CHECK(not_ready.ends_with("no primary\n"));
  CHECK(f.get("/api/state").find("\"version\":\"9.9.9\"") != std::string::npos);
  const std::string page = f.get("/");
  CHECK(page.find("<!doctype html>") != std::string::npos);
  CHECK(page.ends_with("</html>\n"));
  CHECK(status_of(f.get("/nothing")) == 404);
  CHECK(f.ask("DELETE /metrics HTTP/1.1\r\n\r\n").find("Allow: GET") != std::string::npos);
}

TEST_CASE("a request byte by byte is a request") {
  const Fixture f;
  const Client c{f.server.port()};
  for (const char b : std::string{"GET /healthz HTTP/1.1\r\n\r\n"}) c.send({&b, 1});
  const auto answer = c.rest();
  REQUIRE(answer);
  CHECK(status_of(*answer) == 200);
}

TEST_CASE("hostile requests get an error and a closed connection, and the next one is served") {
  const Fixture f;
  CHECK(status_of(f.ask("GET /" + std::string(100'000, 'a') + " HTTP/1.1\r\n\r\n")) == 414);
  CHECK(status_of(f.ask("GET / HTTP/1.1\r\nX: " + std::string(100'000, 'a'))) == 431);
  CHECK(status_of(f.ask("POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n" + std::string(200'000, 'x'))) == 405);
  CHECK(status_of(f.ask(std::string("\x00\xff\x00", 3))) == 400);
  const std::string two = f.ask("GET /healthz HTTP/1.1\r\n\r\nGET /metrics HTTP/1.1\r\n\r\n");
  CHECK(two.find("wye_") == std::string::npos);  // one request a connection
  for (int i = 0; i < 50; ++i) {
    const Client gone{f.server.port()};  // closes at once
    gone.send("GET /metrics HTTP/1.1\r\n\r\n");
  }
  CHECK(status_of(f.get("/healthz")) == 200);
}

TEST_CASE("slow requests run out of time") {
  const Fixture f{{base::milliseconds{150}, 64, 8192}};
  const Client silent{f.server.port()}, slow{f.server.port()};
  slow.send("GET / HT");
  const auto start = base::Clock::now();
  const auto a = silent.rest(), b = slow.rest();
  REQUIRE(a);
  REQUIRE(b);
  CHECK(a->empty());
  CHECK(b->empty());
  CHECK(base::Clock::now() - start >= base::milliseconds{100});
}

TEST_CASE("a flood of idle connections does not keep others out") {
  const Fixture f{{base::milliseconds{60'000}, 4, 8192}};
  std::vector<std::unique_ptr<Client>> idle;
  for (int i = 0; i < 100; ++i) idle.push_back(std::make_unique<Client>(f.server.port()));
  CHECK(status_of(f.get("/healthz")) == 200);
  CHECK(idle.front()->rest());  // the oldest was closed
}

TEST_CASE("starting and stopping") {
  WorkerMetrics w;
  const Collector collector{{&w}, nullptr, "x"};
  HttpServer a{collector, nullptr}, b{collector, nullptr};
  a.stop();
  REQUIRE(a.start("127.0.0.1:0"));
  const std::string taken = "127.0.0.1:" + std::to_string(a.port());
  const auto refused = b.start(taken);
  REQUIRE(!refused);
  CHECK(refused.error().message.find(taken) != std::string::npos);
  CHECK(!b.start("no.such.host.invalid:1"));
  CHECK(!b.start("nonsense"));
  a.stop();
  CHECK(a.port() == 0);
  CHECK(b.start(taken));
}
