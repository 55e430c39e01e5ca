#include "proxy/session/driver/killer.h"

#include <algorithm>
#include <deque>

#include "proxy/base/log.h"
#include "proxy/session/driver/commands.h"

namespace wye::session {

namespace {
constexpr base::milliseconds patience{10'000};  // a frozen server may hold a KILL, and the account's secret, no longer
}

/// One connection, and the KILLs that wait for it or for their answers.
class Killer::Job final : public pool::BackendHolder, public pool::ResponseSink {
 public:
  Job(Killer& killer, topology::ServerId server, bool to_replica, protocol::AccountPtr account)
      : killer_(killer),
        server_(server),
        to_replica_(to_replica),
        account_(std::move(account)),
        give_up_(killer.loop_.now() + patience) {}
  ~Job() override {
    for (auto& kill : kills_) killer_.tell(std::move(kill.over));
    killer_.pool_.cancel(*this);
    if (backend_ == nullptr) return;
    backend_->orphan(*this);
    killer_.pool_.discard(*backend_);
  }

  bool serves(topology::ServerId server, const protocol::AccountPtr& account) const {
    return !over_ && server_ == server && account_ == account;
  }
  void add(std::string sql, std::function<void()> over) {
    kills_.push_back({std::move(sql), std::move(over)});
    if (backend_ != nullptr) submit(kills_.back().sql);
  }
  bool late(base::TimePoint now) const { return now > give_up_; }
  void start() {
    pool::Wanted wanted;
    wanted.key.server = server_;
    wanted.key.to_replica = to_replica_;
    wanted.key.account = account_;
    wanted.urgent = true;
    if (auto* backend = killer_.pool_.acquire(wanted, *this)) on_backend_ready(*backend);
  }

  void on_backend_ready(pool::Backend& backend) override {
    backend_ = &backend;
    for (const auto& kill : kills_) submit(kill.sql);
  }
  void on_backend_lost(pool::Backend& backend, const base::Error& error, bool) override {
    killer_.pool_.forget(backend);
    backend_ = nullptr;
    log::info("kill_failed", {{"server", backend.server_name()}, {"error", error.message}});
    end();
  }
  void on_backend_drained(pool::Backend&) override {}
  void on_raw(base::ByteView) override {}
  // "Unknown thread id": it ended meanwhile, which is just as well.
  void on_packet(protocol::Part, std::uint8_t, base::ByteView, const protocol::ResponseTracker&) override {}
  void on_end(const protocol::ResponseTracker&) override {
    killer_.tell(std::move(kills_.front().over));
    kills_.pop_front();
    if (!kills_.empty()) return;
    killer_.pool_.release(*std::exchange(backend_, nullptr));
    end();
  }
  void on_lost(const base::Error&) override {}  // on_backend_lost() follows

 private:
  void submit(const std::string& sql) {
    backend_->submit(*this, protocol::Expect::query, backend_->command(com_query, sql));
  }
  void end() {
    over_ = true;
    killer_.finished(this);
  }
  Killer& killer_;
  topology::ServerId server_;
  bool to_replica_;
  protocol::AccountPtr account_;
  base::TimePoint give_up_;
  struct Kill {
    std::string sql;
    std::function<void()> over;
  };
  std::deque<Kill> kills_;  // not yet answered
  pool::Backend* backend_ = nullptr;
  bool over_ = false;
};

Killer::Killer(net::Loop& loop, pool::Pool& pool) : loop_(loop), pool_(pool) {}

Killer::~Killer() = default;

void Killer::kill(const pool::Backend& victim, bool query, std::function<void()> over) {
  const auto& key = victim.key();
  std::string sql = (query ? "KILL QUERY " : "KILL ") + std::to_string(victim.thread_id());
  const auto it =
      std::find_if(jobs_.begin(), jobs_.end(), [&](const auto& job) { return job->serves(key.server, key.account); });
  if (it != jobs_.end()) return (*it)->add(std::move(sql), std::move(over));
  jobs_.push_back(std::make_unique<Job>(*this, key.server, key.to_replica, key.account));
  Job& job = *jobs_.back();
  job.add(std::move(sql), std::move(over));
  job.start();
}

/// Who asked may be in the middle of something.
void Killer::tell(std::function<void()> over) {
  if (over) loop_.defer(std::move(over));
}

void Killer::sweep() {
  const auto now = loop_.now();
  std::erase_if(jobs_, [&](const auto& job) { return job->late(now); });
}

void Killer::finished(Job* job) {
  const auto it = std::find_if(jobs_.begin(), jobs_.end(), [&](const auto& j) { return j.get() == job; });
  if (it == jobs_.end()) return;
  // It is on the call stack.
  loop_.defer([gone = std::shared_ptr<Job>(std::move(*it))] {});
  jobs_.erase(it);
}

}  // namespace wye::session
