#pragma once
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "proxy/admin/admin_server.h"
#include "proxy/worker/worker.h"

namespace wye::cli {

/// The configuration file while wye runs: what it would change, and the changes. A file with a mistake changes nothing.
/// Main's thread, but for rules().
class Reload {
 public:
  using Apply = std::function<void(std::shared_ptr<const worker::Live>)>;
  /// `shared.live` is what is in force; `apply` gives a new one to all others.
  Reload(net::Loop& loop, std::string path, worker::Shared& shared, std::size_t workers, Apply apply);

  base::Result<protocol::Table> plan() const;
  /// `confirm`: goes back by itself if confirm() does not come in that time.
  base::Result<protocol::Table> reload(std::optional<base::milliseconds> confirm);
  base::Status confirm();
  /// To what was in force before the last reload, or before the first that was not confirmed.
  base::Result<protocol::Table> rollback();
  admin::ConfigFile statements();
  std::shared_ptr<const routing::Rules> rules() const;  // any thread

 private:
  base::Status put(config::Config config);
  void late();

  const std::string path_;
  worker::Shared& shared_;
  const std::size_t workers_;
  Apply apply_;
  std::optional<config::Config> before_;
  bool unconfirmed_ = false;
  net::Timer timer_;
  mutable std::mutex mutex_;  // guards rules_
  std::shared_ptr<const routing::Rules> rules_;
};

}  // namespace wye::cli
