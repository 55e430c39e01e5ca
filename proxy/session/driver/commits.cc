#include "proxy/session/driver/commits.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "proxy/base/log.h"
#include "proxy/session/driver/commands.h"

namespace wye::session {

namespace {

// MariaDB counts a commit before anybody can see it; MySQL after that, and owns its GTID until then. That must be read
// first: what is in neither was not to be seen before.
constexpr const char* in_binlog = "SELECT '', @@GLOBAL.gtid_binlog_pos, ''";
constexpr const char* in_commit = "SELECT @@GLOBAL.gtid_owned, @@GLOBAL.gtid_executed, @@GLOBAL.server_uuid";

// Where MariaDB's binary log ends, with what waits for an acknowledgement, and then up to where it is to be seen.
constexpr const char* end_of_log = "SHOW MASTER STATUS";
constexpr const char* visible_log = "SHOW STATUS LIKE 'Binlog\\_snapshot\\_%'";

constexpr base::milliseconds ask_again{1};         // what is on its way, if it is not over yet
constexpr base::milliseconds longest_wait{20};     // of an answer, for what it may have committed
constexpr base::milliseconds longest_shown{1000};  // of a read, for an acknowledgement that the primary waits for
constexpr base::milliseconds patience{2000};       // with an answer that does not come
constexpr base::milliseconds first_retry{100}, last_retry{5000};

bool same_server(const topology::GtidSource& source, const std::string& uuid) {
  const auto parsed = topology::parse_gtid(topology::Flavour::mysql, uuid + ":1");
  return parsed && parsed->source.uuid == source.uuid;
}

base::milliseconds limit(Commits::Why why) { return why == Commits::Why::shown ? longest_shown : longest_wait; }

using Rows = RowCollector::Rows;

std::optional<routing::BinlogPosition> position(const std::string& file, const std::string& offset) {
  routing::BinlogPosition at{file, 0};
  const char* const end = offset.data() + offset.size();
  if (file.empty() || offset.empty() || std::from_chars(offset.data(), end, at.offset).ptr != end) return std::nullopt;
  return at;
}

/// A row, or none without a binary log: file, offset and more.
std::optional<routing::BinlogPosition> end_in(const Rows* rows) {
  if (rows == nullptr || rows->size() != 1 || rows->front().size() < 2) return std::nullopt;
  return position(rows->front()[0], rows->front()[1]);
}

/// Two rows, by name: the file and the offset.
std::optional<routing::BinlogPosition> visible_in(const Rows* rows) {
  if (rows == nullptr || rows->size() != 2) return std::nullopt;
  for (const auto& row : *rows)
    if (row.size() != 2) return std::nullopt;
  return position((*rows)[0][1], (*rows)[1][1]);
}

}  // namespace

Commits::Commits(net::Loop& loop, pool::Pool& pool, routing::Frontier& frontier, protocol::AccountPtr account,
                 base::milliseconds idle)
    : loop_(loop),
      pool_(pool),
      frontier_(frontier),
      account_(std::move(account)),
      idle_(idle),
      collector_([this](const auto* rows) { answered(rows); }),
      end_collector_([this](const auto* rows) { end_ = end_in(rows); }),
      visible_collector_([this](const auto* rows) { visible_ = visible_in(rows); }),
      timer_(loop, [this] { time_out(); }) {}

Commits::~Commits() { close(); }

void Commits::warn() { frontier_.unreported_commit(base::Clock::now()); }

template <class Which>
bool Commits::any(Which&& which) const {
  return std::any_of(waiting_.begin(), waiting_.end(), which);
}

bool Commits::ask(Holder& holder, Why why) {
  if (backend_ == nullptr && !open()) {
    if (why == Why::commit) warn();
    return false;
  }
  const auto now = base::Clock::now();
  waiting_.push_back({&holder, now, false, why});
  if (waiting_.size() == 1 || now + limit(why) < timer_at_) set_timer();
  send();
  return true;
}

/// What it waited for may have been committed all the same.
void Commits::cancel(const Holder& holder) {
  const auto is_his = [&](const Waiting& w) { return w.holder == &holder; };
  if (any([&](const Waiting& w) { return is_his(w) && w.why == Why::commit; })) warn();
  std::erase_if(waiting_, is_his);
}

bool Commits::open() {
  if (opening_) return true;
  if (!topology_->primary || loop_.now() < retry_at_) return false;
  server_ = topology_->primary;
  opening_ = true;
  pool::Wanted wanted;
  wanted.key.server = *server_;
  wanted.key.account = account_;
  wanted.urgent = true;  // where the clients' statements hold all connections, their answers wait all the more
  if (auto* backend = pool_.acquire(wanted, *this)) on_backend_ready(*backend);
  return true;
}

void Commits::on_backend_ready(pool::Backend& backend) {
  opening_ = false;
  backend_ = &backend;
  used_at_ = loop_.now();
  send();
}

void Commits::on_backend_lost(pool::Backend& backend, const base::Error&, bool) {
  pool_.forget(backend);
  backend_ = nullptr;
  failed();
}

/// What was committed before an answer came is there when the question comes: one for all that wait now.
void Commits::send() {
  if (backend_ == nullptr || asking_ || waiting_.empty()) return;
  if (!any([](const Waiting& w) { return !w.again; })) return set_timer();  // not at once
  ask_now();
}

void Commits::ask_now() {
  asking_ = true;
  used_at_ = loop_.now();
  asked_at_ = base::Clock::now();
  for (auto& w : waiting_) w.asked = true;
  const bool mariadb = topology_->flavour == topology::Flavour::mariadb;
  end_.reset();
  visible_.reset();
  if (mariadb && any([](const Waiting& w) { return w.why == Why::shown; })) {
    backend_->submit(end_collector_, protocol::Expect::query, backend_->command(com_query, end_of_log));
    backend_->submit(visible_collector_, protocol::Expect::query, backend_->command(com_query, visible_log));
  }
  backend_->submit(collector_, protocol::Expect::query, backend_->command(com_query, mariadb ? in_binlog : in_commit));
}

bool Commits::note(const RowCollector::Rows& rows) {
  if (rows.size() != 1 || rows[0].size() != 3) return false;
  auto set = topology::GtidSet::parse(topology_->flavour, rows[0][1]);
  const auto owned = topology::parse_owned(rows[0][0]);
  if (!set || !owned) return false;
  auto all = std::make_shared<topology::GtidSet>(*set);
  all->add(*owned);
  known_ = {std::move(all), asked_at_, *server_};
  note_shown(*owned);
  // Reads need no more of others than before; but replicas can be asked only for what has a place in the frontier.
  const bool reads_only =
      !any([](const Waiting& w) { return w.asked && (w.why == Why::commit || w.why == Why::token); });
  if ((reads_only && frontier_.used() > 0) || raise(*set, rows[0][2])) return true;
  return !any([](const Waiting& w) { return w.asked && w.why == Why::commit; });
}

void Commits::note_shown(const topology::GtidSet& owned) {
  if (topology_->flavour == topology::Flavour::mysql) {
    shown_.in_commit(owned, asked_at_);
  } else if (end_ && visible_) {
    shown_.positions(*end_, *visible_, asked_at_);
  } else if (!told_unseen_ && any([](const Waiting& w) { return w.asked && w.why == Why::shown; })) {
    told_unseen_ = true;
    log::warning("binlog_position_unseen",
                 {{"server", topology_->servers[*server_].name},
                  {"why",
                   "the monitor may not see it (BINLOG MONITOR): reads on the primary don't wait for what "
                   "their session saw on a replica"}});
  }
}

/// The answer that has come is what it waits for, or as much as it will ever know.
bool Commits::is_told(const Waiting& waiting) const {
  if (!waiting.asked || waiting.why != Why::shown) return waiting.asked;
  const bool unknown = topology_->flavour == topology::Flavour::mariadb && (!end_ || !visible_);
  return unknown || shown_.until() >= waiting.since;
}

/// The server commits under its own name, in a group under the group's. Other sources may have gaps that no replica
/// ever fills: where such a one has grown, it can't be said what is needed.
bool Commits::raise(const topology::GtidSet& set, const std::string& uuid) {
  for (const auto& [source, entry] : set.entries()) {
    if (entry.intervals.empty()) continue;
    if (topology_->flavour == topology::Flavour::mysql && !same_server(source, uuid)) {
      if (observed(source, entry)) continue;
      if (entry.intervals.size() > 1 || entry.intervals.front().first != 1) return false;
    }
    frontier_.raise(topology::Gtid{source, entry.intervals.back().last, entry.server_id});
  }
  return true;
}

/// Nothing has been committed there since the primary was observed.
bool Commits::observed(const topology::GtidSource& source, const topology::GtidSet::Entry& entry) const {
  const auto& executed = topology_->servers[*server_].executed;
  if (executed == nullptr) return false;
  const auto before = executed->entries().find(source);
  return before != executed->entries().end() && before->second.intervals == entry.intervals;
}

void Commits::answered(const RowCollector::Rows* rows) {
  asking_ = false;
  if (backend_ == nullptr || backend_->dead()) return;  // on_backend_lost() follows
  if (rows == nullptr || !note(*rows)) {
    close();
    return failed();
  }
  failures_ = 0;
  const auto told = take([this](const Waiting& w) { return is_told(w); });
  for (auto& w : waiting_) w.again = std::exchange(w.asked, false);
  send();
  for (auto* holder : told) holder->on_commits_known();
}

/// Those of the waiting, out of the list.
template <class Which>
std::vector<Commits::Holder*> Commits::take(Which&& which) {
  std::vector<Holder*> taken;
  for (const auto& w : waiting_) {
    if (which(w)) taken.push_back(w.holder);
  }
  std::erase_if(waiting_, which);
  set_timer();
  return taken;
}

void Commits::failed() {
  opening_ = asking_ = false;
  retry_at_ = loop_.now() + std::min(first_retry * (1 << std::min(failures_, 6U)), last_retry);
  if (failures_++ == 0) log::info("primary_not_asked", {{"why", "the connection for its position failed"}});
  if (waiting_.empty()) return;
  if (any([](const Waiting& w) { return w.why == Why::commit; })) warn();
  for (auto* holder : take([](const Waiting&) { return true; })) holder->on_commits_known();
}

void Commits::time_out() {
  const auto now = loop_.now();
  const auto is_late = [&](const Waiting& w) { return now >= w.since + limit(w.why); };
  if (any([&](const Waiting& w) { return is_late(w) && w.why == Why::commit; })) warn();
  const auto late = take(is_late);
  if (backend_ != nullptr && !asking_ && !waiting_.empty()) ask_now();
  for (auto* holder : late) holder->on_commits_known();
}

void Commits::set_timer() {
  if (waiting_.empty()) return timer_.stop();
  const auto now = loop_.now();
  timer_at_ = backend_ != nullptr && !asking_ ? now + ask_again : base::TimePoint::max();
  for (const auto& w : waiting_) timer_at_ = std::min(timer_at_, w.since + limit(w.why));
  timer_.once(std::max(std::chrono::ceil<base::milliseconds>(timer_at_ - now), base::milliseconds{0}));
}

void Commits::on_topology(std::shared_ptr<const topology::Topology> topology) {
  topology_ = std::move(topology);
  if (!server_ || topology_->primary == server_) return;
  const bool waited = !waiting_.empty();
  close();
  if (waited) failed();
}

void Commits::sweep() {
  if (backend_ == nullptr) return;
  if (asking_ && loop_.now() - used_at_ > patience) {
    close();
    return failed();
  }
  if (!asking_ && loop_.now() - used_at_ > idle_) close();
}

void Commits::close() {
  if (opening_) pool_.cancel(*this);
  opening_ = asking_ = false;
  server_.reset();
  shown_.forget();
  if (backend_ == nullptr) return;
  for (auto* collector : {&end_collector_, &visible_collector_, &collector_}) backend_->orphan(*collector);
  pool_.discard(*std::exchange(backend_, nullptr));
}

}  // namespace wye::session
