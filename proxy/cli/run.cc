#include "proxy/cli/run.h"

#include <netdb.h>
#include <pwd.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <iostream>
#include <thread>

#include "proxy/base/log.h"
#include "proxy/cli/console.h"
#include "proxy/cli/members.h"
#include "proxy/cli/reload.h"
#include "proxy/cli/version.h"
#include "proxy/config/config.h"
#include "proxy/metrics/http.h"
#include "proxy/net/key_file.h"
#include "proxy/net/signals.h"
#include "proxy/worker/worker.h"
#include "replication/manager/manager.h"

// Wiring only: configuration -> objects -> run -> stop.
namespace wye::cli {

routing::Options routing_options(const config::Config& config) {
  routing::Options options;
  const auto& r = config.routing;
  options.consistency = r.consistency == "eventual"    ? routing::Consistency::eventual
                        : r.consistency == "monotonic" ? routing::Consistency::monotonic
                        : r.consistency == "session"   ? routing::Consistency::session
                        : r.consistency == "primary"   ? routing::Consistency::primary
                                                       : routing::Consistency::global;
  options.max_lag = r.max_lag;
  options.wait = r.wait;
  options.reads_on_primary = r.reads_on_primary == "never"    ? routing::ReadsOnPrimary::never
                             : r.reads_on_primary == "always" ? routing::ReadsOnPrimary::always
                                                              : routing::ReadsOnPrimary::fallback;
  options.lenient_hints = r.lenient_hints;
  return options;
}

namespace {

/// Names become addresses here, once: workers and monitors never wait for DNS.
base::Result<topology::Address> resolve(const std::string& text) {
  auto address = topology::parse_address(text);
  if (!address || !address->path.empty()) return address;
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int r = getaddrinfo(address->host.c_str(), nullptr, &hints, &found); r != 0)
    return base::Error{2005, "HY000", text + ": " + gai_strerror(r)};
  char numeric[NI_MAXHOST] = {};
  getnameinfo(found->ai_addr, found->ai_addrlen, numeric, sizeof numeric, nullptr, 0, NI_NUMERICHOST);
  freeaddrinfo(found);
  if (address->host != numeric) address->name = address->host;
  address->host = numeric;
  return address;
}

server::Tls monitor_tls(config::Tls tls) {
  switch (tls) {
    case config::Tls::off:
      return server::Tls::off;
    case config::Tls::preferred:
      return server::Tls::preferred;
    case config::Tls::required:
      return server::Tls::required;
    default:
      return server::Tls::verify;
  }
}

plan::Promote promote_of(const std::string& word) {
  return word == "prefer" ? plan::Promote::prefer : word == "never" ? plan::Promote::never : plan::Promote::allow;
}

base::Result<manager::Options> manager_options(const config::Config& config) {
  manager::Options options;
  for (const auto& entry : config.servers) {
    auto address = resolve(entry.address);
    if (!address) return address.error();
    options.servers.push_back(
        {entry.name, *address, entry.weight, entry.tags, promote_of(entry.promote), entry.address});
  }
  options.login = {config.monitor.user, config.monitor.password};
  options.interval = config.replication.interval;
  options.max_lag = config.routing.max_lag;
  options.connect.connect_timeout = config.backend.connect_timeout;
  options.connect.tls = monitor_tls(config.backend.tls);
  options.connect.ca = config.backend.ca;
  options.state_dir = config.state;
  options.resolve = resolve;
  options.drain = config.switchover.drain;
  auto& managing = options.managing;
  managing.on = config.replication.mode == "manage";
  managing.replication = {config.replication.account.user, config.replication.account.password};
  managing.semi_sync = config.replication.semi_sync;
  managing.tls = config.backend.tls == config::Tls::required || config.backend.tls == config::Tls::verify;
  managing.verify = config.backend.tls == config::Tls::verify;
  managing.ca = config.backend.ca;
  managing.provisions = config.replication.provision == "auto";
  managing.restarts = config.replication.restart == "auto";
  managing.tools = config.replication.tools;
  return options;
}

void manager_log(manager::Level level, const std::string& text) {
  switch (level) {
    case manager::Level::debug:
      return log::debug("replication", {{"what", text}});
    case manager::Level::info:
      return log::info("replication", {{"what", text}});
    case manager::Level::warning:
      return log::warning("replication", {{"what", text}});
    case manager::Level::error:
      return log::error("replication", {{"what", text}});
  }
}

/// As many descriptors as sessions need: one for the client and one for each server it may hold.
void raise_descriptor_limit(const config::Config& config) {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  const rlim_t wanted = 1024 + config.sessions.max + config.pool.max_per_server * config.servers.size();
  if (limit.rlim_cur >= wanted) return;
  limit.rlim_cur = std::min<rlim_t>(wanted, limit.rlim_max);
  setrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur < wanted) log::warning("few_descriptors", {{"limit", limit.rlim_cur}, {"wanted", wanted}});
}

unsigned worker_count(const config::Config& config) {
  if (config.workers > 0) return config.workers;
  return std::max(1U, std::thread::hardware_concurrency() / 2);  // the servers and the kernel want the rest
}

int failed(const std::string& what, const std::string& why) {
  log::error("start_failed", {{"what", what}, {"error", why}});
  return 1;
}

net::TlsContext listen_tls(const config::Listen& listen, const std::string& state, std::string& error) {
  net::ClientCertificates clients;
  if (listen.verify_client != "off") clients = {listen.ca, listen.verify_client == "required"};
  return net::server_tls(listen.cert, listen.key, state, error, clients);
}

/// Everything that lives as long as `wye run`. Members in the order in which they depend on each other.
class Program {
 public:
  Program(const config::Config& config, std::string path)
      : config_(config), path_(std::move(path)), shared_(config, {config, routing_options(config), nullptr}) {}
  int start();
  void serve();
  void stop();

 private:
  int make_keys();
  void reload_tls();
  int make_workers();
  void apply(const std::shared_ptr<const worker::Live>& live);

  const config::Config& config_;  // as at the start
  const std::string path_;
  worker::Shared shared_;
  std::unique_ptr<protocol::RsaKey> rsa_;
  net::Loop loop_;  // signals and the admin console
  net::Mailbox mailbox_{loop_};
  std::vector<std::unique_ptr<worker::Worker>> workers_;
  routing::RoutinesOfTopology routines_;  // of the manager's planner
  std::unique_ptr<manager::Manager> manager_;
  std::unique_ptr<Reload> reload_;
  std::unique_ptr<metrics::Collector> collector_;
  std::unique_ptr<metrics::HttpServer> http_;
  std::unique_ptr<Console> console_;
};

int Program::make_keys() {
  std::string error;
  rsa_ = net::load_or_make_rsa_key(config_.state + "/rsa.key.pem", error);
  if (rsa_ == nullptr) return failed("RSA key", error);
  if (!error.empty()) log::warning("rsa_key_not_kept", {{"error", error}});
  shared_.rsa = rsa_.get();
  for (const auto& listen : config_.listen) {
    auto& trusted = shared_.trusted_proxies.emplace_back();
    for (const auto& network : listen.proxy_protocol) trusted.add(network);
    if (listen.tls == config::Tls::off) {
      shared_.listen_tls.emplace_back();
      continue;
    }
    shared_.listen_tls.push_back(listen_tls(listen, config_.state, error));
    if (shared_.listen_tls.back() == nullptr) return failed("TLS of " + listen.address, error);
  }
  if (config_.backend.tls != config::Tls::off) {
    shared_.backend_tls = net::client_tls(config_.backend.ca, error);
    if (shared_.backend_tls == nullptr) return failed("backend.ca", error);
  }
  return 0;
}

/// Reads the certificates again, for connections from now on. What can't be used leaves the old ones in place.
void Program::reload_tls() {
  const auto keep = [](const std::string& what, net::TlsContext& old, net::TlsContext fresh, const std::string& error) {
    if (fresh == nullptr) return log::error("tls_not_reloaded", {{"what", what}, {"error", error}});
    old = std::move(fresh);
    log::info("tls_reloaded", {{"what", what}, {"expires", net::expires(old)}});
  };
  std::string error;
  for (std::size_t i = 0; i < config_.listen.size(); ++i) {
    const auto& listen = config_.listen[i];
    if (listen.tls == config::Tls::off) continue;
    auto fresh = listen_tls(listen, config_.state, error);
    keep("listen " + listen.address, shared_.listen_tls[i], std::move(fresh), error);
  }
  if (shared_.backend_tls != nullptr) {
    auto fresh = net::client_tls(config_.backend.ca, error);
    keep("backend.ca", shared_.backend_tls, std::move(fresh), error);
  }
  for (auto& worker : workers_) worker->set_tls(shared_.listen_tls, shared_.backend_tls);
}

/// What a reload has changed, to everybody.
void Program::apply(const std::shared_ptr<const worker::Live>& live) {
  raise_descriptor_limit(live->config);
  std::vector<manager::ServerSpec> servers;
  for (const auto& entry : live->config.servers) {
    auto& server = servers.emplace_back();
    server.name = entry.name;
    server.weight = entry.weight;
    server.tags = entry.tags;
  }
  manager_->reconfigure(live->config.routing.max_lag, servers);
  for (auto& worker : workers_) worker->post(live);
  reload_tls();
}

int Program::make_workers() {
  const unsigned count = worker_count(config_);
  auto rules = routing::Rules::make(config_.routing.rules, count);
  if (!rules) return failed("routing.rules", rules.error().message);
  shared_.live.rules = *rules;
  for (unsigned i = 0; i < count; ++i) {
    workers_.push_back(std::make_unique<worker::Worker>(shared_, i, count));
    std::string error;
    if (!workers_.back()->listen(error)) return failed("listen", error);
  }
  return 0;
}

int Program::start() {
  if (::mkdir(config_.state.c_str(), 0700) != 0 && errno != EEXIST)
    return failed("state " + config_.state, std::strerror(errno));
  raise_descriptor_limit(config_);
  if (!protocol::init_secret_memory()) log::warning("secrets_not_locked", {{"why", "no locked memory (ulimit -l)"}});
  shared_.monitor = std::make_shared<protocol::Account>(config_.monitor.user, protocol::Account::Kind::clear,
                                                        config_.monitor.password);
  shared_.attributes = {{"_client_name", "wye"}, {"_client_version", version}, {"program_name", "wye"}};
  if (const auto* me = ::getpwuid(::geteuid()); me != nullptr) shared_.system_user = me->pw_name;
  for (const auto& user : config_.accounts.users)
    shared_.listed.emplace(
        user.user, std::make_shared<protocol::Account>(user.user, protocol::Account::Kind::clear, user.password));
  if (const int r = make_keys(); r != 0) return r;
  if (const auto known = manager::load_last_known(config_.state)) {
    shared_.last_known = known->version;
  } else if (!config_.listen.empty() && !config_.listen.front().version.empty()) {
    shared_.last_known = topology::parse_version(config_.listen.front().version);
  }  // else clients wait for their greeting until a primary has been seen
  auto options = manager_options(config_);
  if (!options) return failed("servers", options.error().message);
  options->routines_changed = [this](base::TimePoint since) { return shared_.routines_changed.since(since); };
  options->file_names = [path = path_](const manager::Member& member) { return names(path, member); };
  options->members_changed = [this](const plan::Membership& what) {
    mailbox_.post([this, what] {
      reload_->set_member(what);
      raise_descriptor_limit(shared_.live.config);
    });
  };
  options->users = [this](topology::ServerId server) { return users_of(workers_, server); };
  manager_ = std::make_unique<manager::Manager>(
      std::move(*options),
      [this](std::shared_ptr<const topology::Topology> t) {
        const auto routines = routines_.follow(*t);
        for (auto& w : workers_) w->post(t, routines);
      },
      manager_log);
  shared_.first = manager_->latest();
  if (const int r = make_workers(); r != 0) return r;
  std::vector<worker::Worker*> all;
  for (const auto& worker : workers_) all.push_back(worker.get());
  for (auto& worker : workers_) worker->know(all);
  for (auto& worker : workers_) worker->start();
  reload_ = std::make_unique<Reload>(
      loop_, path_, shared_, workers_.size(), [this](auto live) { apply(live); },
      [this](const auto& listed, bool keep) { return manager_->settle_with(listed, keep); });
  manager_->start();
  std::vector<const metrics::WorkerMetrics*> counts;
  for (const auto& worker : workers_) counts.push_back(&worker->metrics());
  collector_ = std::make_unique<metrics::Collector>(
      counts, [this] { return manager_->latest(); }, version,
      [this] {
        std::vector<std::pair<std::string, std::uint64_t>> hits;
        if (const auto rules = reload_->rules())
          for (const auto& rule : rules->all()) hits.emplace_back(rule.name, rule.hits->value());
        return hits;
      },
      [this] { return manager_->errant_counts(); });
  const auto ready = [this]() -> std::string { return manager_->latest()->primary ? "" : "no primary"; };
  http_ = std::make_unique<metrics::HttpServer>(*collector_, ready);
  if (!config_.metrics.empty()) {
    if (const auto r = http_->start(config_.metrics); !r)
      return failed("metrics " + config_.metrics, r.error().message);
  }
  console_ = std::make_unique<Console>(loop_, config_, *manager_, workers_, counts, ready, shared_, *reload_);
  if (const auto r = console_->listen(); !r) return failed("admin.socket " + config_.admin.socket, r.error().message);
  for (const auto& listen : config_.listen)
    log::info("listening", {{"address", listen.address}, {"workers", workers_.size()}});
  return 0;
}

void Program::serve() {
  const net::Signals signals(loop_, {SIGTERM, SIGINT, SIGHUP}, [this](int number) {
    if (number == SIGHUP) {
      (void)reload_->reload(std::nullopt);  // the log says what came of it
      return;
    }
    log::info("stopping", {{"signal", number}});
    loop_.stop();
  });
  loop_.run();
}

void Program::stop() {
  for (auto& worker : workers_) worker->drain(shared_.live.config.switchover.drain);
  for (auto& worker : workers_) worker->join();
  manager_->stop();  // an operation that ends tells the console
  console_.reset();
  if (http_ != nullptr) http_->stop();
  workers_.clear();
}

}  // namespace

int run(const std::string& config_path) {
  auto loaded = config::load_file(config_path);
  for (const auto& m : loaded.mistakes)
    std::cerr << config_path << ":" << m.line << ":" << m.column << ": " << m.text << "\n";
  for (const auto& m : loaded.warnings)
    std::cerr << config_path << ":" << m.line << ":" << m.column << ": warning: " << m.text << "\n";
  if (!loaded.config) return 2;
  ::signal(SIGPIPE, SIG_IGN);
  log::init(log::level_of(loaded.config->log.level), log::format_of(loaded.config->log.format));
  if (const auto done = take_members(*loaded.config); !done) return failed("state", done.error().message);
  int code = 0;
  {
    Program program(*loaded.config, config_path);
    code = program.start();
    if (code == 0) {
      program.serve();
      program.stop();
    }
  }
  log::shutdown();
  return code;
}

}  // namespace wye::cli
