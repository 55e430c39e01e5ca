#pragma once
#include <optional>
#include <string>

#include "proxy/routing/positions.h"
#include "proxy/session/driver/waiters.h"

namespace wye::session {

/// The connection of one worker on which one replica is asked whether, and when, it has a position.
class Waiters::Asker final : public pool::BackendHolder, public pool::ResponseSink {
 public:
  Asker(Waiters& waiters, topology::ServerId server);
  ~Asker() override;

  void want();                        // a read has begun to wait for this replica
  void probe();                       // reads don't wait for it any more: find out whether they could, if that is due
  void in_vain(base::TimePoint now);  // a read's time is over
  void on_topology();
  void sweep();

  // pool::BackendHolder
  void on_backend_ready(pool::Backend& backend) override;
  void on_backend_lost(pool::Backend& backend, const base::Error& error, bool server_said_so) override;
  void on_backend_drained(pool::Backend&) override {}
  // pool::ResponseSink: the answer
  void on_raw(base::ByteView frames) override;
  void on_packet(protocol::Part, std::uint8_t, base::ByteView, const protocol::ResponseTracker&) override {}
  void on_end(const protocol::ResponseTracker& tracker) override;
  void on_lost(const base::Error&) override {}  // on_backend_lost() follows

 private:
  struct Asked {
    routing::Goal goal;
    std::uint32_t life = 0;
    base::TimePoint at;
    bool late = false;  // a read has waited for its answer in vain
  };
  enum class Answer : std::uint8_t { yes, not_yet, failed };
  void open();
  void ask();
  std::string statement(const std::string& gtids) const;
  Answer parse_answer() const;
  void note_time(base::TimePoint now);
  void close();
  void failed(const std::string& why);
  void mark();
  const topology::Server& replica() const { return waiters_.topology_->servers[server_]; }

  Waiters& waiters_;
  topology::ServerId server_;
  pool::Backend* backend_ = nullptr;
  bool opening_ = false;
  bool slow_to_open_ = false;  // a read's time was over before there was a connection
  bool probing_ = false;       // a question is wanted that no read waits for
  std::uint32_t life_ = 0;     // of the server, when the connection was wanted
  std::optional<Asked> asked_;
  std::optional<base::TimePoint> trying_since_;  // questions that came back with no, or not at all
  base::Bytes frames_;
  base::TimePoint used_at_{};
  unsigned failures_ = 0;  // since the last answer
  base::TimePoint retry_at_{};
  routing::WaitEstimate estimate_;
};

}  // namespace wye::session
