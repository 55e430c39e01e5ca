#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include "proxy/config/sections.h"

namespace wye::config {
namespace {

constexpr std::size_t largest_file = 1u << 20;

Loaded failed(int line, int column, std::string text) {
  Loaded l;
  l.mistakes.push_back({line, column, std::move(text)});
  return l;
}

/// The parser's own words, without what it quotes of the file: `password: *hunter2` is an alias to it.
std::string syntax_text(const YAML::Exception& e) {
  static const std::string anchor = "the referenced anchor is not defined";
  if (e.msg.compare(0, anchor.size(), anchor) == 0) return "a value that begins with * must stand in quotes";
  return "not valid YAML: " + e.msg.substr(0, e.msg.find(": "));
}

void read_root(Map& root, Config& c) {
  read_listen(root, c);
  read_servers(root, c);
  read_monitor(root, c);
  if (root.text("state", c.state) && !c.state.starts_with('/')) root.mistake("state", "must be an absolute path");
  read_backend(root, c);
  read_accounts(root, c);
  read_pool(root, c);
  read_sessions(root, c);
  read_limits(root, c);
  read_routing(root, c);
  read_replication(root, c);
  read_failover(root, c);
  read_switchover(root, c);
  read_admin(root, c);
  read_metrics(root, c);
  read_log(root, c);
  root.number_or("workers", "auto", c.workers, {1, 256});
  root.finish();
}

Loaded load(const std::string& yaml, const std::string& folder, bool world_readable) try {
  const std::vector<YAML::Node> documents = YAML::LoadAll(yaml);
  if (documents.empty() || documents[0].IsNull())
    return failed(1, 1, "the file is empty: servers and monitor are missing");
  Report report{folder};
  Config c;
  Map root{report, documents[0], ""};
  if (root.is_map()) read_root(root, c);
  if (documents.size() > 1) report.mistake(documents[1].Mark(), "one document a file: a second one begins here");
  // Secrets belong in the environment or in files of their own; where one is here, others should not read it.
  if (world_readable && report.holds_secret()) {
    report.warning(YAML::Mark::null_mark(), "holds a password, and every user of this machine can read it");
  }
  Loaded l;
  l.mistakes = report.take_mistakes();
  l.warnings = report.take_warnings();
  if (l.mistakes.empty()) l.config = std::move(c);
  return l;
} catch (const YAML::Exception& e) {
  return failed(e.mark.is_null() ? 0 : e.mark.line + 1, e.mark.is_null() ? 0 : e.mark.column + 1, syntax_text(e));
} catch (const std::exception& e) {
  return failed(0, 0, std::string{"can't be read: "} + e.what());
}

}  // namespace

Loaded load_text(const std::string& yaml, const std::string& folder) { return load(yaml, folder, false); }

Loaded load_file(const std::string& path) {
  struct stat st {};
  if (stat(path.c_str(), &st) != 0) return failed(0, 0, std::string{"can't be read: "} + std::strerror(errno));
  if (!S_ISREG(st.st_mode)) return failed(0, 0, "is not a regular file");
  if (static_cast<std::size_t>(st.st_size) > largest_file) return failed(0, 0, "is larger than 1MiB");
  std::ifstream in{path, std::ios::binary};
  std::ostringstream text;
  text << in.rdbuf();
  if (!in) return failed(0, 0, std::string{"can't be read: "} + std::strerror(errno));
  const std::size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
  return load(text.str(), folder, (st.st_mode & S_IROTH) != 0);
}

}  // namespace wye::config
