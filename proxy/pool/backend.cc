#include "proxy/pool/backend.h"

#include <algorithm>

namespace wye::pool {

namespace {

/// Swallows the answers of wye's own statements whose failure would make the connection unusable.
class Settings final : public ResponseSink {
 public:
  explicit Settings(Backend& backend) : backend_(backend) {}
  void on_raw(ByteView) override {}
  void on_packet(Part, std::uint8_t, ByteView, const ResponseTracker&) override {}
  void on_end(const ResponseTracker& tracker) override {
    if (tracker.failed()) backend_.on_closed("the server refused wye's session settings");
    delete this;
  }
  void on_lost(const Error&) override { delete this; }

 private:
  Backend& backend_;
};

class Dropped final : public ResponseSink {
 public:
  void on_raw(ByteView) override {}
  void on_packet(Part, std::uint8_t, ByteView, const ResponseTracker&) override {}
  void on_end(const ResponseTracker&) override {}
  void on_lost(const Error&) override {}
};
Dropped dropped;  // stateless

Bytes framed_command(std::uint8_t command, std::string_view text = {}) {
  Bytes payload{command};
  base::append(payload, base::bytes_of(text));
  Bytes framed;
  protocol::write_packet(framed, 0, payload);
  return framed;
}

}  // namespace

Backend::Backend(net::Loop& loop, const topology::Server& server, BackendKey key, BackendOptions options, std::string schema)
    : loop_(loop),
      key_(std::move(key)),
      options_(options),
      address_(server.address),
      server_name_(server.name),
      mariadb_(server.version.flavour == topology::Flavour::mariadb),
      schema_(std::move(schema)),
      since_(loop.now()) {}

Backend::~Backend() { *alive_ = false; }

void Backend::open(BackendHolder& holder) {
  holder_ = &holder;
  std::string error;
  stream_ = net::Stream::connect(loop_, address_.host, address_.port, address_.path, *this, error);
  if (stream_ != nullptr) return;
  phase_ = Phase::connecting;
  loop_.defer([this, alive = alive_, error] {
    if (*alive) lost(Error{2003, "HY000", "Can't connect to server " + server_name_ + " (" + error + ")"}, false);
  });
}

void Backend::on_connected() { phase_ = Phase::greeting; }

void Backend::on_drained() {
  if (holder_ != nullptr) holder_->on_backend_drained(*this);
}

void Backend::on_closed(const char* why) {
  const bool login = phase_ != Phase::ready;
  lost(Error{static_cast<std::uint16_t>(login ? 2003 : 2013), "HY000",
             (login ? "Can't connect to server " : "Lost connection to server ") + server_name_ + " (" + why + ")"},
       false);
}

void Backend::malformed(const char* why) {
  lost(Error{2027, "HY000", "Malformed packet from server " + server_name_ + " (" + why + ")"}, false);
}

void Backend::lost(const Error& error, bool server_said_so) {
  if (phase_ == Phase::dead) return;
  phase_ = Phase::dead;
  if (stream_ != nullptr) stream_->close();
  auto queue = std::move(in_flight_);
  in_flight_.clear();
  const auto alive = alive_;
  for (auto& statement : queue) statement.sink->on_lost(error);
  if (*alive && holder_ != nullptr) holder_->on_backend_lost(*this, error, server_said_so);
}

void Backend::close() {
  if (phase_ == Phase::dead) return;
  holder_ = nullptr;
  if (phase_ == Phase::ready && in_flight_.empty() && stream_ != nullptr) stream_->write(framed_command(0x01));  // QUIT: no "aborted connection" in the server's log
  lost(Error{2013, "HY000", "closed"}, false);
}

std::string Backend::settings_sql(bool after_reset) const {
  // '*' and not a list of names: a name missing from the list would be a variable that is silently not carried over.
  std::string sql = "SET SESSION session_track_system_variables='*',SESSION session_track_schema=1,SESSION session_track_state_change=1";
  if (!mariadb_) sql += ",SESSION session_track_gtids='OWN_GTID'";
  // MariaDB lets a privileged account write on a read_only server.
  // autocommit=1 whatever the server's default: a read here must not open a transaction that nobody ends.
  if (key_.to_replica) sql += mariadb_ ? ",SESSION tx_read_only=1,SESSION autocommit=1" : ",SESSION transaction_read_only=1,SESSION autocommit=1";
  // A reset sets the server's default charset, not the one of the login: what the next session's login asked for, as a server would
  // understand it (an unknown number is the default).
  if (after_reset) {
    const std::string of = " FROM information_schema.collations WHERE id=" + std::to_string(key_.collation) + "),@@global.";
    for (const char* charset : {"character_set_client", "character_set_results"})
      sql += std::string(",SESSION ") + charset + "=COALESCE((SELECT character_set_name" + of + charset + ")";
    sql += ",SESSION collation_connection=COALESCE((SELECT collation_name" + of + "collation_connection)";
  }
  return sql;
}

void Backend::prologue() {
  const bool after_reset = needs_reset_;
  if (needs_reset_) {
    in_flight_.push_back({new Settings(*this), ResponseTracker(protocol::Expect::ok_or_err, deprecate_eof())});
    stream_->write(framed_command(0x1f));
    needs_reset_ = false;
    needs_settings_ = true;
  }
  if (needs_settings_) {
    in_flight_.push_back({new Settings(*this), ResponseTracker(protocol::Expect::query, deprecate_eof())});
    stream_->write(framed_command(0x03, settings_sql(after_reset)));
    needs_settings_ = false;
  }
}

void Backend::submit(ResponseSink& sink, protocol::Expect expect, ByteView framed) {
  prologue();
  if (expect != protocol::Expect::nothing) in_flight_.push_back({&sink, ResponseTracker(expect, deprecate_eof())});
  stream_->write(framed);
}

void Backend::orphan(const ResponseSink& sink) {
  for (auto& statement : in_flight_) {
    if (statement.sink == &sink) statement.sink = &dropped;
  }
}

void Backend::reset_before_next() {
  needs_reset_ = true;
  state_.forget_session();  // now, not when the reset is sent: the next session compares itself with this before
}

/// Cuts one chunk of the stream. Frames that pass raw are gathered into runs, so that a chunk of rows is one call of the sink.
struct Backend::Cutter {
  std::span<std::uint8_t> in;
  std::size_t at = 0, run = 0;
  void flush(ResponseSink* sink) {
    if (sink != nullptr && at > run) sink->on_raw(in.subspan(run, at - run));
    run = at;
  }
};

/// At a packet's first frame. False: the connection is dead.
bool Backend::begin_packet(std::uint8_t first_byte, std::uint32_t length) {
  if (in_flight_.empty()) {
    // Unasked-for bytes: usually the server's "shutdown in progress" or "disconnected because of inactivity".
    malformed("nothing was asked");
    return false;
  }
  const auto answer = in_flight_.front().tracker.head(first_byte, length);
  if (const auto* bad = std::get_if<protocol::Malformed>(&answer)) {
    malformed(bad->why);
    return false;
  }
  verdict_ = std::get<protocol::Verdict>(answer);
  gathered_.clear();
  return true;
}

/// The last frame of a packet is complete. False: the connection is dead or was given away.
bool Backend::end_packet() {
  auto& statement = in_flight_.front();
  const bool block_ends = verdict_.part == Part::definition && statement.tracker.definitions_left() == 1;
  const auto r = statement.tracker.end_of_packet(gathered_);
  if (const auto* bad = std::get_if<protocol::Malformed>(&r)) {
    malformed(bad->why);
    return false;
  }
  const auto alive = alive_;
  if (verdict_.gather) {
    statement.sink->on_packet(verdict_.part, sequence_, gathered_, statement.tracker);
    if (!*alive || dead()) return false;
  }
  if (block_ends && statement.sink->wants_definitions_end()) {
    statement.sink->on_definitions_end(static_cast<std::uint8_t>(sequence_ + 1));
    if (!*alive || dead()) return false;
  }
  if (!in_flight_.empty() && in_flight_.front().tracker.finished()) {
    const InFlight done = in_flight_.front();
    in_flight_.pop_front();
    done.sink->on_end(done.tracker);
  }
  return *alive && !dead();
}

void Backend::on_bytes(std::span<std::uint8_t> bytes) {
  if (phase_ != Phase::ready) return login_bytes(bytes);
  Cutter cut{bytes};
  while (cut.at < bytes.size()) {
    if (!in_frame_) {
      // A frame's head, and the first byte behind it where it has one; either may be cut by the end of the chunk.
      const std::size_t left = bytes.size() - cut.at;
      std::uint8_t* head = bytes.data() + cut.at;
      bool borrowed = false;
      const std::size_t need = [&] {
        const std::uint8_t* p = partial_size_ > 0 ? partial_ : head;
        const std::size_t have = partial_size_ > 0 ? partial_size_ : left;
        return have >= 4 && protocol::read_head(p).length == 0 ? std::size_t{4} : std::size_t{5};
      }();
      if (partial_size_ > 0 || left < need) {
        cut.flush(in_flight_.empty() ? nullptr : in_flight_.front().sink);
        const std::size_t goal = partial_size_ < 4 ? std::min<std::size_t>(4, need) : need;
        const std::size_t take = std::min(goal - partial_size_, left);
        std::copy_n(head, take, partial_ + partial_size_);
        partial_size_ += take;
        cut.at += take;
        cut.run = cut.at;
        const bool complete = partial_size_ >= 4 && partial_size_ >= (protocol::read_head(partial_).length == 0 ? 4U : 5U);
        if (!complete) continue;
        head = partial_;
        borrowed = true;
      }
      const auto parsed = protocol::read_head(head);
      sequence_ = parsed.sequence;
      if (!continuation_ && !begin_packet(parsed.length == 0 ? 0 : head[4], parsed.length)) return;
      frame_left_ = parsed.length;
      frame_full_ = parsed.length == protocol::max_frame;
      in_frame_ = true;
      auto* sink = in_flight_.front().sink;
      if (verdict_.gather) {
        if (!borrowed) cut.flush(sink);
        if (borrowed && parsed.length > 0) {
          gathered_.push_back(partial_[4]);
          --frame_left_;
        }
        if (!borrowed) cut.at += protocol::header_size;
        cut.run = cut.at;
      } else {
        head[3] = static_cast<std::uint8_t>(head[3] + sink->sequence_shift());
        if (borrowed) {
          sink->on_raw({partial_, partial_size_});
          if (parsed.length > 0) --frame_left_;
        } else {
          cut.at += protocol::header_size;
        }
      }
      if (borrowed) partial_size_ = 0;
    }
    const std::size_t take = std::min<std::size_t>(frame_left_, bytes.size() - cut.at);
    if (verdict_.gather) {
      base::append(gathered_, bytes.subspan(cut.at, take));
      cut.at += take;
      cut.run = cut.at;
    } else {
      cut.at += take;
    }
    frame_left_ -= static_cast<std::uint32_t>(take);
    if (frame_left_ > 0) break;
    in_frame_ = false;
    continuation_ = frame_full_;
    if (continuation_) continue;
    const auto* front = in_flight_.front().sink;
    // Whatever hears of the packet's end must have its bytes first.
    if (verdict_.gather || verdict_.part != Part::row) cut.flush(in_flight_.front().sink);
    if (!end_packet()) return;
    if (in_flight_.empty() || in_flight_.front().sink != front) cut.run = cut.at;
  }
  if (!in_flight_.empty() && !verdict_.gather) cut.flush(in_flight_.front().sink);
}

}  // namespace wye::pool
