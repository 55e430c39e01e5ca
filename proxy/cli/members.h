#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "proxy/config/config.h"
#include "proxy/worker/worker.h"
#include "replication/manager/members.h"

// Servers that come and go while wye runs, towards the configuration and the workers.
namespace wye::cli {

std::vector<manager::Member> members_of(const config::Config& config);
/// Of each member what the configuration says, or what it would say with nothing but the name and the address.
std::vector<config::ServerEntry> servers_of(const config::Config& config, const std::vector<manager::Member>& members);
/// At the start: what commands have changed of the file's list; the log names it. An error: it can't be read.
base::Status take_members(config::Config& config);
/// The file, as it is now, names it.
bool names(const std::string& path, const manager::Member& member);
/// The sessions that use a server that is leaving, in words; nullopt: a worker does not know that yet, or is too busy
/// to answer. Any thread but theirs; waits for them.
std::optional<std::vector<std::string>> users_of(const std::vector<std::unique_ptr<worker::Worker>>& workers,
                                                 topology::ServerId server);

}  // namespace wye::cli
