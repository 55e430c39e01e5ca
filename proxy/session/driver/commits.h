#pragma once
#include <memory>
#include <optional>
#include <vector>

#include "proxy/net/loop.h"
#include "proxy/pool/pool.h"
#include "proxy/protocol/secret.h"
#include "proxy/routing/frontier.h"
#include "proxy/routing/shown.h"
#include "proxy/session/driver/collector.h"

namespace wye::session {

/// Commits that an answer does not name (routing.md 5): what the primary has by now is asked on a connection of this
/// worker's, with wye's own account, and raises the frontier before the answer passes. One question at a time, for all
/// that wait. Who can't be told in time gets Frontier::unreported_commit. And commits that replicas may have shown
/// while they were on their way: a read on the primary waits until they are over (routing::Shown).
///
/// One worker; outlives its sessions, ends before its pool.
class Commits final : public pool::BackendHolder {
 public:
  /// One that waits. It is told once, unless it cancels; never from inside ask().
  class Holder {
   public:
    virtual ~Holder() = default;
    virtual void on_commits_known() = 0;
  };
  Commits(net::Loop& loop, pool::Pool& pool, routing::Frontier& frontier, protocol::AccountPtr account,
          base::milliseconds idle);
  ~Commits() override;
  Commits(const Commits&) = delete;
  Commits& operator=(const Commits&) = delete;

  /// A commit: readers are warned if it can't be known. The others are reads, which warn nobody. `shown`: until the
  /// primary shows what replicas showed before the call.
  enum class Why : std::uint8_t { commit, token, reads, shown };
  /// False: the primary can't be asked, and readers have been warned. True: `holder` waits.
  bool ask(Holder& holder, Why why);
  /// All that the primary had, or was about to show, when it was last asked.
  struct Known {
    std::shared_ptr<const topology::GtidSet> set;
    base::TimePoint asked{};
    topology::ServerId server = 0;
  };
  const Known& known() const { return known_; }
  /// What replicas showed before this is to be seen on the primary.
  base::TimePoint shown_until() const { return shown_.until(); }
  void cancel(const Holder& holder);
  /// Nothing can wait: readers go to the primary until it has been observed.
  void warn();
  void on_topology(std::shared_ptr<const topology::Topology> topology);
  void set_idle(base::milliseconds idle) { idle_ = idle; }
  void sweep();  // every 100 ms or so

  // pool::BackendHolder
  void on_backend_ready(pool::Backend& backend) override;
  void on_backend_lost(pool::Backend& backend, const base::Error& error, bool server_said_so) override;
  void on_backend_drained(pool::Backend&) override {}

 private:
  struct Waiting {
    Holder* holder;
    base::TimePoint since;
    bool asked;  // by the question that is on its way
    Why why;
    bool again = false;  // the last answer was not what it waits for
  };
  bool open();
  void send();
  void ask_now();
  void answered(const RowCollector::Rows* rows);
  bool note(const RowCollector::Rows& rows);
  void note_shown(const topology::GtidSet& owned);
  bool is_told(const Waiting& waiting) const;
  bool raise(const topology::GtidSet& set, const std::string& uuid);
  template <class Which>
  bool any(Which&& which) const;
  bool observed(const topology::GtidSource& source, const topology::GtidSet::Entry& entry) const;
  void close();
  void failed();
  void time_out();
  void set_timer();
  template <class Which>
  std::vector<Holder*> take(Which&& which);

  net::Loop& loop_;
  pool::Pool& pool_;
  routing::Frontier& frontier_;
  protocol::AccountPtr account_;
  base::milliseconds idle_;
  std::shared_ptr<const topology::Topology> topology_;
  pool::Backend* backend_ = nullptr;
  std::optional<topology::ServerId> server_;  // whose connection that is, or will be
  bool opening_ = false, asking_ = false;
  base::TimePoint used_at_{}, retry_at_{}, asked_at_{};
  unsigned failures_ = 0;
  std::vector<Waiting> waiting_;  // the oldest first
  Known known_;
  routing::Shown shown_;
  std::optional<routing::BinlogPosition> end_, visible_;  // MariaDB: of the question that is on its way
  bool told_unseen_ = false;                              // in the log, that these are not to be had
  RowCollector collector_, end_collector_, visible_collector_;
  net::Timer timer_;
  base::TimePoint timer_at_{};
};

}  // namespace wye::session
