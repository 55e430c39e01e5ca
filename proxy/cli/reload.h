#pragma once
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "proxy/admin/admin_server.h"
#include "proxy/worker/worker.h"
#include "replication/manager/manager.h"

namespace wye::cli {

/// The configuration file while wye runs: what it would change, and the changes. A file with a mistake changes nothing.
/// Main's thread, but for rules().
class Reload {
 public:
  using Apply = std::function<void(std::shared_ptr<const worker::Live>)>;
  /// manager::Manager::settle_with
  using Settle = std::function<std::vector<manager::Member>(const std::vector<manager::Member>& listed, bool keep)>;
  /// `shared.live` is what is in force; `apply` gives a new one to all others.
  Reload(net::Loop& loop, std::string path, worker::Shared& shared, std::size_t workers, Apply apply, Settle settle);

  base::Result<protocol::Table> plan() const;
  /// `confirm`: goes back by itself if confirm() does not come in that time.
  base::Result<protocol::Table> reload(std::optional<base::milliseconds> confirm);
  base::Status confirm();
  /// To what was in force before the last reload, or before the first that was not confirmed.
  base::Result<protocol::Table> rollback();
  /// ADD SERVER and REMOVE SERVER change what is in force, not the file.
  void set_member(const plan::Membership& what);
  admin::ConfigFile statements();
  std::shared_ptr<const routing::Rules> rules() const;  // any thread

 private:
  base::Status put(config::Config config);
  config::Config with_members(config::Config of_file, bool keep) const;
  void late();

  const std::string path_;
  worker::Shared& shared_;
  const std::size_t workers_;
  Apply apply_;
  Settle settle_;
  std::optional<config::Config> before_;
  bool unconfirmed_ = false;
  net::Timer timer_;
  mutable std::mutex mutex_;  // guards rules_
  std::shared_ptr<const routing::Rules> rules_;
};

}  // namespace wye::cli
