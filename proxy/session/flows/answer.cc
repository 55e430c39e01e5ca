#include "proxy/session/flows/answer.h"

#include <algorithm>
#include <iterator>

#include "proxy/protocol/wire.h"

namespace wye::session {

using protocol::Part;

namespace {

// session_track_system_variables' default, MySQL and MariaDB alike.
bool tracked_by_default(std::string_view variable) {
  static constexpr std::string_view names[] = {"autocommit", "character_set_client", "character_set_connection",
                                               "character_set_results", "time_zone"};
  return std::find(std::begin(names), std::end(names), variable) != std::end(names);
}

void put_item(Bytes& to, protocol::TrackerType type, ByteView data) {
  protocol::put_u8(to, static_cast<std::uint8_t>(type));
  protocol::put_lenenc_string(to, base::chars_of(data));
}

}  // namespace

void filter_trackers(ByteView block, Bytes& to) {
  Bytes data;
  protocol::for_each_tracker(block, [&](const protocol::TrackerItem& item) {
    data.clear();
    if (item.type == protocol::TrackerType::system_variable && tracked_by_default(item.name)) {
      protocol::put_lenenc_string(data, item.name);
      protocol::put_lenenc_string(data, item.value);
    } else if (item.type == protocol::TrackerType::schema || item.type == protocol::TrackerType::transaction_state ||
               item.type == protocol::TrackerType::transaction_characteristics) {
      // Of transactions, wye leaves what is tracked to the server's default (MySQL 9.7: their state), as the client
      // would see it.
      protocol::put_lenenc_string(data, item.value);
    } else {
      return;
    }
    put_item(to, item.type, data);
  });
}

void Answer::put(base::Buffer& out, std::uint8_t sequence, ByteView payload) {
  // Gathered packets fit in one frame: ResponseTracker asks to gather nothing longer.
  std::uint8_t head[protocol::header_size];
  protocol::write_head(head,
                       {static_cast<std::uint32_t>(payload.size()), static_cast<std::uint8_t>(sequence + shift_)});
  out.append(head);
  out.append(payload);
}

void Answer::packet(base::Buffer& out, Part part, std::uint8_t sequence, ByteView payload, bool definitions_end,
                    const protocol::OkInfo* ok) {
  if (part == Part::eof && x_.client_deprecate_eof) {
    if (definitions_end) {
      --shift_;  // the client expects no EOF here
      return;
    }
    const auto parsed = protocol::parse_eof(payload);
    const auto* eof = std::get_if<protocol::EofInfo>(&parsed);
    if (eof == nullptr) return put(out, sequence, payload);
    protocol::OkInfo info;
    info.status = eof->status;
    info.warnings = eof->warnings;
    scratch_.clear();
    protocol::write_ok(scratch_, info, {true, x_.client_session_track});
    return put(out, sequence, scratch_);
  }
  if (part == Part::eof && payload.size() == 5) {
    // MariaDB sets the flag of a tracker block in EOF packets too, where there is none.
    scratch_.assign(payload.begin(), payload.end());
    scratch_[4] = static_cast<std::uint8_t>(scratch_[4] & ~(protocol::status::session_state_changed >> 8));
    return put(out, sequence, scratch_);
  }
  if ((part != Part::ok && part != Part::ok_of_result) || ok == nullptr) return put(out, sequence, payload);
  if (part == Part::ok_of_result && !x_.client_deprecate_eof) {
    scratch_.clear();
    protocol::write_eof(
        scratch_, {ok->warnings, static_cast<std::uint16_t>(ok->status & ~protocol::status::session_state_changed)});
    return put(out, sequence, scratch_);
  }
  // The servers' connections always track; without a tracker block the two encodings of OK differ in the info's length
  // prefix only.
  if (ok->session_state.empty() && x_.client_session_track) return put(out, sequence, payload);
  Bytes trackers;
  if (x_.client_session_track) filter_trackers(ok->session_state, trackers);
  protocol::OkInfo changed = *ok;
  changed.session_state = trackers;
  if (trackers.empty())
    changed.status = static_cast<std::uint16_t>(changed.status & ~protocol::status::session_state_changed);
  scratch_.clear();
  protocol::write_ok(scratch_, changed, {part == Part::ok_of_result, x_.client_session_track});
  put(out, sequence, scratch_);
}

void Answer::definitions_end(base::Buffer& out, std::uint8_t next_sequence, std::uint16_t status) {
  scratch_.clear();
  protocol::write_eof(scratch_, {0, static_cast<std::uint16_t>(status & ~protocol::status::session_state_changed)});
  put(out, next_sequence, scratch_);
  ++shift_;
}

}  // namespace wye::session
