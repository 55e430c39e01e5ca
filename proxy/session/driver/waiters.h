#pragma once
#include <memory>
#include <optional>
#include <vector>

#include "proxy/metrics/worker_metrics.h"
#include "proxy/net/loop.h"
#include "proxy/pool/pool.h"
#include "proxy/protocol/secret.h"
#include "proxy/routing/frontier.h"

namespace wye::session {

/// Reads that wait for a replica to have what they need (routing.md 5). Each replica is asked over one connection of
/// this worker's, with wye's own account, one question at a time: WAIT_FOR_EXECUTED_GTID_SET or MASTER_GTID_WAIT for
/// the newest need of those that wait. What an answer proves is kept in FrontierNeed::positions(), so that most reads
/// need no question. Replicas that can't be asked, or where waiting was in vain lately, are marked in Pool::load().
///
/// One worker; outlives its sessions, ends before its pool.
class Waiters {
 public:
  /// One that waits. It is told once, unless it cancels; never from inside wait().
  class Reader {
   public:
    virtual ~Reader() = default;
    virtual void on_wait_over(metrics::WaitOutcome outcome) = 0;
  };
  struct Settings {
    protocol::AccountPtr account;
    base::milliseconds wait;  // at most
    base::milliseconds idle;  // a connection without questions is closed then
  };
  Waiters(net::Loop& loop, pool::Pool& pool, metrics::WorkerMetrics& metrics, routing::FrontierNeed& need,
          Settings settings);
  ~Waiters();
  Waiters(const Waiters&) = delete;
  Waiters& operator=(const Waiters&) = delete;

  /// Until one of the replicas has the goal, which must live until then.
  void wait(Reader& reader, const routing::Goal& goal, const routing::WaitFor& replicas);
  void cancel(const Reader& reader);
  /// A read went to the primary at once, although waiting might be worth a try again: a question finds out.
  void passed_over();
  /// After FrontierNeed::observe().
  void on_topology(std::shared_ptr<const topology::Topology> topology);
  void set_times(base::milliseconds wait, base::milliseconds idle);
  void sweep();  // every 100 ms or so

 private:
  class Asker;
  struct Waiting {
    Reader* reader;
    const routing::Goal* goal;
    routing::WaitFor replicas;
    base::TimePoint since;
  };
  Asker& asker(topology::ServerId server);
  std::optional<routing::Goal> joint_goal(topology::ServerId server) const;
  bool covered(const Waiting& waiting, topology::ServerId server) const;
  template <class Over>
  std::vector<Waiting> take(Over&& is_over);
  void release_covered();
  void give_up(topology::ServerId server);
  void time_out();
  void end(const std::vector<Waiting>& over, metrics::WaitOutcome outcome);
  void set_timer();

  net::Loop& loop_;
  pool::Pool& pool_;
  metrics::WorkerMetrics& metrics_;
  routing::FrontierNeed& need_;
  Settings settings_;
  std::shared_ptr<const topology::Topology> topology_;
  std::vector<std::unique_ptr<Asker>> askers_;  // by ServerId; made when first needed
  std::vector<Waiting> waiting_;                // the oldest first
  net::Timer timer_;
};

}  // namespace wye::session
