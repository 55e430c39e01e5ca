#include "replication/server/binlog.h"

#include <algorithm>
#include <charconv>

#include "replication/plan/dialect.h"

namespace wye::server {
namespace {

using plan::Located;
using topology::Flavour;

constexpr std::size_t page = 2000, most_events = 200'000, longest = 200;

std::string cell(const Table& table, std::size_t row, const char* column) {
  const auto* value = table.find(row, {column});
  return value != nullptr && *value ? **value : std::string{};
}

std::uint64_t number(const std::string& text) {
  std::uint64_t out = 0;
  std::from_chars(text.data(), text.data() + text.size(), out);
  return out;
}

/// MySQL: SET @@SESSION.GTID_NEXT= 'uuid:5'. MariaDB: BEGIN GTID 0-3-5, or GTID 0-3-6.
std::string gtid_of(const std::string& info) {
  if (const std::size_t at = info.find("GTID_NEXT= '"); at != std::string::npos) {
    const std::size_t begin = at + 12;
    return info.substr(begin, info.find('\'', begin) - begin);
  }
  const std::size_t at = info.find("GTID ");
  return at == std::string::npos ? std::string{} : info.substr(at + 5, info.find(' ', at + 5) - (at + 5));
}

/// One event after the other; `what` gives false to end it.
template <class What>
base::Status each_event(Connection& connection, const std::string& file, std::uint64_t from, std::size_t& left,
                        const What& what) {
  auto name = plan::quoted(file);
  if (!name) return name.error();
  while (left > 0) {
    auto answer = connection.query("SHOW BINLOG EVENTS IN " + *name + " FROM " + std::to_string(from) + " LIMIT " +
                                   std::to_string(page));
    if (!answer) return answer.error();
    if (answer->empty()) return base::Ok{};
    const Table& events = answer->front();
    for (std::size_t row = 0; row < events.rows.size(); ++row)
      if (!what(events, row)) return base::Ok{};
    left -= std::min(left, events.rows.size());
    if (events.rows.size() < page) return base::Ok{};
    from = number(cell(events, events.rows.size() - 1, "End_log_pos"));
  }
  return base::Ok{};
}

/// Fills in what is said between two GTIDs of interest.
class Finding {
 public:
  Finding(const topology::GtidSet& wanted, Flavour flavour) : flavour_{flavour} {
    for (const auto& one : plan::list_errant(wanted, flavour)) {
      const std::size_t at = one.text.find_last_of(flavour == Flavour::mysql ? ':' : '-');
      const std::uint64_t first = number(one.text.substr(at + 1));
      for (std::uint64_t k = 0; k < std::min<std::uint64_t>(one.count, 100); ++k) {
        const std::uint64_t n = flavour == Flavour::mysql ? first + k : first - k;
        found_.push_back({one.text.substr(0, at + 1) + std::to_string(n), "", 0, ""});
      }
    }
    if (flavour == Flavour::mariadb) std::reverse(found_.begin(), found_.end());
  }

  bool all() const {
    return std::all_of(found_.begin(), found_.end(), [](const Located& one) { return !one.file.empty(); });
  }

  void event(const std::string& file, const Table& events, std::size_t row) {
    const std::string type = cell(events, row, "Event_type"), info = cell(events, row, "Info");
    if (type.starts_with("Gtid") && type != "Gtid_list") {
      const std::string gtid = gtid_of(info);
      const auto at = std::find_if(found_.begin(), found_.end(), [&](const Located& one) { return one.gtid == gtid; });
      current_ = at == found_.end() ? nullptr : &*at;
      if (current_ == nullptr) return;
      current_->file = file;
      current_->position = number(cell(events, row, "Pos"));
    } else if (current_ != nullptr && current_->what.size() < longest) {
      tell(type, info);
    }
  }
  /// The next file begins with none.
  void end_of_file() { current_ = nullptr; }
  std::vector<Located> result() { return std::move(found_); }

 private:
  void tell(const std::string& type, const std::string& info) {
    std::string more;
    if (type == "Table_map") {
      const std::size_t begin = info.find('('), end = info.rfind(')');
      if (begin != std::string::npos && end != std::string::npos && end > begin)
        table_ = info.substr(begin + 1, end - begin - 1);
    } else if (type.find("_rows") != std::string::npos && !type.starts_with("Annotate")) {
      more = type.substr(0, type.find("_rows") + 5) + " " + table_;
    } else if (type == "Query" && info != "BEGIN" && info != "COMMIT") {
      more = info.substr(0, longest);
    }
    if (more.empty() || current_->what.find(more) != std::string::npos) return;
    current_->what += (current_->what.empty() ? "" : ", ") + more;
  }

  Flavour flavour_;
  std::vector<Located> found_;
  Located* current_ = nullptr;
  std::string table_;
};

}  // namespace

base::Result<std::vector<Located>> locate(Connection& connection, const topology::GtidSet& wanted, Flavour flavour) {
  Finding finding{wanted, flavour};
  auto logs = connection.query("SHOW BINARY LOGS");
  if (!logs) return logs.error();
  std::size_t left = most_events;
  for (std::size_t k = logs->empty() ? 0 : logs->front().rows.size(); k-- > 0 && !finding.all() && left > 0;) {
    const std::string file = cell(logs->front(), k, "Log_name");
    auto done = each_event(connection, file, 4, left, [&](const Table& events, std::size_t row) {
      finding.event(file, events, row);
      return true;
    });
    if (!done) return done.error();
    finding.end_of_file();
  }
  return finding.result();
}

base::Result<std::string> transaction_at(Connection& connection, const std::string& file, std::uint64_t from,
                                         std::uint64_t end) {
  std::string gtid;
  bool reached = false;
  std::size_t left = most_events;
  auto done = each_event(connection, file, from, left, [&](const Table& events, std::size_t row) {
    const std::string type = cell(events, row, "Event_type");
    if (type.starts_with("Gtid") && type != "Gtid_list") gtid = gtid_of(cell(events, row, "Info"));
    reached = number(cell(events, row, "End_log_pos")) >= end;
    return !reached;
  });
  if (!done) return done.error();
  return reached ? gtid : std::string{};
}

}  // namespace wye::server
