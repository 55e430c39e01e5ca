#include "proxy/cli/console_connection.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "proxy/protocol/handshake.h"
#include "proxy/protocol/wire.h"

namespace wye::cli {
namespace {

using namespace protocol;
constexpr std::size_t largest_packet = 64u << 20;
constexpr std::uint32_t wanted = cap::long_password | cap::long_flag | cap::protocol_41 | cap::transactions |
                                 cap::secure_connection | cap::multi_results | cap::plugin_auth | cap::deprecate_eof;

base::Error error_in(ByteView payload) {
  const auto parsed = parse_err(payload);
  const ErrInfo* const e = std::get_if<ErrInfo>(&parsed);
  if (e == nullptr) return {2027, "HY000", "malformed error packet"};
  return {e->code, std::string{e->state.empty() ? "HY000" : e->state}, std::string{e->message}};
}

/// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_query_response_text_resultset_column_definition.html
bool read_definition(ByteView payload, Answer& to) {
  Reader r{payload};
  for (int i = 0; i < 4; ++i) r.lenenc_bytes();  // catalog, schema, table, original table
  const std::string_view name = r.lenenc_string();
  r.lenenc_bytes();  // original name
  r.skip(1 + 2 + 4);
  const std::uint8_t type = r.u8();
  if (!r.ok()) return false;
  to.columns.emplace_back(name);
  to.numeric.push_back(type <= 0x05 || type == 0x08 || type == 0x09 || type == 0x0d || type == 0xf6);
  return true;
}

bool read_row(ByteView payload, Answer& to) {
  Reader r{payload};
  auto& row = to.rows.emplace_back();
  while (r.ok() && !r.empty()) {
    Reader ahead = r;
    if (ahead.u8() == 0xfb) {
      r.skip(1);
      row.emplace_back(std::nullopt);
    } else {
      row.emplace_back(r.lenenc_string());
    }
  }
  return r.ok() && row.size() == to.columns.size();
}

}  // namespace

ConsoleConnection::~ConsoleConnection() {
  if (fd_ >= 0) close(fd_);
}

base::Error ConsoleConnection::lost(std::string why) {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
  return {2006, "HY000", std::move(why)};
}

base::Status ConsoleConnection::connect(const std::string& path, base::milliseconds timeout) {
  sockaddr_un a{};
  if (path.size() >= sizeof a.sun_path) return lost("the path of the socket is too long");
  a.sun_family = AF_UNIX;
  std::memcpy(a.sun_path, path.data(), path.size());
  if (fd_ >= 0) close(fd_);
  fd_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  deadline_ = base::Clock::now() + timeout;
  sequence_ = 0;
  // A Unix socket connects at once, or says that its queue is full.
  if (fd_ < 0 || ::connect(fd_, reinterpret_cast<const sockaddr*>(&a), sizeof a) != 0) {
    return lost("can't connect to " + path + ": " + std::strerror(errno));
  }
  return log_in();
}

base::Status ConsoleConnection::log_in() {
  std::uint32_t frame = 0;
  const auto greeting = receive(frame);
  if (!greeting) return greeting.error();
  if (!greeting->empty() && (*greeting)[0] == 0xff) {
    const base::Error e = error_in(*greeting);
    return lost(e.message);
  }
  const auto parsed = parse_greeting(*greeting);
  const Greeting* const g = std::get_if<Greeting>(&parsed);
  if (g == nullptr) return lost("this is no MySQL server: " + std::string{std::get<Malformed>(parsed).why});
  Login login;
  login.capabilities = wanted & g->capabilities;
  login.max_packet = largest_packet;
  login.user = "admin";
  login.plugin = g->plugin;
  Bytes payload;
  write_login(payload, login);
  if (auto sent = send_packet(payload); !sent) return sent;
  return finish_login(login.capabilities);
}

/// An empty password is an empty answer to whatever plugin the other side asks for.
base::Status ConsoleConnection::finish_login(std::uint32_t capabilities) {
  if ((capabilities & cap::deprecate_eof) == 0) return lost("the server is too old for this client");
  for (int round = 0; round < 4; ++round) {
    std::uint32_t frame = 0;
    const auto packet = receive(frame);
    if (!packet) return packet.error();
    const std::uint8_t head = packet->empty() ? 0xff : (*packet)[0];
    if (head == 0x00) return base::Ok{};
    if (head == 0xff) {
      const base::Error e = error_in(*packet);
      lost(e.message);
      return e;
    }
    if (head == 0xfe) {
      if (auto sent = send_packet({}); !sent) return sent;
    } else if (head != 0x01) {
      break;
    }
  }
  return lost("the login was not understood");
}

base::Status ConsoleConnection::wait(short events) {
  for (;;) {
    const auto left = std::chrono::ceil<base::milliseconds>(deadline_ - base::Clock::now()).count();
    if (left <= 0) return lost("no answer in time");
    pollfd p{fd_, events, 0};
    const int r = poll(&p, 1, static_cast<int>(std::min<std::int64_t>(left, 1'000'000)));
    if (r > 0) return base::Ok{};
    if (r < 0 && errno != EINTR) return lost(std::string{"poll: "} + std::strerror(errno));
  }
}

base::Status ConsoleConnection::read_exactly(std::uint8_t* to, std::size_t n) {
  while (n > 0) {
    const ssize_t got = recv(fd_, to, n, 0);
    if (got == 0) return lost("wye closed the connection");
    if (got < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN && errno != EWOULDBLOCK)
        return lost(std::string{"the connection is lost: "} + std::strerror(errno));
      if (auto ready = wait(POLLIN); !ready) return ready;
      continue;
    }
    to += got;
    n -= static_cast<std::size_t>(got);
  }
  return base::Ok{};
}

Result<Bytes> ConsoleConnection::receive(std::uint32_t& first_frame) {
  Bytes payload;
  for (bool first = true;; first = false) {
    std::uint8_t four[header_size];
    if (auto got = read_exactly(four, sizeof four); !got) return got.error();
    const Head head = read_head(four);
    if (head.sequence != sequence_++) return lost("packets out of order");
    if (payload.size() + head.length > largest_packet) return lost("a packet of the answer is too large");
    if (first) first_frame = head.length;
    const std::size_t before = payload.size();
    payload.resize(before + head.length);
    if (auto got = read_exactly(payload.data() + before, head.length); !got) return got.error();
    if (head.length < max_frame) return payload;
  }
}

base::Status ConsoleConnection::send_packet(ByteView payload) {
  Bytes out;
  sequence_ = write_packet(out, sequence_, payload);
  for (std::size_t at = 0; at < out.size();) {
    const ssize_t n = ::send(fd_, out.data() + at, out.size() - at, MSG_NOSIGNAL);
    if (n >= 0) {
      at += static_cast<std::size_t>(n);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      if (auto ready = wait(POLLOUT); !ready) return ready;
    } else if (errno != EINTR) {
      return lost(std::string{"the connection is lost: "} + std::strerror(errno));
    }
  }
  return base::Ok{};
}

/// False: the tracker can't place the packet.
Result<bool> ConsoleConnection::take_packet(ResponseTracker& tracker, std::vector<Answer>& answers,
                                            std::optional<base::Error>& error) {
  std::uint32_t frame = 0;
  const auto packet = receive(frame);
  if (!packet) return packet.error();
  const auto verdict = tracker.head(packet->empty() ? std::uint8_t{0} : (*packet)[0], frame);
  const Verdict* const v = std::get_if<Verdict>(&verdict);
  if (v == nullptr) return false;
  const bool fits =
      !std::holds_alternative<Malformed>(tracker.end_of_packet(v->gather ? ByteView{*packet} : ByteView{}));
  switch (v->part) {
    case Part::column_count:
      answers.emplace_back().is_table = true;
      return fits;
    case Part::definition:
      return fits && read_definition(*packet, answers.back());
    case Part::row:
      return fits && read_row(*packet, answers.back());
    case Part::err:
      error = error_in(*packet);
      return fits;
    case Part::ok: {
      const auto parsed = parse_ok(*packet, false);
      const OkInfo* const ok = std::get_if<OkInfo>(&parsed);
      if (ok == nullptr) return false;
      Answer& a = answers.emplace_back();
      a.affected_rows = ok->affected_rows;
      a.info = ok->info;
      return fits;
    }
    case Part::local_infile:
      return false;  // we never offered it
    default:
      return fits;
  }
}

Result<std::vector<Answer>> ConsoleConnection::run(std::string_view statement, base::milliseconds timeout) {
  if (fd_ < 0) return base::Error{2006, "HY000", "not connected"};
  deadline_ = base::Clock::now() + timeout;
  sequence_ = 0;
  Bytes command{0x03};  // COM_QUERY
  base::append(command, base::bytes_of(statement));
  if (auto sent = send_packet(command); !sent) return sent.error();
  ResponseTracker tracker{Expect::query, {.deprecate_eof = true}};
  std::vector<Answer> answers;
  std::optional<base::Error> error;
  while (!tracker.finished()) {
    const auto taken = take_packet(tracker, answers, error);
    if (!taken) return taken.error();
    if (!*taken) return lost("the answer is malformed");
  }
  if (error) return *error;
  return answers;
}

}  // namespace wye::cli
