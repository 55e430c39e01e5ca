#pragma once
#include <string>

#include "proxy/config/config.h"
#include "proxy/routing/route.h"

namespace wye::cli {

/// `wye run`: serves until SIGTERM or SIGINT. Returns the exit code: 0 stopped, 1 failed, 2 configuration.
int run(const std::string& config_path);

/// The routing section as the router takes it.
routing::Options routing_options(const config::Config& config);

}  // namespace wye::cli
