#include "proxy/pool/backend.h"

#include <algorithm>
#include <utility>

#include "proxy/protocol/query_attributes.h"

namespace wye::pool {

namespace {

/// Swallows the answers of wye's own statements whose failure would make the connection unusable.
class Settings final : public ResponseSink {
 public:
  explicit Settings(Backend& backend) : backend_(backend) {}
  void on_raw(ByteView) override {}
  void on_packet(Part part, std::uint8_t, ByteView payload, const ResponseTracker&) override {
    if (part != Part::err) return;
    const auto parsed = protocol::parse_err(payload);
    const auto* err = std::get_if<protocol::ErrInfo>(&parsed);
    expired_ = err != nullptr && err->code == 1820;
  }
  void on_end(const ResponseTracker& tracker) override {
    // An expired password lets nothing run but its change: the settings go ahead of what comes after that.
    if (expired_) {
      backend_.settings_lost();
    } else if (tracker.failed()) {
      backend_.on_closed("the server refused wye's session settings");
    }
    delete this;
  }
  void on_lost(const Error&) override { delete this; }

 private:
  Backend& backend_;
  bool expired_ = false;
};

class Dropped final : public ResponseSink {
 public:
  void on_raw(ByteView) override {}
  void on_packet(Part, std::uint8_t, ByteView, const ResponseTracker&) override {}
  void on_end(const ResponseTracker&) override {}
  void on_lost(const Error&) override {}
};
Dropped dropped;  // stateless

}  // namespace

Backend::Backend(net::Loop& loop, const topology::Server& server, BackendKey key, BackendOptions options,
                 std::string schema)
    : loop_(loop),
      key_(std::move(key)),
      options_(std::move(options)),
      address_(server.address),
      server_name_(server.name),
      mariadb_(server.version.flavour == topology::Flavour::mariadb),
      schema_(std::move(schema)),
      since_(loop.now()) {
  state_.defaults = server.defaults;
}

Backend::~Backend() { *alive_ = false; }

Bytes Backend::command(std::uint8_t command, std::string_view text) const {
  constexpr std::uint8_t com_query = 0x03;
  Bytes payload{command}, framed;
  if (command == com_query && (capabilities_ & protocol::cap::query_attributes) != 0)
    base::append(payload, protocol::no_query_attributes);
  base::append(payload, base::bytes_of(text));
  protocol::write_packet(framed, 0, payload);
  return framed;
}

protocol::AnswerFormat Backend::format() const {
  return {deprecate_eof(), (capabilities_ & protocol::cap::optional_resultset_metadata) != 0,
          (key_.mariadb_flags & protocol::mariadb_cap::progress) != 0};
}

void Backend::open(BackendHolder& holder) {
  holder_ = &holder;
  std::string error;
  stream_ = net::Stream::connect(loop_, address_.host, address_.port, address_.path, *this, error);
  if (stream_ != nullptr) {
    if (key_.passed != nullptr && !key_.passed->proxy_header.empty()) stream_->write(key_.passed->proxy_header);
    return;
  }
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
  if (phase_ == Phase::ready && in_flight_.empty() && stream_ != nullptr)
    stream_->write(command(0x01));  // QUIT: no "aborted connection" in the server's log
  lost(Error{2013, "HY000", "closed"}, false);
}

std::string Backend::settings_sql() const {
  // '*' and not a list of names: a name missing from the list would be a variable that is silently not carried over.
  std::string sql;
  if (tracks())
    sql =
        "SET SESSION session_track_system_variables='*',SESSION session_track_schema=1,SESSION "
        "session_track_state_change=1";
  if (tracks() && !mariadb_) sql += ",SESSION session_track_gtids='OWN_GTID'";
  // MariaDB lets a privileged account write on a read_only server.
  // autocommit=1 whatever the server's default: a read here must not open a transaction that nobody ends.
  constexpr std::uint32_t renamed = 50'720;  // MySQL: from then on transaction_read_only
  if (key_.to_replica) {
    sql += sql.empty() ? "SET SESSION " : ",SESSION ";
    const auto version = topology::parse_version(greeting_.server_version).number;
    sql += mariadb_ || version < renamed ? "tx_read_only=1" : "transaction_read_only=1";
    sql += ",SESSION autocommit=1";
  }
  return sql;
}

void Backend::prologue() {
  if (needs_reset_) {
    in_flight_.push_back({new Settings(*this), ResponseTracker(protocol::Expect::ok_or_err, format())});
    stream_->write(command(0x1f));
    needs_reset_ = false;
    needs_settings_ = true;
  }
  if (!needs_settings_) return;
  needs_settings_ = false;
  if (const std::string sql = settings_sql(); !sql.empty()) {
    in_flight_.push_back({new Settings(*this), ResponseTracker(protocol::Expect::query, format())});
    stream_->write(command(0x03, sql));
  }
}

void Backend::submit(ResponseSink& sink, protocol::Expect expect, ByteView framed) {
  prologue();
  if (expect != protocol::Expect::nothing) in_flight_.push_back({&sink, ResponseTracker(expect, format())});
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

namespace {

/// A frame's head with the first byte behind it, where it has one: as much as must be there to say what the packet is.
std::size_t head_needs(const std::uint8_t* bytes, std::size_t there) {
  return there >= protocol::header_size && protocol::read_head(bytes).length == 0 ? protocol::header_size
                                                                                  : protocol::header_size + 1;
}

}  // namespace

/// One chunk of the stream. Frames that pass raw are gathered into runs, so that a chunk of rows is one call of the
/// sink.
struct Backend::Chunk {
  std::span<std::uint8_t> bytes;
  std::size_t at = 0, run = 0;  // the run is what stands between them
  std::size_t left() const { return bytes.size() - at; }
  std::uint8_t* here() const { return bytes.data() + at; }
  void skip(std::size_t n) { run = at += n; }
};

void Backend::on_bytes(std::span<std::uint8_t> bytes) {
  if (phase_ != Phase::ready) return login_bytes(bytes);
  Chunk chunk{bytes};
  while (chunk.left() > 0) {
    if (!in_frame_) {
      const auto began = begin_frame(chunk);
      if (began == Began::dead) return;
      if (began == Began::need_more) break;
    }
    take_payload(chunk);
    if (frame_left_ > 0) break;
    if (!end_frame(chunk)) return;
  }
  pass_run(chunk);
}

/// Gives the front sink bytes as they are. False: the connection is dead, here and below.
bool Backend::pass(ByteView frames) {
  if (frames.empty()) return true;
  const auto alive = alive_;
  in_flight_.front().sink->on_raw(frames);
  return *alive && !dead();
}

bool Backend::pass_run(Chunk& chunk) {
  const auto run = chunk.bytes.subspan(chunk.run, chunk.at - chunk.run);
  chunk.run = chunk.at;
  return pass(run);
}

Backend::Began Backend::begin_frame(Chunk& chunk) {
  const bool here = partial_size_ == 0 && chunk.left() >= head_needs(chunk.here(), chunk.left());
  if (!here) {
    if (!pass_run(chunk)) return Began::dead;
    if (!complete_head(chunk)) return Began::need_more;
  }
  std::uint8_t* head = here ? chunk.here() : partial_;
  const auto parsed = protocol::read_head(head);
  if (!continuation_ && !begin_packet(chunk, head, parsed)) return Began::dead;
  sequence_ = parsed.sequence;
  frame_left_ = parsed.length;
  frame_full_ = parsed.length == protocol::max_frame;
  in_frame_ = true;
  return pass_head(chunk, head, here) ? Began::yes : Began::dead;
}

/// Where the end of a chunk has cut a head, it is put together in partial_.
bool Backend::complete_head(Chunk& chunk) {
  while (partial_size_ < head_needs(partial_, partial_size_)) {
    if (chunk.left() == 0) return false;
    partial_[partial_size_++] = *chunk.here();
    chunk.skip(1);
  }
  return true;
}

/// The head, and the byte behind it if that was taken along, go where the payload goes.
bool Backend::pass_head(Chunk& chunk, std::uint8_t* head, bool here) {
  const std::size_t size = std::exchange(partial_size_, 0);
  if (!here && size > protocol::header_size) --frame_left_;
  if (verdict_.gather) {
    if (!here) gathered_.insert(gathered_.end(), partial_ + protocol::header_size, partial_ + size);
    if (!pass_run(chunk)) return false;
    if (here) chunk.skip(protocol::header_size);
    return true;
  }
  head[3] = static_cast<std::uint8_t>(head[3] + in_flight_.front().sink->sequence_shift());
  if (!here) return pass({partial_, size});
  chunk.at += protocol::header_size;
  return true;
}

/// At a packet's first frame.
bool Backend::begin_packet(Chunk& chunk, const std::uint8_t* head, protocol::Head parsed) {
  if (in_flight_.empty()) {
    // Unasked-for bytes: usually the server's "shutdown in progress" or "disconnected because of inactivity".
    malformed("nothing was asked");
    return false;
  }
  const auto answer =
      in_flight_.front().tracker.head(parsed.length == 0 ? 0 : head[protocol::header_size], parsed.length);
  if (const auto* bad = std::get_if<protocol::Malformed>(&answer)) {
    if (pass_run(chunk)) malformed(bad->why);
    return false;
  }
  verdict_ = std::get<protocol::Verdict>(answer);
  gathered_.clear();
  return !owes_definitions_end_ || verdict_.part != Part::row || tell_definitions_end(parsed.sequence);
}

void Backend::take_payload(Chunk& chunk) {
  const std::size_t take = std::min<std::size_t>(frame_left_, chunk.left());
  frame_left_ -= static_cast<std::uint32_t>(take);
  if (verdict_.gather) {
    base::append(gathered_, chunk.bytes.subspan(chunk.at, take));
    chunk.skip(take);
  } else {
    chunk.at += take;
  }
}

bool Backend::end_frame(Chunk& chunk) {
  continuation_ = frame_full_;
  const bool more_alike = verdict_.part == Part::row || (verdict_.part == Part::definition && !last_definition());
  if (continuation_ || more_alike) {
    in_frame_ = false;
    return continuation_ || end_packet();
  }
  // Whatever hears of the packet's end must have its bytes first.
  return pass_run(chunk) && end_packet();
}

bool Backend::last_definition() const {
  return verdict_.part == Part::definition && in_flight_.front().tracker.definitions_left() == 1;
}

/// The last frame of a packet is complete. Rows come by here one by one: nothing is copied or counted for them.
bool Backend::end_packet() {
  auto& statement = in_flight_.front();
  bool block_ends = last_definition();
  const auto r = statement.tracker.end_of_packet(gathered_);
  if (const auto* bad = std::get_if<protocol::Malformed>(&r)) {
    malformed(bad->why);
    return false;
  }
  in_frame_ = false;
  // A result whose definitions were left out (optional metadata): the same block, with nothing in it.
  block_ends = block_ends || (verdict_.part == Part::column_count && statement.tracker.between_packets_of_rows());
  if (block_ends && deprecate_eof()) {
    // A result's block is ended by what comes next: rows, or the packet that opens a cursor, which is an EOF itself.
    owes_definitions_end_ = statement.tracker.between_packets_of_rows();
    if (!owes_definitions_end_ && !tell_definitions_end(static_cast<std::uint8_t>(sequence_ + 1))) return false;
  }
  if (verdict_.gather && !tell_packet()) return false;
  return in_flight_.empty() || !in_flight_.front().tracker.finished() || end_answer();
}

bool Backend::tell_packet() {
  auto& statement = in_flight_.front();
  // An error may stand in the place of the first row.
  const bool failed = verdict_.part == Part::err && !statement.sink->opens_cursor();
  const bool rows_end = failed || (verdict_.part == Part::ok_of_result && !statement.tracker.cursor_open());
  if (std::exchange(owes_definitions_end_, false) && rows_end && !tell_definitions_end(sequence_)) return false;
  if (verdict_.part == Part::local_infile && !statement.sink->takes_local_infile()) {
    malformed("asks for a file");
    return false;
  }
  const auto alive = alive_;
  statement.sink->on_packet(statement.tracker.part(), sequence_, gathered_, statement.tracker);
  return *alive && !dead();
}

bool Backend::tell_definitions_end(std::uint8_t sequence) {
  owes_definitions_end_ = false;
  auto* sink = in_flight_.front().sink;
  if (!sink->wants_definitions_end()) return true;
  const auto alive = alive_;
  sink->on_definitions_end(sequence);
  return *alive && !dead();
}

bool Backend::end_answer() {
  const InFlight done = in_flight_.front();
  in_flight_.pop_front();
  const auto alive = alive_;
  done.sink->on_end(done.tracker);
  return *alive && !dead();
}

}  // namespace wye::pool
