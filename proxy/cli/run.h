#pragma once
#include <string>

namespace wye::cli {

/// `wye run`: serves until SIGTERM or SIGINT. Returns the exit code: 0 stopped, 1 failed, 2 configuration.
int run(const std::string& config_path);

}  // namespace wye::cli
