#include "proxy/protocol/response_tracker.h"

#include <limits>

#include "proxy/protocol/wire.h"

namespace wye::protocol {

namespace {

constexpr std::uint8_t ok_head = 0x00, err_head = 0xff, eof_head = 0xfe, infile_head = 0xfb;
constexpr std::uint32_t longest_eof = 8;         // a row that begins with 0xfe is at least 9 bytes long
constexpr std::uint32_t eof_length = 5;          // an OK that ends a result has 7 at least
constexpr std::uint32_t prepare_ok_length = 12;  // one more with optional metadata
constexpr std::uint8_t full_metadata = 1;
constexpr std::uint16_t progress_code = 0xffff;
// A table has at most 4096 columns and COM_STMT_PREPARE has 16 bits for their number, but a SELECT may list more
// (tried: 68,001). Clients count them in 32 bits.
constexpr std::uint64_t max_columns = 0xffffffff;

bool reports_progress(ByteView err_payload) {
  Reader in{err_payload};
  in.skip(1);
  return in.u16() == progress_code && in.ok();
}

}  // namespace

ResponseTracker::ResponseTracker(Expect expect, AnswerFormat format) : expect_{expect}, format_{format} {
  if (expect == Expect::nothing) {
    state_ = State::done;
    finished_ = true;
  } else if (expect == Expect::rows) {
    state_ = State::rows;
  } else if (expect == Expect::definitions) {
    state_ = State::definitions;
    remaining_ = std::numeric_limits<std::uint64_t>::max();  // as many as come before the EOF
  }
}

std::variant<Verdict, Malformed> ResponseTracker::head(std::uint8_t first_byte, std::uint32_t length) {
  if (finished_) return Malformed{"packet after the end of the answer"};
  if (length == 0) return Malformed{"empty packet in an answer"};
  // No row, definition or count begins so: an ERR may stand anywhere.
  const auto part = first_byte == err_head ? Part::err : part_of(first_byte, length);
  if (!part) return Malformed{"packet of a kind that has no place here"};
  part_ = *part;
  const bool gather = part_ != Part::definition && part_ != Part::row && part_ != Part::text && part_ != Part::event;
  // What is gathered fits in one frame: nobody has to put frames together, or to keep more than 16 MB.
  if (gather && length >= max_frame) return Malformed{"packet too large for its kind"};
  return Verdict{part_, gather};
}

std::optional<Part> ResponseTracker::part_of(std::uint8_t first_byte, std::uint32_t length) const {
  switch (state_) {
    case State::first:
      return part_of_first(first_byte, length);
    case State::definitions:
      if (first_byte != eof_head) return Part::definition;
      return expect_ == Expect::definitions ? closing(length) : std::nullopt;
    case State::prepare_parameters:
    case State::prepare_columns:
      return first_byte == eof_head ? std::nullopt : std::optional{Part::definition};
    case State::definitions_eof:
    case State::prepare_parameters_eof:
    case State::prepare_columns_eof:
      return first_byte == eof_head ? closing(length) : std::nullopt;
    case State::rows:
      return first_byte == eof_head ? closing(length).value_or(Part::row) : Part::row;
    case State::infile_reply:
      return first_byte == ok_head ? std::optional{Part::ok} : std::nullopt;
    case State::infile:  // only an ERR may come before the client's file is through
    case State::done:
      break;
  }
  return std::nullopt;
}

std::optional<Part> ResponseTracker::part_of_first(std::uint8_t first_byte, std::uint32_t length) const {
  switch (expect_) {
    case Expect::ok_or_err:
      if (first_byte == ok_head) return Part::ok;
      break;
    case Expect::query:
      if (first_byte == ok_head) return Part::ok;
      if (first_byte == infile_head) return Part::local_infile;
      if (first_byte != eof_head) return Part::column_count;
      break;
    case Expect::prepare:
      // MySQL 9 answers the PREPARE of some statements that it refuses with a plain OK (seen: SET GLOBAL without the
      // right).
      if (first_byte == ok_head)
        return length == prepare_ok_length + (format_.optional_metadata ? 1U : 0U) ? Part::prepare_ok : Part::ok;
      break;
    case Expect::text:
      return Part::text;
    case Expect::eof_or_err:
      if (first_byte == ok_head) return Part::ok;
      if (first_byte == eof_head) return closing(length);
      break;
    case Expect::stream:
      if (first_byte == ok_head) return Part::event;
      // A real EOF whatever was negotiated (tried: MySQL 9.7's non-blocking dump).
      if (first_byte == eof_head && length <= longest_eof) return length == eof_length ? Part::eof : closing(length);
      break;
    case Expect::rows:
    case Expect::definitions:
    case Expect::nothing:
      break;
  }
  return std::nullopt;
}

/// What a packet is that begins with 0xfe, where rows may end.
std::optional<Part> ResponseTracker::closing(std::uint32_t length) const {
  if (format_.deprecate_eof) {
    // MySQL ends so what a routine's handler cut off after its definitions, whatever was negotiated.
    if (length == eof_length && state_ == State::rows && expect_ == Expect::query) return Part::eof;
    // A row whose first column is so long that its length begins with 0xfe fills its first frame.
    if (length < max_frame) return Part::ok_of_result;
    return std::nullopt;
  }
  if (length <= longest_eof) return Part::eof;
  return std::nullopt;
}

std::variant<std::monostate, Malformed> ResponseTracker::end_of_packet(ByteView payload) {
  const char* wrong = nullptr;
  switch (part_) {
    case Part::ok:
    case Part::ok_of_result: {
      const auto ok = parse_ok(payload, false);  // the tracker block at its end is not for us
      if (const auto* bad = std::get_if<Malformed>(&ok)) return *bad;
      end_of_result(std::get<OkInfo>(ok).status);
      break;
    }
    case Part::eof: {
      const auto eof = parse_eof(payload);
      if (const auto* bad = std::get_if<Malformed>(&eof)) return *bad;
      end_of_eof(std::get<EofInfo>(eof).status);
      break;
    }
    case Part::err: {
      if (format_.progress && reports_progress(payload)) {
        part_ = Part::progress;
        break;
      }
      const auto err = parse_err(payload);
      if (const auto* bad = std::get_if<Malformed>(&err)) return *bad;
      failed_ = true;
      finish();
      break;
    }
    case Part::column_count:
      wrong = begin_result(payload);
      break;
    case Part::prepare_ok:
      wrong = begin_prepared(payload);
      break;
    case Part::definition:
      if (--remaining_ == 0) end_of_definitions();
      break;
    case Part::row:
      ++rows_;
      break;
    case Part::event:
    case Part::progress:
      break;
    case Part::local_infile:
      state_ = State::infile;
      break;
    case Part::text:
      finish();
      break;
  }
  if (wrong != nullptr) return Malformed{wrong};
  return std::monostate{};
}

void ResponseTracker::local_infile_sent() {
  if (state_ == State::infile) state_ = State::infile_reply;
}

const char* ResponseTracker::begin_result(ByteView payload) {
  Reader in{payload};
  remaining_ = in.lenenc();
  // Behind the count (the documentation has it in front: tried on 9.7).
  const std::uint8_t metadata = format_.optional_metadata ? in.u8() : full_metadata;
  if (!in.ok() || !in.empty() || remaining_ == 0 || remaining_ > max_columns || metadata > full_metadata)
    return "bad column count";
  state_ = State::definitions;
  if (metadata != full_metadata) end_of_definitions();
  return nullptr;
}

const char* ResponseTracker::begin_prepared(ByteView payload) {
  Reader in{payload};
  in.skip(1);
  statement_id_ = in.u32();
  columns16_ = in.u16();
  parameters_ = in.u16();
  in.skip(1);
  prepare_warnings_ = in.u16();
  const std::uint8_t metadata = format_.optional_metadata ? in.u8() : full_metadata;
  if (!in.ok() || metadata > full_metadata) return "bad answer to COM_STMT_PREPARE";
  metadata_ = metadata == full_metadata;
  next_of_prepared(State::prepare_parameters, parameters_);
  return nullptr;
}

/// Goes to the definitions of `state` if there are any, else to what follows them.
void ResponseTracker::next_of_prepared(State state, std::uint16_t count) {
  state_ = state;
  remaining_ = count;
  if (count > 0) return metadata_ ? void() : end_of_definitions();
  if (state == State::prepare_parameters) return next_of_prepared(State::prepare_columns, columns16_);
  finish();
}

void ResponseTracker::end_of_definitions() {
  switch (state_) {
    case State::definitions:
      state_ = format_.deprecate_eof ? State::rows : State::definitions_eof;
      break;
    case State::prepare_parameters:
      if (format_.deprecate_eof) return next_of_prepared(State::prepare_columns, columns16_);
      state_ = State::prepare_parameters_eof;
      break;
    default:
      if (format_.deprecate_eof) return finish();
      state_ = State::prepare_columns_eof;
  }
}

void ResponseTracker::end_of_eof(std::uint16_t flags) {
  switch (state_) {
    case State::definitions_eof:
      if ((flags & status::cursor_exists) != 0) return end_of_result(flags);  // no rows here: they come by FETCH
      status_ = flags;
      state_ = State::rows;
      break;
    case State::prepare_parameters_eof:
    case State::prepare_columns_eof:
      status_ = flags;
      if (state_ == State::prepare_parameters_eof) return next_of_prepared(State::prepare_columns, columns16_);
      finish();
      break;
    default:
      end_of_result(flags);
  }
}

void ResponseTracker::end_of_result(std::uint16_t flags) {
  status_ = flags;
  if ((flags & status::cursor_exists) != 0) cursor_ = true;
  if ((flags & status::last_row_sent) != 0) cursor_ = false;
  if (expect_ == Expect::query && (flags & status::more_results) != 0) {
    state_ = State::first;
    return;
  }
  finish();
}

void ResponseTracker::finish() {
  state_ = State::done;
  finished_ = true;
}

}  // namespace wye::protocol
