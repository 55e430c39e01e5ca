#pragma once
#include <memory>
#include <vector>

#include "proxy/admin/admin_server.h"
#include "proxy/cli/reload.h"
#include "proxy/worker/worker.h"
#include "replication/manager/manager.h"

namespace wye::cli {

/// Connects the admin console with the workers and the manager: the console knows neither.
class Console {
 public:
  Console(net::Loop& loop, const config::Config& config, manager::Manager& manager,
          std::vector<std::unique_ptr<worker::Worker>>& workers, std::vector<const metrics::WorkerMetrics*> counts,
          std::function<std::string()> ready, worker::Shared& shared, Reload& reload);
  base::Status listen();

 private:
  using TableDone = std::function<void(protocol::Table)>;
  void sessions(TableDone done);
  void pools(TableDone done);
  void digests(std::size_t most, TableDone done);
  base::Result<protocol::Table> explain_route(std::string_view sql);
  const config::Config& config_;
  manager::Manager& manager_;
  std::vector<std::unique_ptr<worker::Worker>>& workers_;
  worker::Shared& shared_;
  net::Mailbox mailbox_;  // workers answer through it
  std::unique_ptr<admin::Server> server_;
};

}  // namespace wye::cli
