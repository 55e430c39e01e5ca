#pragma once
#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>

#include "proxy/config/config.h"
#include "proxy/metrics/digests.h"
#include "proxy/metrics/worker_metrics.h"
#include "proxy/pool/pool.h"
#include "proxy/protocol/secret.h"
#include "proxy/routing/frontier.h"
#include "proxy/routing/latest.h"
#include "proxy/routing/levels.h"
#include "proxy/routing/routines.h"
#include "proxy/routing/rules.h"
#include "proxy/session/driver/commits.h"
#include "proxy/session/driver/killer.h"
#include "proxy/session/driver/waiters.h"
#include "proxy/session/flows/login.h"

namespace wye::session {

using SessionId = std::uint32_t;  // what the client is told as its connection id: from 2^31 on

/// Passwords that this worker's sessions or pooled connections hold, by user. Holds none itself.
class Accounts {
 public:
  AccountPtr find(std::string_view user) const {
    const auto it = known_.find(std::string(user));
    return it == known_.end() ? nullptr : it->second.lock();
  }
  /// A password that the primary has just accepted. Returns the account that all share.
  AccountPtr keep(AccountPtr account) {
    std::erase_if(known_, [](const auto& entry) { return entry.second.expired(); });
    auto& known = known_[account->user];
    if (auto same = known.lock();
        same != nullptr && same->kind == account->kind && same->secret.view() == account->secret.view())
      return same;
    known = account;
    return account;
  }
  void forget(std::string_view user) { known_.erase(std::string(user)); }

 private:
  std::unordered_map<std::string, std::weak_ptr<const protocol::Account>> known_;
};

/// accounts.source: file. Const once made; shared by all workers.
using ListedAccounts = std::unordered_map<std::string, AccountPtr>;

/// What all sessions of one worker share. Owned by the worker; outlives its sessions.
struct Context {
  net::Loop& loop;
  pool::Pool& pool;
  metrics::WorkerMetrics& metrics;
  const config::Config& config;
  routing::Frontier& frontier;
  routing::Latest& globals_set;       // SET GLOBAL: what later sessions begin with
  routing::Latest& accounts_changed;  // GRANT, DROP USER ...: what connections from before may do
  routing::Latest& routines_changed;  // CREATE FUNCTION ...: what `routines` says
  routing::FrontierNeed& need;
  Waiters& waiters;
  Commits& commits;
  routing::Options options;
  const protocol::RsaKey* rsa;
  ssl_ctx_st* tls;                       // towards clients; nullptr: not offered
  AccountPtr monitor;                    // reads the rows of native accounts
  std::atomic<unsigned>& open_sessions;  // of all workers
  std::function<void(SessionId)> reap;   // after this turn
  // KILL reaches sessions of all workers; the answer comes to Session::on_kill_target of `asker`.
  std::function<void(SessionId victim, SessionId asker)> ask_kill_target;
  std::function<void(SessionId victim, bool query)> kill;
  Killer& killer;
  Accounts accounts;
  std::shared_ptr<const topology::Topology> topology;  // never null; replaced between callbacks only
  topology::Version greeting_version;                  // the primary's, else the last known
  bool greeting_known;                     // false: not even the last known; clients wait for their greeting
  const ListedAccounts* listed = nullptr;  // nullptr: the servers' accounts log in
  metrics::DigestStore* digests = nullptr;
  std::shared_ptr<const routing::Rules> rules;          // nullptr: none; replaced between callbacks only
  std::size_t worker = 0;                               // its place among them
  std::uint32_t turns = 0;                              // sessions, counted
  std::shared_ptr<const routing::Routines> routines{};  // of `topology`, replaced with it; nullptr: not known
};

}  // namespace wye::session
