#pragma once
#include <string>
#include <vector>

#include "proxy/base/result.h"

namespace wye::manager {

struct Member {
  std::string name, address;  // in its normal form
  bool operator==(const Member&) const = default;
};

/// What ADD SERVER and REMOVE SERVER have changed of the configuration file's list: STATE/members.
struct Members {
  std::vector<Member> added;    // the file does not name them
  std::vector<Member> removed;  // though the file names them
  bool operator==(const Members&) const = default;
};

/// No file: nothing was changed. An error: there is one and it can't be read.
base::Result<Members> load_members(const std::string& state_dir);
/// Whole, and on the disk when it returns.
base::Status save_members(const std::string& state_dir, const Members& members);

/// The file names `listed`. Gives those of it that are left, and those that come on top; what the file has settled
/// itself since (it names an added one, or no longer a removed one) is taken out of `members`. Pure.
std::vector<Member> merged(const std::vector<Member>& listed, Members& members);

}  // namespace wye::manager
