#include "replication/manager/manager.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "replication/manager/change_log.h"
#include "replication/manager/manager_impl.h"
#include "replication/plan/choose_primary.h"
#include "replication/server/survey.h"

namespace wye::manager {

using topology::ServerId;

namespace {
constexpr base::seconds survey_interval{60};  // what changes seldom is a dozen statements
constexpr base::seconds routines_interval{5};
constexpr base::milliseconds longest_wait{1000};  // between two tries of a server that doesn't answer
constexpr base::milliseconds longest_telling{1000};

Operator::Settings operator_settings(const Options& options) {
  Operator::Settings out;
  const Managing& managing = options.managing;
  out.manages = managing.on;
  out.provisions = managing.provisions;
  out.restarts = managing.restarts;
  out.drain = options.drain;
  out.resolve = options.resolve;
  out.file_names = options.file_names;
  out.wish.semi_sync = managing.semi_sync;
  out.wish.account = managing.replication.user;
  out.wish.own_account = options.login.user;
  out.wish.tls = managing.tls;
  out.wish.verify = managing.verify;
  out.wish.ca = managing.ca;
  out.means.login = options.login;
  out.means.replication = managing.replication;
  out.means.connect = options.connect;
  out.means.state_dir = options.state_dir;
  out.means.tools = managing.tools;
  return out;
}
}  // namespace

void Manager::Impl::say(Level level, const std::string& text) const noexcept {
  try {
    if (log) log(level, text);
  } catch (...) {  // a log that fails must not stop the watch
  }
}

bool Manager::Impl::pause(const Watched& mine, base::TimePoint until) {
  std::unique_lock lock{mutex};
  const auto left = until - options.clock();
  const auto ends = [&] { return stopping || mine.ends; };
  if (left > base::Clock::duration::zero()) changed.wait_for(lock, left, ends);
  return !ends();
}

bool Manager::Impl::tick(Watched& mine, std::size_t id) {
  server::Connection& connection = mine.connection;
  const ServerSpec& spec = mine.spec;
  // A connection that was lost says nothing of the server (idle time-out, KILL): only a new one that fails does.
  if (connection.connected()) {
    auto seen = server::observe(connection, options.clock);
    if (seen || !server::is_unreachable(seen.error())) return store(id, std::move(seen));
    connection.close();
  }
  if (auto done = connection.connect(spec.address, options.login, options.connect); !done)
    return store(id, done.error());
  return store(id, server::observe(connection, options.clock));
}

bool Manager::Impl::store(std::size_t id, base::Result<topology::Observation> seen) {
  const std::lock_guard lock{mutex};
  if (servers[id]->ends) return true;
  plan::Sight& sight = sights[id];
  if (seen) {
    sight.observation = std::make_shared<const topology::Observation>(std::move(*seen));
    sight.failure.reset();
    if (plan::runs(*sight.observation))
      ran[servers[id]->spec.name] = {sight.observation->began, sight.observation->received};
  } else {
    if (const auto last = ran.find(servers[id]->spec.name); last != ran.end()) last->second.away = true;
    const auto kind =
        server::is_unreachable(seen.error()) ? topology::Failure::Kind::unreachable : topology::Failure::Kind::refused;
    sight.failure = topology::Failure{kind, seen.error().code, seen.error().message, options.clock()};
  }
  touch();
  return !sight.failure;
}

/// Everybody answers and nobody replicates: worth a closer look.
bool Manager::Impl::blank() {
  const std::lock_guard lock{mutex};
  for (std::size_t id = 0; id < sights.size(); ++id) {
    if (settings->servers[id].removed) continue;
    const plan::Sight& sight = sights[id];
    if (!plan::is_fresh(sight, *settings, options.clock()) || !sight.observation->channels.empty()) return false;
  }
  return true;
}

std::vector<std::string> Manager::Impl::purged() {
  const std::lock_guard lock{mutex};
  std::vector<std::string> out;
  for (std::size_t id = 0; id < sights.size(); ++id)
    if (plan::is_fresh(sights[id], *settings, options.clock()) && plan::source_purged(*sights[id].observation))
      out.push_back(servers[id]->spec.name);
  return out;
}

std::vector<Operator::Stopped> Manager::Impl::stopped() {
  const std::lock_guard lock{mutex};
  std::vector<Operator::Stopped> out;
  for (std::size_t id = 0; id < sights.size(); ++id) {
    const plan::Sight& sight = sights[id];
    if (settings->servers[id].removed || sight.drained || sight.leaving || !sight.held.empty()) continue;
    if (!plan::is_fresh(sight, *settings, options.clock()) || !plan::has_stopped(*sight.observation)) continue;
    const std::string& name = servers[id]->spec.name;
    const auto last = ran.find(name);
    out.push_back({name, last == ran.end() ? std::nullopt : std::optional{last->second}});
  }
  return out;
}

void Manager::Impl::hold(const std::string& server, const std::string& why) {
  std::unique_lock lock{mutex};
  if (const auto id = find(server)) sights[*id].held = why;
  touch_and_tell(lock);
}

Operator::Watch Manager::Impl::watch_for_operator() {
  Operator::Watch watch;
  watch.blank = [this] { return blank(); };
  watch.purged = [this] { return purged(); };
  watch.stopped = [this] { return stopped(); };
  watch.hold = [this](const std::string& server, const std::string& why) { hold(server, why); };
  watch.picture = [this] {
    const std::lock_guard lock{mutex};
    return latest;
  };
  watch.servers = [this] { return known(); };
  watch.last_primary = [this] { return last_primary(); };
  watch.join = [this](const Member& server, const topology::Address& address) { return join(server, address); };
  watch.settle = [this](const plan::Membership& what, bool done) { return settle(what, done); };
  watch.leave = [this](const std::string& server, bool leaves) { leave(server, leaves); };
  watch.users = options.users;
  return watch;
}

/// Now and then, after an observation: what it finds is for the operator, and no server is judged by it.
void Manager::Impl::look_closer(Watched& mine, std::size_t id, base::TimePoint& next) {
  if (options.clock() < next || !mine.connection.connected()) return;
  next = options.clock() + survey_interval;
  auto seen = server::survey(mine.connection, false, options.clock());
  if (!seen) return;
  const std::lock_guard lock{mutex};
  if (!mine.ends) surveys[id] = std::make_shared<const topology::Survey>(std::move(*seen));
}

/// The primary's, now and then and whenever they may have changed; after an observation, and never more than a
/// twentieth of the time. That they can't be read says nothing of the server.
void Manager::Impl::look_at_routines(Watched& mine, std::size_t id, base::TimePoint& next, server::RoutinesRead& read) {
  const base::TimePoint began = options.clock();
  {
    const std::lock_guard lock{mutex};
    if (latest->primary != static_cast<ServerId>(id)) return;
    const bool has = routines.server == static_cast<ServerId>(id);
    const bool anew = has && options.routines_changed && options.routines_changed(routines.at);
    if (has && !anew && began < next) return;
  }
  if (!mine.connection.connected() || (began < next && read.routines == nullptr)) return;
  const auto done = server::read_routines(mine.connection, read);
  const auto took = options.clock() - began;
  next = began + std::max<base::Clock::duration>(routines_interval, 20 * took);
  if (!done) {  // what was known may be old, and is better than nothing
    if (!std::exchange(read.failing, true))
      say(Level::warning,
          "event=routines_not_read server=" + quoted(mine.spec.name) + " error=" + quoted(done.error().message));
    return;
  }
  read.failing = false;
  const std::lock_guard lock{mutex};
  routines = {static_cast<ServerId>(id), read.routines, began};
  touch();
}

void Manager::Impl::watch(Watched& mine, std::size_t id) noexcept {
  const server::LibraryThread library;
  base::milliseconds wait = options.interval;
  base::TimePoint next = options.clock(), survey_at = next, routines_at = next;
  server::RoutinesRead routines_read;
  do {
    bool answered = false;
    try {
      answered = tick(mine, id);
      if (answered) look_closer(mine, id, survey_at);
      if (answered) look_at_routines(mine, id, routines_at, routines_read);
    } catch (const std::exception& error) {
      say(Level::error, "event=observe_failed server=" + quoted(mine.spec.name) + " error=" + quoted(error.what()));
    }
    // Ten failed logins a second would fill a server's log and set off its guards.
    wait = answered ? options.interval : std::max(options.interval, std::min(wait * 2, longest_wait));
    next = std::max(next + wait, options.clock());  // after a hang: no burst of ticks to catch up
  } while (pause(mine, next));
  mine.connection.close();
}

void Manager::Impl::touch() {
  ++news;
  changed.notify_all();
}

/// Whoever gave a command sees what it did as soon as it is answered.
void Manager::Impl::touch_and_tell(std::unique_lock<std::mutex>& lock) {
  touch();
  const std::uint64_t mine = news;
  changed.wait_for(lock, longest_telling, [&] { return stopping || !started || told >= mine; });
}

void Manager::Impl::plan_once() {
  std::vector<plan::Sight> copy;
  std::shared_ptr<const plan::Settings> now;
  {
    std::unique_lock lock{mutex};
    changed.wait_for(lock, options.interval, [this] { return stopping || news != planned; });
    if (stopping) return;
    planned = news;
    now = settings;
    copy = sights;  // shared pointers: cheap
  }
  auto derived = plan::derive(*now, copy, memory, options.clock());
  std::shared_ptr<const topology::Topology> before, topology;
  {
    const std::lock_guard lock{mutex};
    if (derived.primary && derived.primary == routines.server) {
      derived.routines = routines.all;
      derived.routines_at = routines.at;
    }
    topology = std::make_shared<const topology::Topology>(std::move(derived));
    before = std::exchange(latest, topology);
  }
  if (publish) publish(topology);  // first: the log and the disk may take their time
  {
    const std::lock_guard lock{mutex};
    told = planned;
    changed.notify_all();
  }
  log_changes(*before, *topology, log);
  remember(*topology);
}

void Manager::Impl::remember(const topology::Topology& topology) {
  if (options.state_dir.empty() || !topology.primary) return;
  const topology::Server& primary = topology.servers[*topology.primary];
  if (primary.version.text.empty()) return;
  LastKnown known{primary.version, primary.name};
  {
    const std::lock_guard lock{mutex};
    if (saved && *saved == known) return;
    saved = known;  // also if it fails: one line in the log, not ten a second
  }
  if (auto done = save_last_known(options.state_dir, known); !done)
    say(Level::warning, "event=state_not_saved error=" + quoted(done.error().message));
}

void Manager::Impl::plan_loop() noexcept {
  for (;;) {
    {
      const std::lock_guard lock{mutex};
      if (stopping) return;
    }
    try {
      plan_once();
    } catch (const std::exception& error) {
      say(Level::error, "event=plan_failed error=" + quoted(error.what()));
    } catch (...) {
      say(Level::error, "event=plan_failed");
    }
  }
}

Manager::Manager(Options options, Publish publish, LogSink log) : impl_{std::make_unique<Impl>()} {
  impl_->options = std::move(options);
  impl_->publish = std::move(publish);
  impl_->log = std::move(log);
  const Options& o = impl_->options;
  auto settings = std::make_shared<plan::Settings>();
  for (const ServerSpec& spec : o.servers) {
    impl_->servers.push_back(std::make_unique<Watched>(spec));
    settings->servers.push_back({spec.name, spec.address, spec.weight, spec.tags, spec.said});
  }
  settings->max_lag = o.max_lag;
  settings->interval = o.interval;
  settings->max_age = std::max(o.max_age, 3 * o.interval);  // with a slow interval every look would be too old
  impl_->settings = std::move(settings);
  impl_->sights.resize(o.servers.size());
  impl_->surveys.resize(o.servers.size());
  if (auto members = load_members(o.state_dir)) impl_->members = std::move(*members);
  if (!o.state_dir.empty()) impl_->saved = load_last_known(o.state_dir);
  if (impl_->saved) impl_->memory.flavour = impl_->saved->version.flavour;
  const auto say = [impl = impl_.get()](bool bad, const std::string& text) {
    impl->say(bad ? Level::warning : Level::info, text);
  };
  impl_->changes = std::make_unique<Operator>(operator_settings(o), impl_->watch_for_operator(), say);
  impl_->verifier = std::make_unique<Verifier>([impl = impl_.get()] { return impl->changes->means(); },
                                               [this] { return latest(); }, say);
  impl_->reader = std::make_unique<Reader>([impl = impl_.get()] { return impl->changes->means(); });
  impl_->latest = std::make_shared<const topology::Topology>(
      plan::derive(*impl_->settings, impl_->sights, impl_->memory, o.clock()));
}

Manager::~Manager() { stop(); }

void Manager::start() {
  if (impl_->started) return;
  if (impl_->publish) impl_->publish(latest());
  {
    const std::lock_guard lock{impl_->mutex};
    impl_->started = true;
    impl_->stopping = false;
    impl_->planner = std::thread{[impl = impl_.get()] { impl->plan_loop(); }};
    for (std::size_t id = 0; id < impl_->servers.size(); ++id) impl_->begin_watch(id);
  }
  impl_->changes->start();
}

void Manager::stop() {
  {
    const std::lock_guard lock{impl_->mutex};
    impl_->stopping = true;
    impl_->changed.notify_all();
    for (auto& server : impl_->servers) server->connection.interrupt();
  }
  impl_->reader->stop();
  impl_->verifier->stop();
  impl_->changes->stop();  // from now on nobody joins
  for (auto& server : impl_->servers)
    if (server->thread.joinable()) server->thread.join();
  if (impl_->planner.joinable()) impl_->planner.join();
  impl_->started = false;
}

bool Manager::set_drained(ServerId id, bool drained) {
  std::unique_lock lock{impl_->mutex};
  if (id >= impl_->sights.size() || impl_->settings->servers[id].removed) return false;
  impl_->sights[id].drained = drained;
  impl_->touch_and_tell(lock);
  return true;
}

bool Manager::set_drained(std::string_view name, bool drained) {
  std::optional<std::size_t> id;
  {
    const std::lock_guard lock{impl_->mutex};
    id = impl_->find(std::string{name});
  }
  return id && set_drained(static_cast<ServerId>(*id), drained);
}

base::Status Manager::set_up(SetUpRequest request, SetUpDone done) {
  return impl_->changes->set_up(std::move(request), std::move(done));
}

base::Status Manager::provision(ProvisionRequest request, SetUpDone done) {
  return impl_->changes->provision(std::move(request), std::move(done));
}

base::Status Manager::repair(RepairRequest request, SetUpDone done) {
  return impl_->changes->repair(std::move(request), std::move(done));
}

template <class T, class F>
std::vector<std::optional<T>> Manager::Impl::each_errant(F&& make) {
  const std::lock_guard lock{mutex};
  const auto fresh = [this](const plan::Sight& sight) { return plan::is_fresh(sight, *settings, options.clock()); };
  std::vector<std::optional<T>> out(sights.size());
  const auto primary = latest->primary;
  if (!primary || !fresh(sights[*primary])) return out;
  for (std::size_t id = 0; id < out.size(); ++id) {
    if (id == *primary || !fresh(sights[id])) continue;
    const topology::Observation& seen = *sights[id].observation;
    out[id] = make(plan::find_errant(seen, *sights[*primary].observation), seen.version.flavour);
  }
  return out;
}

std::vector<std::optional<std::string>> Manager::errant() const {
  return impl_->each_errant<std::string>(plan::errant_text);
}

std::vector<std::optional<std::uint64_t>> Manager::errant_counts() const {
  return impl_->each_errant<std::uint64_t>([](const topology::GtidSet& errant, topology::Flavour flavour) {
    std::uint64_t count = 0;
    for (const plan::Errant& one : plan::list_errant(errant, flavour)) count += one.count;
    return count;
  });
}

std::vector<plan::Trouble> Manager::problems() const {
  std::shared_ptr<const plan::Settings> settings;
  std::vector<plan::Sight> sights;
  plan::Surveys surveys;
  {
    const std::lock_guard lock{impl_->mutex};
    settings = impl_->settings;
    sights = impl_->sights;
    surveys = impl_->surveys;
  }
  auto out = plan::find_problems(*settings, sights, surveys);
  plan::find_broken(*settings, sights, errant(), out);
  return out;
}

base::Status Manager::verify(VerifyRequest request, VerifyDone done) {
  return impl_->verifier->begin(std::move(request), std::move(done));
}

bool Manager::cancel_verify() { return impl_->verifier->cancel(); }

VerifyReport Manager::verification() const { return impl_->verifier->report(); }

base::Status Manager::read(ReadRequest request, ReadDone done) {
  return impl_->reader->begin(std::move(request), std::move(done));
}

Report Manager::operation() const { return impl_->changes->report(); }

std::shared_ptr<const topology::Topology> Manager::latest() const {
  const std::lock_guard lock{impl_->mutex};
  return impl_->latest;
}

}  // namespace wye::manager
