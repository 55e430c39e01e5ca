#include "proxy/cli/members.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>

#include "proxy/base/log.h"

namespace wye::cli {

namespace {

constexpr base::seconds longest_answer{2};

std::string in_words(const session::Session::Row& row) {
  std::string out = std::to_string(row.id) + " (" + (row.user.empty() ? "login" : row.user) + " from " + row.client +
                    ", " + row.state;
  if (!row.transaction.empty()) out += ", in a " + row.transaction + " transaction";
  return out + ")";
}

}  // namespace

std::vector<manager::Member> members_of(const config::Config& config) {
  std::vector<manager::Member> out;
  for (const auto& entry : config.servers) out.push_back({entry.name, entry.address});
  return out;
}

std::vector<config::ServerEntry> servers_of(const config::Config& config, const std::vector<manager::Member>& members) {
  std::vector<config::ServerEntry> out;
  for (const auto& member : members) {
    const auto at = std::find_if(config.servers.begin(), config.servers.end(), [&](const auto& entry) {
      return entry.name == member.name && entry.address == member.address;
    });
    config::ServerEntry& entry = out.emplace_back();
    if (at != config.servers.end()) {
      entry = *at;
    } else {
      entry.name = member.name;
      entry.address = member.address;
    }
  }
  return out;
}

base::Status take_members(config::Config& config) {
  auto known = manager::load_members(config.state);
  if (!known) return known.error();
  const manager::Members before = *known;
  const auto all = manager::merged(members_of(config), *known);
  for (const auto& one : known->added)
    log::info("server_added_before", {{"server", one.name}, {"address", one.address}, {"by", "ADD SERVER"}});
  for (const auto& one : known->removed)
    log::warning("server_left_out", {{"server", one.name},
                                     {"address", one.address},
                                     {"why", "REMOVE SERVER, though the configuration file names it"}});
  config.servers = servers_of(config, all);
  if (*known == before) return base::Ok{};
  return manager::save_members(config.state, *known);
}

bool names(const std::string& path, const manager::Member& member) {
  const auto loaded = config::load_file(path);
  if (!loaded.config) return false;
  const auto all = members_of(*loaded.config);
  return std::find(all.begin(), all.end(), member) != all.end();
}

std::optional<std::vector<std::string>> users_of(const std::vector<std::unique_ptr<worker::Worker>>& workers,
                                                 topology::ServerId server) {
  struct Gathering {
    std::mutex mutex;
    std::condition_variable changed;
    std::size_t left = 0;
    bool unknown = false;
    std::vector<std::string> users;
  };
  const auto all = std::make_shared<Gathering>();  // an answer may come when nobody waits for it any more
  all->left = workers.size();
  for (const auto& worker : workers) {
    worker->with_users_of(server, [all](const auto& rows) {
      const std::lock_guard lock{all->mutex};
      if (!rows) all->unknown = true;
      if (rows)
        for (const auto& row : *rows) all->users.push_back(in_words(row));
      --all->left;
      all->changed.notify_all();
    });
  }
  std::unique_lock lock{all->mutex};
  const bool answered = all->changed.wait_for(lock, longest_answer, [&] { return all->left == 0; });
  if (!answered || all->unknown) return std::nullopt;
  return all->users;
}

}  // namespace wye::cli
