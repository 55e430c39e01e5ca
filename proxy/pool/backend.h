#pragma once
#include <deque>
#include <memory>
#include <string>
#include <utility>

#include "proxy/pool/backend_key.h"
#include "proxy/pool/response_sink.h"
#include "proxy/session/flows/session_state.h"

namespace wye::pool {

class Backend;

/// Who holds a backend connection at the moment.
class BackendHolder {
 public:
  virtual ~BackendHolder() = default;
  virtual void on_backend_ready(Backend& backend) = 0;
  /// It died, or could not be opened: the server's own ERR where it sent one. The backend is reaped after this turn.
  virtual void on_backend_lost(Backend& backend, const Error& error, bool server_said_so) = 0;
  /// Another session waits for a connection to this server. True: it gets this one, now or in a moment.
  /// `reluctantly`: nobody else had one to give.
  virtual bool on_backend_wanted(Backend& backend, bool reluctantly) {
    (void)backend, (void)reluctantly;
    return false;
  }
  /// Its outgoing buffer has drained below the low-water mark.
  virtual void on_backend_drained(Backend& backend) = 0;
};

/// One connection to a server: its login, its queue of statements in flight, and the cutting of its answer stream. One
/// worker.
class Backend final : public net::StreamOwner {
 public:
  Backend(net::Loop& loop, const topology::Server& server, BackendKey key, BackendOptions options, std::string schema);
  ~Backend() override;

  /// Starts connecting; the holder hears on_backend_ready or on_backend_lost, never from inside this call... except
  /// through the loop.
  void open(BackendHolder& holder);

  /// Queues one command (whole or its beginning; append more with stream_out()). Settings and reset that are due go
  /// ahead in the same write.
  void submit(ResponseSink& sink, protocol::Expect expect, ByteView framed);
  void stream_out(ByteView framed) { stream_->write(framed); }
  ResponseTracker* front_tracker() { return in_flight_.empty() ? nullptr : &in_flight_.front().tracker; }
  /// The sink goes away: what is still to come for it is read and dropped.
  void orphan(const ResponseSink& sink);

  /// On MySQL a reset sets the server's default charset, not that of the login: false if the two differ, and another
  /// session would see it in its results' metadata. On MariaDB a reset takes IGNORE_SPACE, a flag of the login, out of
  /// sql_mode. Old servers know no reset.
  bool survives_reset() const {
    if (mariadb_) return tracks() && (key_.client_flags & protocol::cap::ignore_space) == 0;
    return tracks() && (key_.collation == 0 || key_.collation == greeting_.collation);
  }
  /// The server reports what statements do to the session, and GTIDs.
  bool tracks() const { return (capabilities_ & protocol::cap::session_track) != 0; }
  /// Marks for COM_RESET_CONNECTION ahead of the next statement.
  void reset_before_next();
  bool reset_is_due() const { return needs_reset_; }
  /// The client itself has sent COM_RESET_CONNECTION: the trackers' settings are gone.
  void settings_lost() { needs_settings_ = true; }
  bool settings_are_due() const { return needs_settings_; }
  void close();

  void set_holder(BackendHolder* holder) { holder_ = holder; }
  BackendHolder* holder() const { return holder_; }
  bool ready() const { return phase_ == Phase::ready; }
  bool dead() const { return phase_ == Phase::dead; }
  bool greeted() const { return phase_ == Phase::securing || phase_ == Phase::authenticating; }
  bool idle() const { return ready() && in_flight_.empty(); }
  std::size_t in_flight() const { return in_flight_.size(); }
  const BackendKey& key() const { return key_; }
  std::uint32_t capabilities() const { return capabilities_; }
  bool deprecate_eof() const { return (capabilities_ & protocol::cap::deprecate_eof) != 0; }
  /// A whole framed command of wye's own, as this connection's capabilities want it.
  Bytes command(std::uint8_t command, std::string_view text = {}) const;
  /// The server's own number for it, which KILL takes.
  std::uint32_t thread_id() const { return greeting_.connection_id; }
  session::ConnectionState& state() { return state_; }
  net::Stream& stream() { return *stream_; }
  base::TimePoint since() const { return since_; }
  base::TimePoint opened() const { return opened_; }
  void touch(base::TimePoint now) { since_ = now; }
  /// Where in the stream of answers it stopped: for telling a client between packets, never inside one.
  /// Heads that are not whole and packets that are gathered have not reached the sink.
  bool inside_packet() const { return (in_frame_ || continuation_) && !verdict_.gather; }
  std::uint8_t last_sequence() const {
    return static_cast<std::uint8_t>(in_frame_ && verdict_.gather ? sequence_ - 1 : sequence_);
  }
  /// The account has more than one way to log in (MariaDB's OR), and the server tried them in turn.
  bool asked_for_several_plugins() const { return switches_ > 1; }
  std::uint16_t login_status() const { return login_status_; }
  const std::string& server_name() const { return server_name_; }

  // net::StreamOwner
  void on_bytes(std::span<std::uint8_t> bytes) override;
  void on_secure() override;
  void on_connected() override;
  void on_drained() override;
  void on_closed(const char* why) override;

 private:
  enum class Phase : std::uint8_t { connecting, greeting, securing, authenticating, ready, dead };
  struct InFlight {
    ResponseSink* sink;
    ResponseTracker tracker;
  };
  // backend_login.cc
  void login_bytes(ByteView bytes);
  void on_login_packet(const protocol::Packet& packet);
  void on_greeting(ByteView payload);
  bool lacks_what_the_client_has() const;
  void send_login();
  void on_auth_packet(const protocol::Packet& packet);
  void on_auth_more(const protocol::Packet& packet);
  void on_auth_switch(const protocol::Packet& packet);
  bool answer_plugin(ByteView data, Bytes& to) const;
  Error no_answer() const;
  bool trusted_by_socket() const;
  bool private_way() const { return stream_->secure() || !address_.path.empty(); }
  void send_login_packet(std::uint8_t sequence, ByteView payload, bool secret);
  // backend.cc
  void prologue();
  protocol::AnswerFormat format() const;
  std::string settings_sql() const;
  void lost(const Error& error, bool server_said_so);
  void malformed(const char* why);
  // Cutting the stream. False, or Began::dead: the connection is dead or gone, nothing of it may be touched.
  struct Chunk;
  enum class Began : std::uint8_t { yes, need_more, dead };
  Began begin_frame(Chunk& chunk);
  bool complete_head(Chunk& chunk);
  bool begin_packet(Chunk& chunk, const std::uint8_t* head, protocol::Head parsed);
  bool pass_head(Chunk& chunk, std::uint8_t* head, bool here);
  void take_payload(Chunk& chunk);
  bool end_frame(Chunk& chunk);
  bool end_packet();
  bool end_answer();
  bool last_definition() const;
  bool pass(ByteView frames);
  bool pass_run(Chunk& chunk);
  bool tell_packet();
  bool tell_definitions_end(std::uint8_t sequence);

  net::Loop& loop_;
  BackendKey key_;
  BackendOptions options_;
  topology::Address address_;
  std::string server_name_;
  bool mariadb_;
  std::string schema_;
  BackendHolder* holder_ = nullptr;
  std::unique_ptr<net::Stream> stream_;
  Phase phase_ = Phase::connecting;
  base::TimePoint since_;
  const base::TimePoint opened_ = base::Clock::now();
  std::uint32_t capabilities_ = 0;
  std::uint16_t login_status_ = protocol::status::autocommit;
  bool needs_settings_ = true, needs_reset_ = false;
  session::ConnectionState state_;
  std::deque<InFlight> in_flight_;
  // login
  base::Buffer login_in_;
  protocol::Greeting greeting_;
  protocol::Nonce nonce_{};
  std::string plugin_;
  unsigned switches_ = 0;  // AuthSwitch requests
  // cutting
  std::uint8_t partial_[5] = {};
  std::size_t partial_size_ = 0;
  std::uint32_t frame_left_ = 0;  // payload bytes of the current frame still to come
  bool in_frame_ = false, continuation_ = false, frame_full_ = false;
  bool owes_definitions_end_ = false;
  protocol::Verdict verdict_;
  std::uint8_t sequence_ = 0;
  Bytes gathered_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace wye::pool
