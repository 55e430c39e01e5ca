#include "proxy/cli/console.h"

#include <cstdio>

#include "proxy/admin/tables.h"
#include "proxy/cli/version.h"
#include "proxy/routing/levels.h"
#include "proxy/routing/token.h"
#include "proxy/session/driver/explain_table.h"
#include "proxy/sql/digest.h"

namespace wye::cli {

namespace {

using Row = std::vector<protocol::Cell>;

Row session_row(const session::Session::Row& r) {
  char seconds[32];
  std::snprintf(seconds, sizeof seconds, "%.3f", r.seconds);
  const auto text = [](const std::string& s) { return s.empty() ? protocol::Cell{} : protocol::Cell{s}; };
  return {std::to_string(r.id), text(r.user),        r.client, text(r.schema),    r.state,      text(r.server),
          text(r.pinned_by),    text(r.transaction), seconds,  text(r.statement), text(r.keeps)};
}

/// Collects one answer from every worker; the last one hands the whole over, on the console's thread.
struct Gathering {
  protocol::Table table;
  std::size_t left = 0;
  std::function<void(protocol::Table)> done;
};

}  // namespace

Console::Console(net::Loop& loop, const config::Config& config, manager::Manager& manager,
                 std::vector<std::unique_ptr<worker::Worker>>& workers,
                 std::vector<const metrics::WorkerMetrics*> counts, std::function<std::string()> ready,
                 worker::Shared& shared, Reload& reload)
    : config_(config), manager_(manager), workers_(workers), shared_(shared), mailbox_(loop) {
  admin::Context context;
  context.topology = [this] { return manager_.latest(); };
  context.metrics = std::move(counts);
  context.sessions = [this](TableDone done) { sessions(std::move(done)); };
  context.pools = [this](TableDone done) { pools(std::move(done)); };
  context.digests = [this](std::size_t most, TableDone done) { digests(most, std::move(done)); };
  context.readiness = std::move(ready);
  context.set_drained = [this](std::string_view name, bool drained) { return manager_.set_drained(name, drained); };
  context.set_up = [this](manager::SetUpRequest request, std::function<void(manager::SetUpAnswer)> done) {
    return manager_.set_up(std::move(request), [this, done = std::move(done)](manager::SetUpAnswer answer) {
      mailbox_.post([done, answer = std::move(answer)] { done(answer); });
    });
  };
  context.verify = [this](manager::VerifyRequest request, std::function<void(manager::VerifyReport)> done) {
    return manager_.verify(std::move(request), [this, done = std::move(done)](const manager::VerifyReport& report) {
      mailbox_.post([done, report] { done(report); });
    });
  };
  context.verification = [this] { return manager_.verification(); };
  context.cancel_verify = [this] { return manager_.cancel_verify(); };
  context.read = [this](manager::ReadRequest request, manager::ReadDone done) {
    return manager_.read(std::move(request), [this, done = std::move(done)](base::Result<server::Table> answer) {
      mailbox_.post([done, answer = std::move(answer)] { done(answer); });
    });
  };
  context.provision = [this](manager::ProvisionRequest request, std::function<void(manager::SetUpAnswer)> done) {
    return manager_.provision(std::move(request), [this, done = std::move(done)](manager::SetUpAnswer answer) {
      mailbox_.post([done, answer = std::move(answer)] { done(answer); });
    });
  };
  context.repair = [this](manager::RepairRequest request, std::function<void(manager::SetUpAnswer)> done) {
    return manager_.repair(std::move(request), [this, done = std::move(done)](manager::SetUpAnswer answer) {
      mailbox_.post([done, answer = std::move(answer)] { done(answer); });
    });
  };
  context.errant = [this] { return manager_.errant(); };
  context.add_server = [this](manager::AddRequest request, std::function<void(manager::SetUpAnswer)> done) {
    return manager_.add(std::move(request), [this, done = std::move(done)](manager::SetUpAnswer answer) {
      mailbox_.post([done, answer = std::move(answer)] { done(answer); });
    });
  };
  context.remove_server = [this](manager::RemoveRequest request, std::function<void(manager::SetUpAnswer)> done) {
    return manager_.remove(std::move(request), [this, done = std::move(done)](manager::SetUpAnswer answer) {
      mailbox_.post([done, answer = std::move(answer)] { done(answer); });
    });
  };
  context.problems = [this] { return manager_.problems(); };
  context.operation = [this] { return manager_.operation(); };
  context.config = &shared_.live.config;
  context.rules = [&reload] { return reload.rules(); };
  context.file = reload.statements();
  context.explain_route = [this](std::string_view sql) { return explain_route(sql); };
  context.version = version;
  server_ = std::make_unique<admin::Server>(loop, std::move(context));
}

base::Status Console::listen() { return server_->listen(config_.admin.socket, config_.admin.mode); }

void Console::sessions(TableDone done) {
  auto gathering = std::make_shared<Gathering>();
  gathering->table.columns = {"id",        "user",        "client",  "schema",    "state", "server",
                              "pinned_by", "transaction", "seconds", "statement", "keeps"};
  gathering->left = workers_.size();
  gathering->done = std::move(done);
  for (auto& worker : workers_) {
    worker->with_sessions([this, gathering](std::vector<session::Session::Row> rows) {
      mailbox_.post([gathering, rows = std::move(rows)] {
        for (const auto& r : rows) gathering->table.rows.push_back(session_row(r));
        if (--gathering->left == 0) gathering->done(std::move(gathering->table));
      });
    });
  }
}

void Console::pools(TableDone done) {
  auto gathering = std::make_shared<Gathering>();
  gathering->table.columns = {"server", "user", "idle", "in_use", "connecting"};
  gathering->left = workers_.size();
  gathering->done = std::move(done);
  for (auto& worker : workers_) {
    worker->with_pools([this, gathering](std::vector<pool::Pool::Row> rows) {
      mailbox_.post([this, gathering, rows = std::move(rows)] {
        const auto topology = manager_.latest();
        for (const auto& r : rows)
          gathering->table.rows.push_back({topology->servers[r.server].name, r.user, std::to_string(r.idle),
                                           std::to_string(r.in_use), std::to_string(r.connecting)});
        if (--gathering->left == 0) gathering->done(std::move(gathering->table));
      });
    });
  }
}

void Console::digests(std::size_t most, TableDone done) {
  struct Digests {
    std::vector<metrics::DigestEntry> all;
    std::size_t left = 0;
  };
  auto gathering = std::make_shared<Digests>();
  gathering->left = workers_.size();
  for (auto& worker : workers_) {
    worker->with_digests([this, gathering, most, done](std::vector<metrics::DigestEntry> some) {
      mailbox_.post([gathering, most, done, some = std::move(some)] {
        gathering->all.insert(gathering->all.end(), some.begin(), some.end());
        if (--gathering->left > 0) return;
        done(admin::digests_table(std::move(gathering->all), most, base::Clock::now()));
      });
    });
  }
}

/// For a new session without any state; on the client port EXPLAIN ROUTE answers for the session itself.
base::Result<protocol::Table> Console::explain_route(std::string_view sql) {
  const auto topology = manager_.latest();
  sql::Dialect dialect;
  dialect.mariadb = topology->flavour == topology::Flavour::mariadb;
  if (topology->primary) dialect.version = topology->servers[*topology->primary].version.number;
  sql::Digester digester{dialect};
  const auto facts = sql::classify(sql, dialect, &digester);
  const auto digest = digester.finish(facts.kind != sql::Kind::unknown).hash;
  const auto& rules = shared_.live.rules;
  const routing::Rule* const rule = rules == nullptr ? nullptr : rules->match({{}, {}, sql, nullptr, digest, dialect});
  routing::FrontierNeed frontier(shared_.frontier);
  frontier.observe(*topology);
  const routing::SessionPosition nothing;
  const auto token = routing::parse_token(topology->flavour, facts.hint.token);
  const routing::LevelNeed need(frontier, nothing, token ? &*token : nullptr);
  std::vector<routing::Candidate> candidates;
  const auto route =
      routing::explain({facts, {}, *topology, need, shared_.live.routing, {}, base::Clock::now(), rule}, candidates);
  if (!route) return route.error();
  return session::explain_table(facts, *route, candidates, *topology, rule);
}

}  // namespace wye::cli
