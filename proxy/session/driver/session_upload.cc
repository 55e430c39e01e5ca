#include "proxy/session/driver/session.h"

// What a client sends while its command runs: the rest of a long command, the file of LOCAL INFILE, the
// acknowledgements of a replica that reads the binary log.
namespace wye::session {

/// The rest of a long command: to its server, or nowhere when the command was refused or already answered.
void Session::pump_upload() {
  const bool relaying = std::holds_alternative<Relaying>(state_);
  if (!relaying && !std::holds_alternative<Idle>(state_)) {
    if (in_.size() > net::Stream::low_water) client_->pause_reading();
    return;
  }
  pool::Backend* backend = relaying ? held(server_) : nullptr;
  if (relaying && (backend == nullptr || backend->stream().congested())) return client_->pause_reading();
  const auto step = upload_.pump(in_, backend == nullptr ? nullptr : &backend->stream().out(),
                                 context_.config.sessions.max_packet, !client_->compressed());
  if (backend != nullptr) {
    backend->stream().schedule();
    if (backend->stream().congested()) client_->pause_reading();
  }
  switch (step) {
    case Upload::Step::need_more:
      return;
    case Upload::Step::complete:
      if (relaying && expect_ == protocol::Expect::nothing) return finish(false);
      if (!relaying) next_command();
      return;
    case Upload::Step::out_of_sequence:
      answer_sequence_ = upload_.frames();
      return protocol_error(metrics::ProtocolError::out_of_sequence, {1156, "08S01", "Got packets out of order"});
    case Upload::Step::too_large:
      answer_sequence_ = upload_.frames();
      return protocol_error(metrics::ProtocolError::oversized,
                            {1153, "08S01", "Got a packet bigger than 'sessions.max_packet' bytes"});
  }
}

/// The server has asked for the client's file; `sequence` is that packet's, as the client saw it.
void Session::begin_infile(std::uint8_t sequence) {
  infile_.begin(static_cast<std::uint8_t>(sequence + 1), answer_.shift());
  if (!in_.empty()) pump_infile();
}

void Session::pump_infile() {
  pool::Backend* backend = std::holds_alternative<Relaying>(state_) ? held(server_) : nullptr;
  if (backend != nullptr && backend->stream().congested()) return client_->pause_reading();
  const auto step = infile_.pump(in_, backend == nullptr ? nullptr : &backend->stream().out(),
                                 context_.config.sessions.max_packet, !client_->compressed());
  if (backend != nullptr) {
    backend->stream().schedule();
    if (backend->stream().congested()) client_->pause_reading();
  }
  switch (step) {
    case Upload::Step::need_more:
      return;
    case Upload::Step::complete:
      if (backend == nullptr) return end_lost_infile();
      if (auto* tracker = backend->front_tracker()) tracker->local_infile_sent();
      return;
    case Upload::Step::out_of_sequence:
      answer_sequence_ = infile_.next_sequence();
      return protocol_error(metrics::ProtocolError::out_of_sequence, {1156, "08S01", "Got packets out of order"});
    case Upload::Step::too_large:
      answer_sequence_ = infile_.next_sequence();
      return protocol_error(metrics::ProtocolError::oversized,
                            {1153, "08S01", "Got a packet bigger than 'sessions.max_packet' bytes"});
  }
}

/// The server was lost while the client sent its file: clients listen only behind its end.
void Session::end_lost_infile() {
  const auto lost = std::exchange(lost_infile_, {});
  answer_sequence_ = infile_.next_sequence();
  fail(lost.error);
  if (lost.close) return close_when_sent();
  next_command();
}

/// A replica that reads the binary log through wye acknowledges transactions (semi-synchronous replication).
void Session::pass_to_stream() {
  auto* backend = held(server_);
  if (backend == nullptr) return;
  backend->stream_out(in_.data());
  in_.clear();
  if (backend->stream().congested()) client_->pause_reading();
}

}  // namespace wye::session
