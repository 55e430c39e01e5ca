#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "proxy/session/driver/collector.h"
#include "proxy/session/driver/context.h"

namespace wye::session {

/// Reads the rows of an account's name from the primary's mysql.user with the monitor's account: what
/// mysql_native_password needs, and whether TLS is required. One question; destroying it gives up.
class AccountLookup final : public pool::BackendHolder {
 public:
  using Rows = std::optional<std::vector<AccountRow>>;
  using Done = std::function<void(const Rows& rows)>;  // may destroy the lookup
  AccountLookup(Context& context, std::string user, Done done);
  ~AccountLookup() override;
  void start(topology::ServerId server, bool to_replica);

  void on_backend_ready(pool::Backend& backend) override;
  void on_backend_lost(pool::Backend& backend, const base::Error& error, bool server_said_so) override;
  void on_backend_drained(pool::Backend&) override {}

 private:
  void finish(const RowCollector::Rows* rows);
  Context& context_;
  std::string user_;
  Done done_;
  pool::Backend* backend_ = nullptr;
  RowCollector collector_;
};

}  // namespace wye::session
