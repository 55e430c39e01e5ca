#pragma once
#include "proxy/config/reader.h"

// One function a section of the file; each reads its keys into the configuration and reports what is wrong.
namespace wye::config {

void read_listen(Map& root, Config& c);
void read_servers(Map& root, Config& c);
void read_monitor(Map& root, Config& c);
void read_backend(Map& root, Config& c);
void read_accounts(Map& root, Config& c);
void read_pool(Map& root, Config& c);
void read_sessions(Map& root, Config& c);
void read_limits(Map& root, Config& c);
/// After read_servers(): rules name servers and their tags.
void read_rules(Map& routing, Config& c);
void read_routing(Map& root, Config& c);
void read_replication(Map& root, Config& c);
void read_failover(Map& root, Config& c);
void read_switchover(Map& root, Config& c);
void read_admin(Map& root, Config& c);
void read_metrics(Map& root, Config& c);
void read_log(Map& root, Config& c);

}  // namespace wye::config
