#pragma once
#include <functional>
#include <string>
#include <vector>

#include "proxy/pool/backend.h"

namespace wye::session {

/// Takes the whole answers of wye's own small queries, one after the other. Fails when one grows beyond 256 KiB.
class RowCollector final : public pool::ResponseSink {
 public:
  using Rows = std::vector<std::vector<std::string>>;  // NULL is an empty string
  using Done = std::function<void(const Rows* rows)>;  // nullptr: the query failed or the connection was lost
  explicit RowCollector(Done done) : done_(std::move(done)) {}

  void on_raw(base::ByteView frames) override;
  void on_packet(protocol::Part part, std::uint8_t sequence, base::ByteView payload,
                 const protocol::ResponseTracker& tracker) override;
  void on_end(const protocol::ResponseTracker& tracker) override;
  void on_lost(const base::Error&) override {
    frames_.clear();
    too_big_ = false;
    done_(nullptr);
  }

  /// Once it is done: definitions and rows, as they came.
  const base::Bytes& frames() const { return frames_; }
  std::uint64_t definitions() const { return definitions_; }
  /// The packet that says how many columns there are.
  const base::Bytes& head() const { return head_; }

 private:
  Done done_;
  base::Bytes head_, frames_;
  std::uint64_t columns_ = 0, definitions_ = 0;
  bool too_big_ = false;
};

}  // namespace wye::session
