#include "proxy/session/driver/asker.h"

#include <algorithm>
#include <utility>

#include "proxy/base/log.h"
#include "proxy/protocol/wire.h"
#include "proxy/session/driver/commands.h"

namespace wye::session {

namespace {

constexpr std::size_t largest_answer = 4096;          // one column, one small number
constexpr base::milliseconds longest_question{1000};  // a newer need must not wait longer for its turn
constexpr base::milliseconds patience{2000};          // beyond that: with an answer that does not come
constexpr base::milliseconds first_retry{100}, last_retry{5000};

/// MySQL takes fractions of a second from 8.0 on; before, a fraction may count as 0, which is for ever.
bool whole_seconds(const topology::Version& version) {
  return version.flavour == topology::Flavour::mysql && version.number < 80'000;
}

}  // namespace

Waiters::Asker::Asker(Waiters& waiters, topology::ServerId server) : waiters_(waiters), server_(server) {}

Waiters::Asker::~Asker() { close(); }

void Waiters::Asker::want() {
  if (backend_ == nullptr) return open();
  if (!asked_) ask();
}

void Waiters::Asker::probe() {
  const auto now = waiters_.loop_.now();
  if (!waiters_.pool_.load()[server_].no_wait || opening_ || asked_) return;
  const auto& seen = replica();
  if (seen.role != topology::Role::replica || seen.state != topology::State::online) return;
  if (!waiters_.need_.can_ask(seen) || !waiters_.need_.attainable() || !estimate_.probe_due(now) || now < retry_at_)
    return;
  estimate_.probes(now);
  probing_ = true;
  want();
}

void Waiters::Asker::open() {
  if (opening_ || waiters_.loop_.now() < retry_at_) return;
  opening_ = true;
  life_ = waiters_.need_.positions().life(server_);
  pool::Wanted wanted;
  wanted.key.server = server_;
  wanted.key.to_replica = true;
  wanted.key.account = waiters_.settings_.account;
  wanted.urgent = true;  // where the clients' statements hold all connections, reads wait all the more
  if (auto* backend = waiters_.pool_.acquire(wanted, *this)) on_backend_ready(*backend);
}

void Waiters::Asker::on_backend_ready(pool::Backend& backend) {
  opening_ = slow_to_open_ = false;
  backend_ = &backend;
  used_at_ = waiters_.loop_.now();
  mark();
  ask();
}

void Waiters::Asker::on_backend_lost(pool::Backend& backend, const base::Error& error, bool) {
  waiters_.pool_.forget(backend);
  backend_ = nullptr;
  failed(error.message);
}

/// For all that wait; one question at a time.
void Waiters::Asker::ask() {
  if (backend_ == nullptr || asked_) return;
  auto goal = waiters_.joint_goal(server_);
  if (!goal && std::exchange(probing_, false)) goal = waiters_.need_.freeze();
  if (!goal || !goal->attainable || replica().executed == nullptr) return;
  auto question = waiters_.need_.missing(server_, replica(), *goal);
  if (question.text.empty()) return;  // it has it, as others have found out
  probing_ = false;
  frames_.clear();
  asked_ = Asked{std::move(question.goal), life_, waiters_.loop_.now(), false};
  used_at_ = asked_->at;
  if (!trying_since_) trying_since_ = asked_->at;
  backend_->submit(*this, protocol::Expect::query, backend_->command(com_query, statement(question.text)));
}

std::string Waiters::Asker::statement(const std::string& gtids) const {
  const auto limit = std::clamp(waiters_.settings_.wait, base::milliseconds{1}, longest_question).count();
  std::string seconds = "1";
  if (!whole_seconds(replica().version)) {
    std::string fraction = std::to_string(limit % 1000);
    fraction.insert(0, 3 - fraction.size(), '0');
    seconds = std::to_string(limit / 1000) + "." + fraction;
  }
  const bool mariadb = replica().version.flavour == topology::Flavour::mariadb;
  return std::string(mariadb ? "SELECT MASTER_GTID_WAIT('" : "SELECT WAIT_FOR_EXECUTED_GTID_SET('") + gtids + "'," +
         seconds + ") AS there";
}

void Waiters::Asker::on_raw(base::ByteView frames) {
  if (frames_.size() + frames.size() <= largest_answer) base::append(frames_, frames);
}

/// The column's definition, then the row.
Waiters::Asker::Answer Waiters::Asker::parse_answer() const {
  base::ByteView rest = frames_;
  for (int i = 0; i < 2; ++i) {
    const auto framed = protocol::next_packet(rest, largest_answer);
    const auto* packet = std::get_if<protocol::Packet>(&framed);
    if (packet == nullptr) return Answer::failed;
    rest = rest.subspan(packet->consumed);
    if (i == 0) continue;
    protocol::Reader in{packet->payload};
    const std::string_view value = in.lenenc_string();
    if (!in.ok()) return Answer::failed;
    return value == "0" ? Answer::yes : value == "1" || value == "-1" ? Answer::not_yet : Answer::failed;
  }
  return Answer::failed;
}

void Waiters::Asker::on_end(const protocol::ResponseTracker& tracker) {
  const auto answer = tracker.failed() ? Answer::failed : parse_answer();
  const Asked asked = *std::exchange(asked_, std::nullopt);
  if (answer == Answer::failed) {
    close();
    return failed("it can't be asked for its position");
  }
  const auto now = waiters_.loop_.now();
  failures_ = 0;
  if (answer == Answer::yes) {
    trying_since_.reset();
    estimate_.covered(std::chrono::duration_cast<base::microseconds>(now - asked.at));
    waiters_.need_.positions().proved(server_, asked.life, asked.goal, now);
  } else {
    note_time(now);
  }
  mark();
  ask();  // the next one goes out with what the released reads write
  if (!asked_) trying_since_.reset();
  if (answer == Answer::yes) waiters_.release_covered();
}

/// As long as a read may wait, this replica has been asked in vain.
void Waiters::Asker::note_time(base::TimePoint now) {
  if (!trying_since_ || now - *trying_since_ < waiters_.settings_.wait) return;
  estimate_.timed_out(now);
  trying_since_ = now;
}

/// A read's time is over. The server may be frozen, or the way to it.
void Waiters::Asker::in_vain(base::TimePoint now) {
  if (backend_ == nullptr) {
    slow_to_open_ = true;
  } else if (asked_) {
    note_time(now);
    asked_->late = now - asked_->at >= waiters_.settings_.wait;
  }
  mark();
}

/// It may be another server by now, or have been restarted: what was asked before counts no longer.
void Waiters::Asker::on_topology() {
  if (life_ == waiters_.need_.positions().life(server_)) return;
  if (backend_ == nullptr && !opening_) return;
  close();
  waiters_.give_up(server_);
}

void Waiters::Asker::sweep() {
  const auto now = waiters_.loop_.now();
  if (asked_ && now - asked_->at > longest_question + patience) {
    close();
    return failed("it did not answer");
  }
  if (backend_ != nullptr && !asked_ && now - used_at_ > waiters_.settings_.idle) close();
}

void Waiters::Asker::close() {
  if (opening_) waiters_.pool_.cancel(*this);
  opening_ = false;
  asked_.reset();
  trying_since_.reset();
  if (backend_ == nullptr) return;
  backend_->orphan(*this);
  waiters_.pool_.discard(*std::exchange(backend_, nullptr));
  waiters_.need_.positions().forget(server_);  // without a connection a restart would go unseen
}

void Waiters::Asker::failed(const std::string& why) {
  opening_ = false;
  asked_.reset();
  waiters_.need_.positions().forget(server_);
  const auto now = waiters_.loop_.now();
  retry_at_ = now + std::min(first_retry * (1 << std::min(failures_, 6U)), last_retry);
  if (failures_++ == 0) log::info("position_not_asked", {{"server", replica().name}, {"why", why}});
  mark();
  waiters_.give_up(server_);
}

/// What routing must know.
void Waiters::Asker::mark() {
  auto& load = waiters_.pool_.load()[server_];
  load.no_wait = estimate_.hopeless() || failures_ > 0 || slow_to_open_ || (asked_ && asked_->late);
  load.wait_us = estimate_.expected_us();
}

}  // namespace wye::session
