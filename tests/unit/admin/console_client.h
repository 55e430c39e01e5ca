#pragma once
// A blocking client of the console. Every wait has a deadline of its own: recv and send time out.
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "proxy/base/clock.h"
#include "proxy/base/result.h"
#include "proxy/protocol/handshake.h"
#include "proxy/protocol/ok_packet.h"
#include "proxy/protocol/result_set.h"
#include "proxy/protocol/wire.h"

namespace wye::admin::test {

using base::Bytes;
using base::ByteView;
namespace cap = protocol::cap;

struct Reply {
  std::optional<base::Error> error;
  std::vector<std::string> columns;
  std::vector<std::vector<protocol::Cell>> rows;
  bool closed = false;  // instead of an answer, or in the middle of it
};

class Client {
 public:
  explicit Client(const std::string& path) : fd_{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
    const timeval limit{20, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    std::memcpy(to.sun_path, path.c_str(), path.size() + 1);
    connected = ::connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0;
  }
  ~Client() { ::close(fd_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  bool send_raw(ByteView bytes) {
    while (!bytes.empty()) {
      const auto n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      bytes = bytes.subspan(static_cast<std::size_t>(n));
    }
    return true;
  }
  bool send(std::uint8_t number, ByteView payload) {
    Bytes out;
    protocol::write_packet(out, number, payload);
    return send_raw(out);
  }
  /// Absent: closed. Fails the wait after 20 s as `timed_out`.
  std::optional<Bytes> receive() {
    std::uint8_t head[4];
    if (!read(head, 4)) return std::nullopt;
    const auto h = protocol::read_head(head);
    sequence = h.sequence;
    Bytes payload(h.length);
    if (!read(payload.data(), payload.size())) return std::nullopt;
    return payload;
  }
  /// Without reading what may be there.
  bool hung_up(base::milliseconds within) {
    pollfd p{fd_, 0, 0};
    return ::poll(&p, 1, static_cast<int>(within.count())) == 1 && (p.revents & POLLHUP) != 0;
  }
  bool closed_by_server() { return !receive() && !timed_out; }

  static Bytes login_packet(const std::string& plugin, const Bytes& auth, std::uint32_t capabilities) {
    protocol::Login login;
    login.capabilities = capabilities;
    login.user = "anybody";
    login.plugin = plugin;
    login.auth = auth;
    Bytes payload;
    protocol::write_login(payload, login);
    return payload;
  }
  static constexpr std::uint32_t usual =
      cap::protocol_41 | cap::secure_connection | cap::plugin_auth | cap::deprecate_eof;
  /// Greeting and login; the last packet of it.
  std::optional<Bytes> log_in(const std::string& plugin = "mysql_native_password", const Bytes& auth = {},
                              std::uint32_t capabilities = usual) {
    capabilities_ = capabilities;
    const auto greeting = receive();
    if (!greeting) return std::nullopt;
    greeting_ = *greeting;
    if (!send(1, login_packet(plugin, auth, capabilities))) return std::nullopt;
    return receive();
  }
  bool logged_in() {
    const auto last = log_in();
    return last && !last->empty() && last->front() == 0;
  }
  const Bytes& greeting() const { return greeting_; }

  bool send_query(std::string_view sql) {
    Bytes payload{0x03};
    base::append(payload, base::bytes_of(sql));
    return send(0, payload);
  }
  Reply query(std::string_view sql) {
    send_query(sql);
    return read_reply();
  }
  Reply command(const Bytes& payload) {
    send(0, payload);
    return read_reply();
  }
  Reply read_reply() {
    Reply reply;
    const auto first = receive();
    if (!first || first->empty()) {
      reply.closed = true;
    } else if (first->front() == 0xff) {
      reply.error = error_of(*first);
    } else if (first->front() != 0x00 && first->front() != 0xfe) {
      read_rows(reply, protocol::Reader{*first}.lenenc());
    }
    return reply;
  }
  static base::Error error_of(const Bytes& payload) {
    const auto parsed = protocol::parse_err(payload);
    const auto* err = std::get_if<protocol::ErrInfo>(&parsed);
    if (err == nullptr) return {0, "", "malformed"};
    return {err->code, std::string{err->state}, std::string{err->message}};
  }

  bool connected = false, timed_out = false;
  std::uint8_t sequence = 0;

 private:
  bool read(std::uint8_t* to, std::size_t n) {
    while (n > 0) {
      const auto got = ::recv(fd_, to, n, 0);
      timed_out = got < 0 && errno == EAGAIN;
      if (got <= 0) return false;
      to += got;
      n -= static_cast<std::size_t>(got);
    }
    return true;
  }
  void read_rows(Reply& reply, std::uint64_t columns) {
    const bool eofs = (capabilities_ & cap::deprecate_eof) == 0;
    for (std::uint64_t i = 0; i < columns; ++i) {
      const auto definition = receive();
      if (!definition) return void(reply.closed = true);
      protocol::Reader in{*definition};
      for (int k = 0; k < 4; ++k) in.lenenc_bytes();
      reply.columns.emplace_back(in.lenenc_string());
    }
    if (eofs) receive();
    for (;;) {
      const auto packet = receive();
      if (!packet || packet->empty()) return void(reply.closed = true);
      if (packet->front() == 0xfe && packet->size() < 9) return;
      protocol::Reader in{*packet};
      auto& row = reply.rows.emplace_back();
      while (in.ok() && !in.empty()) {
        protocol::Reader ahead = in;
        if (ahead.u8() == 0xfb) {
          in.skip(1);
          row.emplace_back();
        } else {
          row.emplace_back(std::string{in.lenenc_string()});
        }
      }
    }
  }
  int fd_;
  std::uint32_t capabilities_ = 0;
  Bytes greeting_;
};

}  // namespace wye::admin::test
