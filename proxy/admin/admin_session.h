#pragma once
#include <memory>
#include <string>

#include "proxy/admin/statements.h"
#include "proxy/net/stream.h"
#include "proxy/protocol/handshake.h"
#include "proxy/protocol/ok_packet.h"

namespace wye::admin {

/// One client of the console: login, then one command after the other; the next is read when the client has taken the
/// answer to the last.
///
///   greeted -> switched   the client answers for another plugin than was offered
///   greeted, switched -> ready
///   any -> closed
class Session final : public net::StreamOwner, public std::enable_shared_from_this<Session> {
 public:
  /// `gone` is called once, when it has closed; the session is still on the stack then.
  Session(net::Loop& loop, const Context& context, const Limits& limits, int fd, Caller caller,
          std::function<void()> gone);

  void start();
  void tick();  // deadlines
  void close(const char* why);

  void on_bytes(std::span<std::uint8_t> bytes) override;
  void on_drained() override;
  void on_closed(const char* why) override;

 private:
  enum class State : std::uint8_t { greeted, switched, ready, closed };

  void work();
  bool has_left() const;
  bool take_packet();
  void refuse(const base::Error& error);
  // login
  void on_login(base::ByteView payload);
  void on_switched(base::ByteView payload);
  void logged_in();
  // commands
  void on_command(base::ByteView payload);
  void query(base::ByteView text);
  std::string statistics() const;
  void answer(const Answer& answer);
  // answers
  void send(base::ByteView payload);
  void send_ok();
  void send_error(const base::Error& error);
  void send_table(const protocol::Table& table);

  const Context& context_;
  const Limits& limits_;
  Caller caller_;
  std::function<void()> gone_;
  const int fd_;  // the stream owns it
  net::Stream stream_;
  base::Buffer in_;
  State state_ = State::greeted;
  std::uint32_t capabilities_ = 0;
  std::uint8_t sequence_ = 0;  // of the next packet, either way
  bool switched_to_sha2_ = false;
  bool working_ = false;      // work() is on the stack
  std::uint64_t query_ = 0;   // counts queries, so that a late answer is told from the one that is waited for
  bool waiting_ = false;      // for the answer of `query_`
  base::TimePoint deadline_;  // of the login, or of the answer
  std::uint64_t taken_ = 0;   // what the client had taken ...
  base::TimePoint taken_at_;  // ... when it last took something
};

}  // namespace wye::admin
