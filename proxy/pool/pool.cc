#include "proxy/pool/pool.h"

#include <algorithm>

namespace wye::pool {

namespace {
constexpr base::milliseconds login_limit{10'000};
}

Pool::Pool(net::Loop& loop, metrics::WorkerMetrics& metrics, Limits limits, BackendOptions options,
           const routing::Latest& accounts_changed)
    : loop_(loop),
      metrics_(metrics),
      limits_(limits),
      options_(std::move(options)),
      accounts_changed_(accounts_changed) {}

Pool::~Pool() {
  for (auto& backend : backends_) {
    backend->set_holder(nullptr);
    backend->close();
  }
}

void Pool::set_topology(std::shared_ptr<const topology::Topology> topology) {
  topology_ = std::move(topology);
  if (counts_.size() < topology_->servers.size()) {
    counts_.resize(topology_->servers.size(), 0);
    load_.resize(topology_->servers.size());
  }
  for (std::size_t i = 0; i < backends_.size(); ++i) {
    Backend& backend = *backends_[i];
    if (!backend.dead() && backend.holder() == this && role_changed(backend)) discard(backend);
  }
}

bool Pool::role_changed(const Backend& backend) const {
  const auto& server = topology_->servers[backend.key().server];
  if (server.leaving || server.removed) return true;
  const bool is_primary = topology_->primary == backend.key().server;
  return is_primary == backend.key().to_replica;
}

/// Best the one that it gave back itself, then one that its statements can make its own, then one that must be reset.
Backend* Pool::find_idle(const Wanted& wanted) {
  Backend *fits = nullptr, *after_reset = nullptr;
  for (auto it = backends_.rbegin(); it != backends_.rend(); ++it) {
    Backend& backend = **it;
    if (backend.holder() != this || !backend.idle() || !(backend.key() == wanted.key)) continue;
    if (!backend.state().schema.empty() && wanted.schema.empty()) continue;
    if (accounts_changed_.since(backend.opened())) continue;
    if (wanted.session == nullptr || !wanted.session->differs(backend.state())) return &backend;
    if (fits == nullptr && (backend.reset_is_due() || wanted.session->fits(backend.state()))) fits = &backend;
    if (after_reset == nullptr && backend.survives_reset()) after_reset = &backend;
  }
  return fits != nullptr ? fits : after_reset;
}

void Pool::prepare_for(Backend& backend, const Wanted& wanted) {
  const bool fits = wanted.session == nullptr || wanted.session->fits(backend.state());
  if (!fits && !backend.reset_is_due()) backend.reset_before_next();
}

void Pool::set_limits(Limits limits) {
  limits_ = limits;
  for (std::size_t server = 0; server < counts_.size(); ++server)
    serve_waiting(static_cast<topology::ServerId>(server));
}

void Pool::set_tls(net::TlsContext context) {
  options_.tls_context = std::move(context);
  tls_sessions_.clear();  // what the old authorities vouched for is looked at again
}

const std::shared_ptr<net::TlsSession>& Pool::tls_session(topology::ServerId server) {
  if (tls_sessions_.size() <= server) tls_sessions_.resize(std::size_t{server} + 1);
  auto& session = tls_sessions_[server];
  if (session == nullptr) session = std::make_shared<net::TlsSession>();
  return session;
}

Backend& Pool::open(const Wanted& wanted, BackendHolder& holder) {
  const auto& server = topology_->servers[wanted.key.server];
  BackendOptions options = options_;
  if (options.tls_context != nullptr) options.tls_session = tls_session(wanted.key.server);
  backends_.push_back(std::make_unique<Backend>(loop_, server, wanted.key, std::move(options), wanted.schema));
  Backend& backend = *backends_.back();
  ++counts_[wanted.key.server];
  metrics_.server(wanted.key.server).connections[metrics::BackendState::connecting].add();
  backend.open(holder);
  return backend;
}

/// Closes one idle connection of another key, so that this key is not starved by what nobody uses.
bool Pool::make_room(topology::ServerId server) {
  if (!full(server)) return true;
  Backend* oldest = nullptr;
  for (auto& backend : backends_) {
    if (backend->holder() != this || !backend->idle() || backend->key().server != server) continue;
    if (oldest == nullptr || backend->since() < oldest->since()) oldest = backend.get();
  }
  if (oldest == nullptr) return false;
  discard(*oldest);
  return true;
}

Backend* Pool::acquire(const Wanted& wanted, BackendHolder& holder) {
  if (!wanted.new_login) {
    if (Backend* idle = find_idle(wanted)) {
      idle->set_holder(&holder);
      idle->touch(loop_.now());
      prepare_for(*idle, wanted);
      if (idle->reset_is_due()) idle->state().defaults = topology_->servers[wanted.key.server].defaults;
      return idle;
    }
  }
  if (wanted.urgent || make_room(wanted.key.server)) {
    open(wanted, holder);
  } else {
    waiting_.push_back({wanted, &holder});
    // Not now: the holder that asks for one may be told that it has it only after this.
    loop_.defer([this, server = wanted.key.server] {
      if (this->wanted(server)) ask_holders(server);
    });
  }
  return nullptr;
}

bool Pool::wanted(topology::ServerId server) const {
  return std::any_of(waiting_.begin(), waiting_.end(), [&](const Waiting& w) { return w.wanted.key.server == server; });
}

bool Pool::waits(const BackendHolder& holder) const {
  return std::any_of(waiting_.begin(), waiting_.end(), [&](const Waiting& w) { return w.holder == &holder; });
}

/// Whoever has not used his for the longest time is asked first.
void Pool::ask_holders(topology::ServerId server) {
  std::vector<Backend*> held;
  for (auto& backend : backends_) {
    if (backend->key().server == server && backend->idle() && backend->holder() != this && backend->holder() != nullptr)
      held.push_back(backend.get());
  }
  std::sort(held.begin(), held.end(), [](const Backend* a, const Backend* b) { return a->since() < b->since(); });
  for (const bool reluctantly : {false, true}) {
    for (Backend* backend : held) {
      if (backend->holder()->on_backend_wanted(*backend, reluctantly)) return;
    }
  }
}

void Pool::cancel(BackendHolder& holder) {
  std::erase_if(waiting_, [&](const Waiting& w) { return w.holder == &holder; });
  for (auto& backend : backends_) {
    if (backend->holder() != &holder || backend->ready() || backend->dead()) continue;
    discard(*backend);  // a login under way for one session is of no use to another
    return;
  }
}

void Pool::release(Backend& backend, bool unchanged) {
  if (backend.dead()) return;
  if (role_changed(backend) || !backend.idle() || backend.key().passed != nullptr) return discard(backend);
  if (!unchanged && !backend.survives_reset()) return discard(backend);
  backend.set_holder(this);
  backend.touch(loop_.now());
  backend.stream().resume_reading();  // it may have been paused for a slow client
  if (!unchanged) backend.reset_before_next();
  serve_waiting(backend.key().server);
}

void Pool::discard(Backend& backend) {
  if (backend.dead()) return;
  backend.set_holder(nullptr);
  backend.close();
  forget(backend);
}

void Pool::forget(const Backend& backend) {
  const auto server = backend.key().server;
  --counts_[server];
  loop_.defer([this, server] {
    std::erase_if(backends_, [](const auto& b) { return b->dead(); });
    serve_waiting(server);
  });
}

void Pool::serve_waiting(topology::ServerId server) {
  for (auto it = waiting_.begin(); it != waiting_.end();) {
    if (it->wanted.key.server != server) {
      ++it;
      continue;
    }
    Backend* idle = it->wanted.new_login ? nullptr : find_idle(it->wanted);
    if (idle == nullptr && !make_room(server)) return;
    Waiting next = std::move(*it);
    it = waiting_.erase(it);
    if (idle == nullptr) {
      open(next.wanted, *next.holder);
      continue;
    }
    idle->set_holder(next.holder);
    idle->touch(loop_.now());
    prepare_for(*idle, next.wanted);
    if (idle->reset_is_due()) idle->state().defaults = topology_->servers[server].defaults;
    next.holder->on_backend_ready(*idle);
    return serve_waiting(server);  // the queue may have changed under us
  }
}

/// Of a server that is to be removed each holder is asked; of one that is gone nobody is.
void Pool::take_back() {
  const auto leaves = [this](const Backend& backend) {
    const auto& server = topology_->servers[backend.key().server];
    return !backend.dead() && (server.leaving || server.removed);
  };
  std::vector<Backend*> held;
  for (auto& backend : backends_) {
    if (leaves(*backend)) held.push_back(backend.get());
  }
  for (Backend* backend : held) {  // what dies meanwhile is freed after this turn
    if (backend->dead()) continue;
    if (topology_->servers[backend->key().server].removed) {
      backend->on_closed("the server was removed");
    } else if (backend->idle() && backend->holder() != nullptr && backend->holder() != this) {
      backend->holder()->on_backend_wanted(*backend, true);
    }
  }
}

void Pool::sweep() {
  const auto now = loop_.now();
  take_back();
  for (std::size_t i = 0; i < backends_.size(); ++i) {
    Backend& backend = *backends_[i];
    if (backend.dead()) continue;
    if (!backend.ready()) {
      // A server that has greeted is alive; a crowd of TLS handshakes may still take it a while.
      const auto limit = backend.greeted() ? std::max(limits_.connect_timeout, login_limit) : limits_.connect_timeout;
      if (now - backend.since() > limit) backend.on_closed("connect timed out");
    } else if (backend.holder() == this &&
               (now - backend.since() > limits_.idle || accounts_changed_.since(backend.opened()))) {
      discard(backend);
    }
  }
  struct Count {
    std::int64_t idle = 0, in_use = 0, connecting = 0;
  };
  std::vector<Count> counts(counts_.size());
  for (const auto& backend : backends_) {
    if (backend->dead()) continue;
    auto& c = counts[backend->key().server];
    ++(!backend->ready() ? c.connecting : backend->holder() == this ? c.idle : c.in_use);
  }
  for (std::size_t i = 0; i < counts.size(); ++i) {
    auto& gauges = metrics_.server(static_cast<topology::ServerId>(i)).connections;
    gauges[metrics::BackendState::idle].set(counts[i].idle);
    gauges[metrics::BackendState::in_use].set(counts[i].in_use);
    gauges[metrics::BackendState::connecting].set(counts[i].connecting);
  }
}

std::vector<Pool::Row> Pool::rows() const {
  std::vector<Row> rows;
  for (const auto& backend : backends_) {
    if (backend->dead()) continue;
    const auto& key = backend->key();
    auto it = std::find_if(rows.begin(), rows.end(),
                           [&](const Row& r) { return r.server == key.server && r.user == key.account->user; });
    if (it == rows.end()) it = rows.insert(rows.end(), Row{key.server, key.account->user, 0, 0, 0});
    ++(!backend->ready() ? it->connecting : backend->holder() == this ? it->idle : it->in_use);
  }
  return rows;
}

void Pool::on_backend_ready(Backend& backend) { release(backend, true); }

void Pool::on_backend_lost(Backend& backend, const Error&, bool) { forget(backend); }

}  // namespace wye::pool
