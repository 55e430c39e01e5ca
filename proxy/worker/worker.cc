#include "proxy/worker/worker.h"

#include "proxy/base/log.h"

namespace wye::worker {

namespace {

constexpr base::milliseconds tick_interval{100};

pool::BackendOptions backend_options(const Shared& shared) {
  using From = config::Tls;
  using To = pool::BackendOptions::Tls;
  const From tls = shared.config.backend.tls;
  return {tls == From::off         ? To::off
          : tls == From::preferred ? To::preferred
          : tls == From::required  ? To::required
                                   : To::verify,
          shared.backend_tls,
          {},
          shared.attributes,
          shared.monitor.get(),
          shared.system_user};
}

}  // namespace

Worker::Worker(Shared& shared, unsigned index, unsigned of)
    : shared_(shared),
      index_(index),
      of_(of),
      config_(shared.live.config),
      mailbox_(loop_),
      pool_(loop_, metrics_,
            {shared.config.pool.max_per_server, shared.config.pool.idle, shared.config.backend.connect_timeout},
            backend_options(shared), shared.accounts_changed),
      killer_(loop_, pool_),
      need_(shared.frontier, shared.config.replication.interval),
      waiters_(loop_, pool_, metrics_, need_, {shared.monitor, shared.config.routing.wait, shared.config.pool.idle}),
      commits_(loop_, pool_, shared.frontier, shared.monitor, shared.config.pool.idle),
      listen_tls_(shared.listen_tls),
      timer_(loop_, [this] { tick(); }) {
  for (const auto& tls : listen_tls_) {
    contexts_.push_back(std::unique_ptr<session::Context>(
        new session::Context{loop_,
                             pool_,
                             metrics_,
                             config_,
                             shared.frontier,
                             shared.globals_set,
                             shared.accounts_changed,
                             shared.routines_changed,
                             need_,
                             waiters_,
                             commits_,
                             shared.live.routing,
                             shared.rsa,
                             tls.get(),
                             shared.monitor,
                             shared.open_sessions,
                             [this](session::SessionId id) { loop_.defer([this, id] { sessions_.erase(id); }); },
                             [this](auto victim, auto asker) { ask_kill_target(victim, asker); },
                             [this](auto victim, bool query) { kill(victim, query); },
                             killer_,
                             {},
                             shared.first,
                             shared.last_known,
                             !shared.last_known.text.empty(),
                             shared.config.accounts.source == "file" ? &shared.listed : nullptr,
                             &digests_,
                             shared.live.rules,
                             index}));
  }
  pool_.set_topology(shared.first);
  waiters_.on_topology(shared.first);
  commits_.on_topology(shared.first);
}

Worker::~Worker() {
  join();
  listeners_.clear();
  sessions_.clear();
  loop_.run_deferred();
}

bool Worker::listen(std::string& error) {
  for (std::size_t i = 0; i < shared_.config.listen.size(); ++i) {
    const int fd = net::listen_tcp(shared_.config.listen[i].address, error);
    if (fd < 0) {
      error = shared_.config.listen[i].address + ": " + error;
      return false;
    }
    listeners_.push_back(std::make_unique<net::Listener>(loop_, fd, [this, i](int client) { accept(client, i); }));
  }
  return true;
}

void Worker::start() {
  timer_.every(tick_interval);
  thread_ = std::thread([this] { loop_.run(); });
}

void Worker::join() {
  if (thread_.joinable()) thread_.join();
}

void Worker::accept(int fd, std::size_t listener) {
  // Unique among the workers, and from 2^31 on: no server gives such ids, so KILL can tell whose it is. After 2^31
  // clients the numbers come again.
  session::SessionId id = 0;
  do {
    accepted_ = (accepted_ + 1) % (0x80000000U / of_);
    id = 0x80000000U | (accepted_ * of_ + index_);
  } while (sessions_.contains(id));
  auto& slot = sessions_[id];
  session::Client client{fd, net::peer_name(fd), net::peer_endpoint(fd), net::local_endpoint(fd),
                         shared_.config.listen[listener].tls};
  client.trusted_proxy = client.source && shared_.trusted_proxies[listener].contains(client.source->address);
  slot = std::make_unique<session::Session>(*contexts_[listener], id, std::move(client));
  slot->start();
}

void Worker::post(std::shared_ptr<const topology::Topology> topology,
                  std::shared_ptr<const routing::Routines> routines) {
  mailbox_.post(
      [this, t = std::move(topology), r = std::move(routines)]() mutable { adopt(std::move(t), std::move(r)); });
}

void Worker::set_tls(std::vector<net::TlsContext> listen, net::TlsContext backend) {
  mailbox_.post([this, listen = std::move(listen), backend = std::move(backend)]() mutable {
    for (std::size_t i = 0; i < contexts_.size(); ++i) contexts_[i]->tls = listen[i].get();
    listen_tls_ = std::move(listen);
    pool_.set_tls(std::move(backend));
  });
}

void Worker::post(std::shared_ptr<const Live> live) {
  mailbox_.post([this, live = std::move(live)] { adopt(*live); });
}

void Worker::adopt(const Live& live) {
  config_ = live.config;
  for (auto& context : contexts_) {
    context->options = live.routing;
    context->rules = live.rules;
  }
  pool_.set_limits({config_.pool.max_per_server, config_.pool.idle, config_.backend.connect_timeout});
  waiters_.set_times(config_.routing.wait, config_.pool.idle);
  commits_.set_idle(config_.pool.idle);
}

void Worker::adopt(std::shared_ptr<const topology::Topology> topology,
                   std::shared_ptr<const routing::Routines> routines) {
  auto& current = contexts_.front()->topology;
  if (current != nullptr && (topology->epoch < current->epoch || topology->serial < current->serial)) return;
  need_.observe(*topology);
  for (auto& context : contexts_) {
    context->topology = topology;
    context->routines = routines;
    if (!topology->primary) continue;
    context->greeting_version = topology->servers[*topology->primary].version;
    context->greeting_known = true;
  }
  pool_.set_topology(topology);
  waiters_.on_topology(topology);
  commits_.on_topology(topology);
  for (auto& [id, session] : sessions_) session->on_topology();
}

session::Session* Worker::find(session::SessionId id) {
  const auto it = sessions_.find(id);
  return it == sessions_.end() ? nullptr : it->second.get();
}

void Worker::ask_kill_target(session::SessionId victim, session::SessionId asker) {
  Worker& there = worker_of(victim);
  there.mailbox_.post([this, &there, victim, asker] {
    auto* session = there.find(victim);
    auto target = session == nullptr ? session::KillTarget{} : session->kill_target();
    mailbox_.post([this, asker, target = std::move(target)] {
      if (auto* waiting = find(asker)) waiting->on_kill_target(target);
    });
  });
}

void Worker::kill(session::SessionId victim, bool query) {
  Worker& there = worker_of(victim);
  there.mailbox_.post([&there, victim, query] {
    auto* session = there.find(victim);
    if (session == nullptr) return;
    if (query) {
      session->interrupt();
    } else {
      session->close("killed");
    }
  });
}

void Worker::tick() {
  pool_.sweep();
  killer_.sweep();
  waiters_.sweep();
  commits_.sweep();
  for (auto& [id, session] : sessions_) session->tick();
  if (!draining_) return;
  const bool late = loop_.now() > drain_until_;
  for (auto& [id, session] : sessions_) {
    if (late || session->quiet()) session->close("wye shuts down");
  }
  if (sessions_.empty() || late) loop_.stop();
}

void Worker::drain(base::milliseconds drain) {
  mailbox_.post([this, drain] {
    draining_ = true;
    drain_until_ = loop_.now() + drain;
    listeners_.clear();
    tick();
  });
}

void Worker::with_sessions(std::function<void(std::vector<session::Session::Row>)> use) {
  mailbox_.post([this, use = std::move(use)] {
    std::vector<session::Session::Row> rows;
    rows.reserve(sessions_.size());
    for (const auto& [id, session] : sessions_) rows.push_back(session->row());
    use(std::move(rows));
  });
}

void Worker::with_users_of(topology::ServerId server,
                           std::function<void(std::optional<std::vector<session::Session::Row>>)> use) {
  mailbox_.post([this, server, use = std::move(use)] {
    const auto& topology = *contexts_.front()->topology;
    if (server >= topology.servers.size() || !topology.servers[server].leaving) return use(std::nullopt);
    std::vector<session::Session::Row> rows;
    for (const auto& [id, session] : sessions_) {
      if (session->uses(server)) rows.push_back(session->row());
    }
    use(std::move(rows));
  });
}

void Worker::with_pools(std::function<void(std::vector<pool::Pool::Row>)> use) {
  mailbox_.post([this, use = std::move(use)] { use(pool_.rows()); });
}

void Worker::with_digests(std::function<void(std::vector<metrics::DigestEntry>)> use) {
  mailbox_.post([this, use = std::move(use)] { use(digests_.entries()); });
}

}  // namespace wye::worker
