#pragma once
#include <functional>
#include <string>
#include <vector>

#include "proxy/base/result.h"
#include "replication/manager/tools.h"

namespace wye::manager {

/// One program's output is another one's input, through wye, which counts.
struct Pumping {
  std::vector<std::string> dump, load;  // argv
  std::string dump_options, load_options;
  /// Called once, when the dump has begun to read rows in its snapshot, or ended.
  std::function<base::Status()> begun;
  /// Now and then. False: end it.
  std::function<bool(std::uint64_t bytes)> going;
};
/// Both programs have ended when it returns. An error: one of them failed, and what has been loaded is a part.
base::Status pump(const Pumping& how);

}  // namespace wye::manager
