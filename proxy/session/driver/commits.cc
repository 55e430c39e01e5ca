#include "proxy/session/driver/commits.h"

#include <algorithm>
#include <utility>

#include "proxy/base/log.h"
#include "proxy/session/driver/commands.h"

namespace wye::session {

namespace {

// MariaDB counts a commit before anybody can see it; MySQL after that, and owns its GTID until then. That must be read
// first: what is in neither was not to be seen before.
constexpr const char* in_binlog = "SELECT '', @@GLOBAL.gtid_binlog_pos, ''";
constexpr const char* in_commit = "SELECT @@GLOBAL.gtid_owned, @@GLOBAL.gtid_executed, @@GLOBAL.server_uuid";

constexpr base::milliseconds longest_wait{20};  // of an answer, for what it may have committed
constexpr base::milliseconds patience{2000};    // with an answer that does not come
constexpr base::milliseconds first_retry{100}, last_retry{5000};

bool same_server(const topology::GtidSource& source, const std::string& uuid) {
  const auto parsed = topology::parse_gtid(topology::Flavour::mysql, uuid + ":1");
  return parsed && parsed->source.uuid == source.uuid;
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
  waiting_.push_back({&holder, loop_.now(), false, why});
  if (waiting_.size() == 1) set_timer();
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
  asking_ = true;
  used_at_ = loop_.now();
  asked_at_ = base::Clock::now();
  for (auto& w : waiting_) w.asked = true;
  const bool mariadb = topology_->flavour == topology::Flavour::mariadb;
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
  // Reads need no more of others than before; but replicas can be asked only for what has a place in the frontier.
  const bool reads_only = !any([](const Waiting& w) { return w.asked && w.why != Why::reads; });
  if ((reads_only && frontier_.used() > 0) || raise(*set, rows[0][2])) return true;
  return !any([](const Waiting& w) { return w.asked && w.why == Why::commit; });
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
  const auto told = take([](const Waiting& w) { return w.asked; });
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
  const auto is_late = [&](const Waiting& w) { return now - w.since >= longest_wait; };
  if (any([&](const Waiting& w) { return is_late(w) && w.why == Why::commit; })) warn();
  const auto late = take(is_late);
  for (auto* holder : late) holder->on_commits_known();
}

void Commits::set_timer() {
  if (waiting_.empty()) return timer_.stop();
  const auto left = waiting_.front().since + longest_wait - loop_.now();
  timer_.once(std::max(std::chrono::ceil<base::milliseconds>(left), base::milliseconds{0}));
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
  if (backend_ == nullptr) return;
  backend_->orphan(collector_);
  pool_.discard(*std::exchange(backend_, nullptr));
}

}  // namespace wye::session
