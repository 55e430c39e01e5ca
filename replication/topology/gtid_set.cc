#include "replication/topology/gtid_set.h"

#include <algorithm>
#include <limits>

namespace wye::topology {
namespace {

using Interval = GtidSet::Interval;
using Intervals = std::vector<Interval>;

constexpr std::uint64_t max_number = (std::uint64_t{1} << 63) - 2;  // MySQL's GNO_END - 1
constexpr std::size_t max_tag = 32;

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }
bool starts_tag(char c) { return (lower(c) >= 'a' && lower(c) <= 'z') || c == '_'; }

int hex_digit(char c) {
  if (is_digit(c)) return c - '0';
  c = lower(c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/// Walks over the text; white space may stand between any two tokens, as in the server's parser.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_{text} { skip_space(); }
  bool done() const { return at_ == text_.size(); }
  char peek() const { return done() ? '\0' : text_[at_]; }
  std::size_t position() const { return at_; }

  bool take(char c) {
    if (done() || text_[at_] != c) return false;
    ++at_;
    skip_space();
    return true;
  }

  bool number(std::uint64_t& out, std::uint64_t most) {
    if (!is_digit(peek())) return false;
    out = 0;
    for (; is_digit(peek()); ++at_) {
      const auto digit = static_cast<std::uint64_t>(text_[at_] - '0');
      if (out > (most - digit) / 10) return false;
      out = out * 10 + digit;
    }
    skip_space();
    return true;
  }

  // With or without the dashes; the server takes both and prints the former.
  bool uuid(std::array<std::uint8_t, 16>& out) {
    const bool dashes = at_ + 8 < text_.size() && text_[at_ + 8] == '-';
    for (std::size_t byte = 0; byte < 16; ++byte) {
      if (dashes && (byte == 4 || byte == 6 || byte == 8 || byte == 10)) {
        if (peek() != '-') return false;
        ++at_;
      }
      if (text_.size() - at_ < 2) return false;
      const int high = hex_digit(text_[at_]), low = hex_digit(text_[at_ + 1]);
      if (high < 0 || low < 0) return false;
      out[byte] = static_cast<std::uint8_t>(high * 16 + low);
      at_ += 2;
    }
    skip_space();
    return true;
  }

  bool tag(std::string& out) {
    out.clear();
    while (!done() && (starts_tag(peek()) || is_digit(peek()))) {
      if (out.size() == max_tag) return false;
      out += lower(text_[at_++]);
    }
    skip_space();
    return !out.empty();
  }

 private:
  void skip_space() {
    while (!done() && is_space(text_[at_])) ++at_;
  }
  std::string_view text_;
  std::size_t at_ = 0;
};

base::Error malformed(const Scanner& at, const char* what) {
  return base::Error{1772, "HY000",
                     std::string{"Malformed GTID set: "} + what + " at byte " + std::to_string(at.position())};
}

void normalise(Intervals& list) {
  auto by_first = [](const Interval& a, const Interval& b) { return a.first < b.first; };
  if (!std::is_sorted(list.begin(), list.end(), by_first)) std::sort(list.begin(), list.end(), by_first);
  std::size_t kept = 0;
  for (std::size_t i = 1; i < list.size(); ++i) {
    if (list[i].first <= list[kept].last || list[i].first - list[kept].last == 1) {
      list[kept].last = std::max(list[kept].last, list[i].last);
    } else {
      list[++kept] = list[i];
    }
  }
  if (!list.empty()) list.resize(kept + 1);
}

bool covers(const Intervals& all, const Intervals& some) {
  std::size_t i = 0;
  for (const Interval& one : some) {
    while (i < all.size() && all[i].last < one.first) ++i;
    if (i == all.size() || all[i].first > one.first || all[i].last < one.last) return false;
  }
  return true;
}

Intervals difference(const Intervals& from, const Intervals& what) {
  Intervals out;
  std::size_t i = 0;
  for (Interval rest : from) {
    while (i < what.size() && what[i].last < rest.first) ++i;
    bool left = true;
    for (std::size_t k = i; left && k < what.size() && what[k].first <= rest.last; ++k) {
      if (what[k].first > rest.first) out.push_back({rest.first, what[k].first - 1});
      left = what[k].last < rest.last;
      if (left) rest.first = what[k].last + 1;
    }
    if (left) out.push_back(rest);
  }
  return out;
}

bool is_mariadb(const GtidSource& source) {
  return source.uuid == std::array<std::uint8_t, 16>{} && source.tag.empty();
}

using Entries = std::map<GtidSource, GtidSet::Entry>;

// refman "GTID Sets": uuid:[tag:]interval[:[tag:]interval]...; a tag holds until the next one.
const char* scan_mysql_source(Scanner& scanner, Entries& entries) {
  GtidSource source;
  if (!scanner.uuid(source.uuid)) return "no UUID";
  if (source.uuid == std::array<std::uint8_t, 16>{}) return "the zero UUID";
  GtidSet::Entry* entry = nullptr;
  while (scanner.take(':')) {
    if (starts_tag(scanner.peek())) {
      if (!scanner.tag(source.tag)) return "a tag that is too long";
      entry = nullptr;
      if (scanner.peek() != ':') return "a tag without an interval";
      continue;
    }
    Interval interval;
    if (!scanner.number(interval.first, max_number) || interval.first == 0) return "no number";
    interval.last = interval.first;
    if (scanner.take('-') && !scanner.number(interval.last, max_number)) return "no number";
    if (interval.last < interval.first) return "an interval that ends before it starts";
    if (entry == nullptr) entry = &entries[source];
    entry->intervals.push_back(interval);
  }
  return entry == nullptr ? "no interval" : nullptr;
}

const char* scan_mariadb_gtid(Scanner& scanner, Gtid& gtid) {
  constexpr std::uint64_t max32 = std::numeric_limits<std::uint32_t>::max();
  std::uint64_t domain = 0, server = 0;
  if (!scanner.number(domain, max32) || !scanner.take('-')) return "no domain";
  if (!scanner.number(server, max32) || !scanner.take('-')) return "no server id";
  if (!scanner.number(gtid.number, max_number)) return "no sequence number";
  gtid.source.domain = static_cast<std::uint32_t>(domain);
  gtid.server_id = static_cast<std::uint32_t>(server);
  return nullptr;
}

void append_uuid(std::string& out, const std::array<std::uint8_t, 16>& uuid) {
  constexpr char digits[] = "0123456789abcdef";
  for (std::size_t i = 0; i < uuid.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) out += '-';
    out += digits[uuid[i] >> 4];
    out += digits[uuid[i] & 15];
  }
}

void append_intervals(std::string& out, const Intervals& intervals) {
  for (const Interval& interval : intervals) {
    out += ':';
    out += std::to_string(interval.first);
    if (interval.last != interval.first) out += '-' + std::to_string(interval.last);
  }
}

}  // namespace

base::Result<GtidSet> GtidSet::parse(Flavour flavour, std::string_view text) {
  Scanner scanner{text};
  GtidSet set;
  while (!scanner.done()) {
    if (scanner.take(',')) continue;  // empty parts are allowed, as on the server
    const char* wrong = nullptr;
    if (flavour == Flavour::mysql) {
      wrong = scan_mysql_source(scanner, set.entries_);
    } else {
      Gtid gtid;
      wrong = scan_mariadb_gtid(scanner, gtid);
      if (wrong == nullptr && gtid.number != 0) set.add(gtid);  // "0-1-0" is a position before the first
    }
    if (wrong == nullptr && !scanner.done() && scanner.peek() != ',') wrong = "an unexpected character";
    if (wrong != nullptr) return malformed(scanner, wrong);
  }
  for (auto& [source, entry] : set.entries_) normalise(entry.intervals);
  return set;
}

std::string GtidSet::to_string(Flavour flavour) const {
  std::string out;
  const GtidSource* previous = nullptr;
  for (const auto& [source, entry] : entries_) {
    if (flavour == Flavour::mariadb) {
      if (previous != nullptr) out += ',';
      out += std::to_string(source.domain) + '-' + std::to_string(entry.server_id) + '-' +
             std::to_string(entry.intervals.back().last);
    } else {
      // One UUID is printed once; its tags follow the untagged intervals.
      if (previous == nullptr || previous->uuid != source.uuid) {
        if (previous != nullptr) out += ",\n";
        append_uuid(out, source.uuid);
      }
      if (!source.tag.empty()) out += ':' + source.tag;
      append_intervals(out, entry.intervals);
    }
    previous = &source;
  }
  return out;
}

bool GtidSet::contains(const Gtid& gtid) const {
  const auto found = entries_.find(gtid.source);
  if (found == entries_.end()) return false;
  const Intervals& list = found->second.intervals;
  const auto after = std::upper_bound(list.begin(), list.end(), gtid.number,
                                      [](std::uint64_t n, const Interval& i) { return n < i.first; });
  return after != list.begin() && std::prev(after)->last >= gtid.number;
}

bool GtidSet::covers_through(const GtidSource& source, std::uint64_t n) const {
  if (n == 0) return true;
  const auto found = entries_.find(source);
  if (found == entries_.end()) return false;
  const Interval& head = found->second.intervals.front();
  return head.first == 1 && head.last >= n;
}

bool GtidSet::includes(const GtidSet& other) const {
  return std::all_of(other.entries_.begin(), other.entries_.end(), [this](const auto& item) {
    const auto found = entries_.find(item.first);
    return found != entries_.end() && covers(found->second.intervals, item.second.intervals);
  });
}

GtidSet GtidSet::minus(const GtidSet& other) const {
  GtidSet out;
  for (const auto& [source, entry] : entries_) {
    const auto found = other.entries_.find(source);
    Entry rest{found == other.entries_.end() ? entry.intervals : difference(entry.intervals, found->second.intervals),
               entry.server_id};
    if (!rest.intervals.empty()) out.entries_.emplace_hint(out.entries_.end(), source, std::move(rest));
  }
  return out;
}

void GtidSet::add(const Gtid& gtid) {
  if (gtid.number == 0 || gtid.number > max_number) return;
  Entry& entry = entries_[gtid.source];
  const bool newest = entry.intervals.empty() || gtid.number > entry.intervals.back().last;
  if (is_mariadb(gtid.source)) {
    if (newest) entry = {{{1, gtid.number}}, gtid.server_id};
  } else if (newest && !entry.intervals.empty() && gtid.number - entry.intervals.back().last == 1) {
    entry.intervals.back().last = gtid.number;  // the usual case, without a sort
  } else {
    entry.intervals.push_back({gtid.number, gtid.number});
    normalise(entry.intervals);
  }
}

void GtidSet::add(const GtidSet& other) {
  if (&other == this) return;
  for (const auto& [source, entry] : other.entries_) {
    Entry& mine = entries_[source];
    if (mine.intervals.empty() || entry.intervals.back().last > mine.intervals.back().last)
      mine.server_id = entry.server_id;
    mine.intervals.insert(mine.intervals.end(), entry.intervals.begin(), entry.intervals.end());
    normalise(mine.intervals);
  }
}

void GtidSet::add_through(const GtidSource& source, std::uint64_t n) {
  if (n == 0 || n > max_number) return;
  Entry& entry = entries_[source];
  if (is_mariadb(source)) {
    if (entry.intervals.empty() || n > entry.intervals.back().last) entry = {{{1, n}}, 1};
    return;
  }
  entry.intervals.push_back({1, n});
  normalise(entry.intervals);
}

std::uint64_t GtidSet::count() const {
  std::uint64_t sum = 0;
  for (const auto& [source, entry] : entries_) {
    for (const Interval& interval : entry.intervals) {
      const std::uint64_t more = interval.last - interval.first + 1;
      if (sum > std::numeric_limits<std::uint64_t>::max() - more) return std::numeric_limits<std::uint64_t>::max();
      sum += more;
    }
  }
  return sum;
}

base::Result<Gtid> parse_gtid(Flavour flavour, std::string_view text) {
  Scanner scanner{text};
  Gtid gtid;
  const char* wrong = nullptr;
  if (flavour == Flavour::mariadb) {
    wrong = scan_mariadb_gtid(scanner, gtid);
  } else {
    if (!scanner.uuid(gtid.source.uuid) || is_mariadb(gtid.source) || !scanner.take(':')) {
      wrong = "no UUID";
    } else if (starts_tag(scanner.peek()) && (!scanner.tag(gtid.source.tag) || !scanner.take(':'))) {
      wrong = "no tag";
    } else if (!scanner.number(gtid.number, max_number)) {
      wrong = "no number";
    }
  }
  if (wrong == nullptr && gtid.number == 0) wrong = "number zero";
  if (wrong == nullptr && !scanner.done()) wrong = "an unexpected character";
  if (wrong != nullptr) return malformed(scanner, wrong);
  return gtid;
}

base::Result<GtidSet> parse_owned(std::string_view text) {
  std::string sets;
  bool thread = false;
  for (const char c : text) {
    if (c == '#') thread = true;
    if (c == ':' || c == ',') thread = false;
    if (!thread) sets += c;
  }
  return GtidSet::parse(Flavour::mysql, sets);
}

}  // namespace wye::topology
