#include "proxy/cli/check.h"

#include <algorithm>
#include <atomic>
#include <ostream>
#include <thread>

#include "proxy/cli/server_check.h"

namespace wye::cli {
namespace {

void print(std::ostream& out, const std::string& path, const std::vector<config::Mistake>& list, const char* before) {
  for (const config::Mistake& m : list) {
    out << path << ':' << m.line << ':' << m.column << ": " << before << m.text << '\n';
  }
}

/// Ten at a time, so that hundreds of servers don't make hundreds of threads.
std::vector<ServerCheck> ask_all(const config::Config& c) {
  std::vector<ServerCheck> checks(c.servers.size());
  std::atomic<std::size_t> next{0};
  std::vector<std::jthread> threads;
  for (std::size_t t = 0; t < std::min<std::size_t>(10, checks.size()); ++t) {
    threads.emplace_back([&] {
      for (std::size_t i; (i = next.fetch_add(1)) < checks.size();) checks[i] = check_server(c, c.servers[i]);
    });
  }
  threads.clear();  // joins
  return checks;
}

bool print_servers(std::ostream& out, const config::Config& c) {
  const auto checks = ask_all(c);
  bool fine = true;
  std::vector<std::string> sql;
  for (std::size_t i = 0; i < checks.size(); ++i) {
    const ServerCheck& check = checks[i];
    out << c.servers[i].name << ' ' << c.servers[i].address << ": "
        << (!check.summary.empty() ? check.summary : std::string{"not usable"}) << '\n';
    for (const std::string& p : check.problems) out << "  problem: " << p << '\n';
    for (const std::string& n : check.notes) out << "  note: " << n << '\n';
    for (const std::string& s : check.sql) {
      if (std::find(sql.begin(), sql.end(), s) == sql.end()) sql.push_back(s);
    }
    fine = fine && check.problems.empty();
  }
  if (!sql.empty()) out << "-- on the primary, with an account that may grant:\n";
  for (const std::string& s : sql) out << s << '\n';
  return fine;
}

}  // namespace

int run_check(const std::string& path, bool connect, std::ostream& out) {
  const config::Loaded loaded = config::load_file(path);
  print(out, path, loaded.mistakes, "");
  print(out, path, loaded.warnings, "warning: ");
  if (!loaded.config) return 2;
  if (connect && !print_servers(out, *loaded.config)) return 1;
  out << "ok\n";
  return 0;
}

}  // namespace wye::cli
