#include "proxy/session/flows/answer.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

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

void put_item(Bytes& to, const protocol::TrackerItem& item) {
  Bytes data;
  if (item.type == protocol::TrackerType::system_variable) protocol::put_lenenc_string(data, item.name);
  if (item.type == protocol::TrackerType::state_change) {
    base::append(data, base::bytes_of(item.value));  // one digit, without a length
  } else {
    protocol::put_lenenc_string(data, item.value);
  }
  protocol::put_u8(to, static_cast<std::uint8_t>(item.type));
  protocol::put_lenenc_string(to, base::chars_of(data));
}

}  // namespace

namespace {

/// What the client has set, or absent.
std::optional<std::string_view> own_setting(const OwnTrackers* own, std::string_view name) {
  if (own == nullptr) return std::nullopt;
  const auto it = own->find(name);
  return it == own->end() ? std::nullopt : std::optional<std::string_view>{it->second};
}

bool is_on(std::string_view value) { return value == "1" || value == "ON"; }

/// "time_zone, autocommit", or '*'
bool lists(std::string_view list, std::string_view variable) {
  while (!list.empty()) {
    auto word = list.substr(0, list.find(','));
    list.remove_prefix(std::min(list.size(), word.size() + 1));
    while (word.starts_with(' ')) word.remove_prefix(1);
    while (word.ends_with(' ')) word.remove_suffix(1);
    if (word == variable || word == "*") return true;
  }
  return false;
}

bool wanted(const protocol::TrackerItem& item, const Encoding& x) {
  const OwnTrackers* const own = x.own;
  using protocol::TrackerType;
  switch (item.type) {
    case TrackerType::system_variable: {
      const auto list = own_setting(own, "session_track_system_variables");
      return list ? lists(*list, item.name) : tracked_by_default(item.name);
    }
    case TrackerType::schema:
      return is_on(own_setting(own, "session_track_schema").value_or("1"));
    case TrackerType::state_change:
      return is_on(own_setting(own, "session_track_state_change").value_or("0"));
    // Where wye has not switched the trackers on, the server's default stands, as the client would see it. What it
    // tells when they are off: tells_transaction().
    case TrackerType::transaction_state:
    case TrackerType::transaction_characteristics: {
      const auto info = own_setting(own, "session_track_transaction_info");
      const bool state = item.type == TrackerType::transaction_state;
      const bool usual = item.value == "________" || item.value == "T_______" || item.value == "T_R_____";
      if (!info && !x.tells_next && !(state && x.tells_begin && usual)) return true;
      if (!state) return info == "CHARACTERISTICS";
      return info && *info != "OFF";
    }
    default:
      return false;
  }
}

/// What MySQL tells of transactions unless the client wants more. The servers can't: a session's transactions may be on
/// several.
bool tells_transaction(const Encoding& x) {
  if (!x.tells_begin || x.next == nullptr || !x.next->begun_or_ended()) return false;
  return own_setting(x.own, "session_track_transaction_info").value_or("OFF") == "OFF";
}

}  // namespace

void filter_trackers(ByteView block, Bytes& to, const Encoding& encoding) {
  protocol::for_each_tracker(block, [&](const protocol::TrackerItem& item) {
    if (wanted(item, encoding)) put_item(to, item);
  });
  if (!tells_transaction(encoding)) return;
  protocol::TrackerItem item;
  item.type = protocol::TrackerType::transaction_state;
  item.value = encoding.next->state();
  put_item(to, item);
}

bool carry_trackers(Part part, const Encoding& encoding, protocol::OkInfo& ok, Bytes& pending,
                    std::string_view schema) {
  if (!encoding.client_session_track || encoding.as_is) return false;
  const bool kept = part == Part::ok_of_result && !encoding.client_deprecate_eof;
  if (!kept && (part != Part::ok || pending.empty())) return false;
  Bytes fresh, both;
  filter_trackers(ok.session_state, fresh, encoding);
  if (!kept && encoding.mariadb && fresh.empty()) return false;
  protocol::for_each_tracker(pending, [&](const protocol::TrackerItem& old) {
    bool again = false;
    protocol::for_each_tracker(fresh, [&](const protocol::TrackerItem& item) {
      again = again || (item.type == old.type && item.name == old.name);
    });
    protocol::TrackerItem now = old;
    if (now.type == protocol::TrackerType::schema && !kept) now.value = schema;
    if (!again) put_item(both, now);
  });
  base::append(both, fresh);
  pending = std::move(both);
  if (kept) return false;
  ok.session_state = pending;  // until the next statement's answer
  if (!pending.empty()) ok.status = static_cast<std::uint16_t>(ok.status | protocol::status::session_state_changed);
  return true;
}

Bytes schema_tracker(std::string_view schema) {
  protocol::TrackerItem item;
  item.type = protocol::TrackerType::schema;
  item.value = schema;
  Bytes block;
  put_item(block, item);
  return block;
}

bool keep_schema(const Encoding& encoding, protocol::OkInfo& ok, Bytes& pending) {
  if (!encoding.client_session_track || !encoding.mariadb || encoding.as_is) return false;
  Bytes told;
  filter_trackers(ok.session_state, told, encoding);
  bool only_schema = !told.empty();
  protocol::for_each_tracker(told, [&](const protocol::TrackerItem& item) {
    only_schema = only_schema && item.type == protocol::TrackerType::schema;
  });
  if (!only_schema) return false;
  pending = std::move(told);
  ok.session_state = {};
  ok.status = static_cast<std::uint16_t>(ok.status & ~protocol::status::session_state_changed);
  return true;
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
  const bool another = std::exchange(changed_, false) || joined_ || (tells_transaction(x_) && !x_.as_is);
  const bool as_it_came = (ok->session_state.empty() || x_.as_is) && !another;
  if (as_it_came && x_.client_session_track) return put(out, sequence, payload);
  Bytes trackers;
  if (std::exchange(joined_, false)) {
    trackers.assign(ok->session_state.begin(), ok->session_state.end());
  } else if (x_.client_session_track) {
    filter_trackers(ok->session_state, trackers, x_);
  }
  protocol::OkInfo changed = *ok;
  changed.session_state = trackers;
  constexpr auto flag = protocol::status::session_state_changed;
  changed.status = static_cast<std::uint16_t>(trackers.empty() ? changed.status & ~flag : changed.status | flag);
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
