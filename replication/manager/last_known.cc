#include <fcntl.h>
#include <unistd.h>

#include <fstream>

#include "replication/manager/durable.h"
#include "replication/manager/manager.h"

namespace wye::manager {
namespace {

constexpr std::size_t max_value = 256;

std::string file_in(const std::string& state_dir) { return state_dir + "/last_primary"; }

// The version is a server's own text: one line, whatever it says.
std::string one_line(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, max_value)) out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  return out;
}

}  // namespace

std::optional<LastKnown> load_last_known(const std::string& state_dir) {
  std::ifstream in{file_in(state_dir)};
  if (!in) return std::nullopt;
  LastKnown out;
  std::string version, flavour;
  for (std::string line; std::getline(in, line) && line.size() <= 2 * max_value;) {
    const auto equals = line.find('=');
    if (equals == std::string::npos) continue;
    const std::string key = line.substr(0, equals), value = line.substr(equals + 1);
    if (key == "version") version = value;
    if (key == "flavour") flavour = value;
    if (key == "primary") out.primary = value;
  }
  if (version.empty()) return std::nullopt;
  out.version = topology::parse_version(version);
  if (flavour == "mariadb") out.version.flavour = topology::Flavour::mariadb;
  return out;
}

base::Status save_last_known(const std::string& state_dir, const LastKnown& known) {
  const std::string path = file_in(state_dir), scratch = path + ".new";
  const int file = ::open(scratch.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) return failed("can't write " + scratch);
  const bool written =
      write_all(file, "version=" + one_line(known.version.text) + "\nflavour=" + topology::name(known.version.flavour) +
                          "\nprimary=" + one_line(known.primary) + "\n") &&
      ::fsync(file) == 0;
  const base::Error error = failed("can't write " + scratch);
  ::close(file);
  if (!written) return error;
  if (::rename(scratch.c_str(), path.c_str()) != 0) return failed("can't rename " + scratch);
  return base::Ok{};
}

}  // namespace wye::manager
