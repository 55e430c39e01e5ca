#include "replication/manager/members.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>

#include "replication/manager/durable.h"

namespace wye::manager {
namespace {

using nlohmann::json;

std::string file_in(const std::string& state_dir) { return state_dir + "/members"; }

json to_json(const std::vector<Member>& members) {
  json out = json::array();
  for (const Member& one : members) out.push_back({{"name", one.name}, {"address", one.address}});
  return out;
}

std::vector<Member> members_of(const json& from) {
  std::vector<Member> out;
  for (const json& one : from) out.push_back({one.at("name").get<std::string>(), one.at("address").get<std::string>()});
  return out;
}

bool contains(const std::vector<Member>& all, const Member& one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

}  // namespace

base::Result<Members> load_members(const std::string& state_dir) {
  Members out;
  if (state_dir.empty()) return out;
  std::ifstream in{file_in(state_dir)};
  if (!in) return out;
  try {
    const json whole = json::parse(in);
    out.added = members_of(whole.at("added"));
    out.removed = members_of(whole.at("removed"));
  } catch (const std::exception& error) {
    return base::Error{1105, "HY000", file_in(state_dir) + " can't be understood: " + error.what()};
  }
  return out;
}

base::Status save_members(const std::string& state_dir, const Members& members) {
  if (state_dir.empty()) return base::Ok{};
  const std::string path = file_in(state_dir), scratch = path + ".new";
  const int file = ::open(scratch.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) return failed("can't write " + scratch);
  const json whole = {{"added", to_json(members.added)}, {"removed", to_json(members.removed)}};
  const bool written = write_all(file, whole.dump(1) + "\n") && ::fsync(file) == 0;
  const base::Error error = failed("can't write " + scratch);
  ::close(file);
  if (!written) return error;
  if (::rename(scratch.c_str(), path.c_str()) != 0 || !sync_folder(state_dir)) return failed("can't write " + path);
  return base::Ok{};
}

std::vector<Member> merged(const std::vector<Member>& listed, Members& members) {
  std::erase_if(members.removed, [&](const Member& one) { return !contains(listed, one); });
  std::vector<Member> out;
  for (const Member& one : listed)
    if (!contains(members.removed, one)) out.push_back(one);
  std::erase_if(members.added, [&](const Member& one) {
    return std::any_of(out.begin(), out.end(),
                       [&](const Member& other) { return other.name == one.name || other.address == one.address; });
  });
  out.insert(out.end(), members.added.begin(), members.added.end());
  return out;
}

}  // namespace wye::manager
