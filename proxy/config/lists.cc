// The sections that are lists: listen, servers, accounts.users, limits. routing.rules: rules.cc.
#include <algorithm>
#include <set>

#include "proxy/config/sections.h"

namespace wye::config {
namespace {

constexpr unsigned million = 1'000'000;

void networks(Map& m, const std::string& key, std::vector<std::string>& out) {
  m.each(key, [&](const YAML::Node& n, const std::string& path) {
    const auto s = scalar_text(m.report(), n, path);
    if (!s) return;
    if (auto network = parse_network(*s)) {
      out.push_back(*network);
    } else {
      m.report().mistake(n.Mark(), path + ": " + network.error().message);
    }
  });
}

/// An item that is only an address; empty if it is none.
std::string short_address(Report& report, const YAML::Node& n, const std::string& path, unsigned port, bool any_port) {
  const auto text = scalar_text(report, n, path);
  if (!text) return {};
  if (auto address = parse_address(*text, port, any_port)) return *address;
  report.mistake(n.Mark(), path + ": " + parse_address(*text, port, any_port).error().message);
  return {};
}

void client_certificates(Map& m, Listen& l) {
  const bool ca = m.file("ca", l.ca);
  if (ca) l.verify_client = "required";  // who names authorities wants them asked
  const bool said = m.choice("verify_client", l.verify_client, {"off", "optional", "required"});
  if (said && l.verify_client != "off" && !ca) m.missing("ca", "the authorities that verify_client asks for");
  // Without TLS a client shows no certificate, and would walk past the check.
  if (ca && l.verify_client == "required" && l.tls != Tls::required)
    m.mistake(said ? "verify_client" : "ca", "required client certificates need tls: required");
  if (ca && l.verify_client == "optional" && l.tls == Tls::off) m.mistake("verify_client", "needs TLS");
}

Listen one_listen(Map& m) {
  Listen l;
  if (!m.address("address", l.address, 0, true)) m.missing("address", "write it like 0.0.0.0:6033");
  m.tls("tls", l.tls, {"off", "preferred", "required"});
  const bool cert = m.file("cert", l.cert), key = m.file("key", l.key);
  if (cert && !key) m.mistake("cert", "its key is missing");
  if (key && !cert) m.mistake("key", "its cert is missing");
  client_certificates(m, l);
  m.text("version", l.version);
  if (l.version.size() > 60) m.mistake("version", "has at most 60 bytes");
  networks(m, "proxy_protocol", l.proxy_protocol);
  return l;
}

/// A server as `host:port` or as a map.
ServerEntry one_server(Map& root, const YAML::Node& n, const std::string& path) {
  ServerEntry s;
  Report& report = root.report();
  if (n.IsScalar()) {
    s.address = short_address(report, n, path, 3306, false);
    return s;
  }
  Map m{report, n, path};
  m.text("name", s.name);
  if (n.IsMap() && !m.address("address", s.address, 3306, false)) m.missing("address", "write it like 10.0.0.1:3306");
  m.number("weight", s.weight, {0, 1000});
  m.texts("tags", s.tags);
  m.choice("promote", s.promote, {"prefer", "allow", "never"});
  m.finish();
  return s;
}

}  // namespace

bool valid_name(const std::string& name) {
  if (name.empty() || name.size() > 64) return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
           c == '.';
  });
}

namespace {

/// Names and addresses tell servers apart: in hints, metrics and the console.
void check_unique(Report& report, const std::vector<ServerEntry>& servers, const std::vector<YAML::Mark>& marks) {
  std::set<std::string> names, addresses;
  for (std::size_t i = 0; i < servers.size(); ++i) {
    const ServerEntry& s = servers[i];
    const std::string path = "servers[" + std::to_string(i) + "]";
    if (!valid_name(s.name)) {
      report.mistake(marks[i], path + ".name: 1 to 64 letters, digits, _, - or .");
    } else if (!names.insert(s.name).second) {
      report.mistake(marks[i], path + ": the name " + s.name + " is there twice");
    }
    if (!s.address.empty() && !addresses.insert(s.address).second) {
      report.mistake(marks[i], path + ": the address " + s.address + " is there twice");
    }
  }
}

/// db1, db2, ... by place in the list, passing over names that the file gives to others.
void name_servers(std::vector<ServerEntry>& servers) {
  std::set<std::string> taken;
  for (const ServerEntry& s : servers) taken.insert(s.name);
  for (std::size_t i = 0; i < servers.size(); ++i) {
    if (!servers[i].name.empty()) continue;
    std::size_t number = i + 1;
    while (!taken.insert("db" + std::to_string(number)).second) ++number;
    servers[i].name = "db" + std::to_string(number);
  }
}

}  // namespace

void read_listen(Map& root, Config& c) {
  std::set<std::string> seen;
  root.each("listen", [&](const YAML::Node& n, const std::string& path) {
    if (n.IsScalar()) {
      c.listen.emplace_back().address = short_address(root.report(), n, path, 0, true);
    } else {
      Map m{root.report(), n, path};
      if (!n.IsMap()) return;
      c.listen.push_back(one_listen(m));
      m.finish();
    }
    const std::string& a = c.listen.back().address;
    if (!a.empty() && !a.ends_with(":0") && !seen.insert(a).second) {
      root.report().mistake(n.Mark(), path + ": the address " + a + " is there twice");
    }
  });
  if (!root.has("listen")) c.listen.emplace_back();
  if (root.has("listen") && c.listen.empty()) root.mistake("listen", "needs at least one address");
}

void read_servers(Map& root, Config& c) {
  if (!root.has("servers")) {
    root.missing("servers", "list them like servers: [10.0.0.1:3306, 10.0.0.2:3306]");
    (void)root.child("servers");
    return;
  }
  std::vector<YAML::Mark> marks;
  root.each("servers", [&](const YAML::Node& n, const std::string& path) {
    c.servers.push_back(one_server(root, n, path));
    marks.push_back(n.Mark());
  });
  const auto node = root.child("servers");
  if (node && node->IsSequence() && c.servers.empty()) root.mistake("servers", "needs at least one server");
  if (c.servers.size() > 1000) root.mistake("servers", "has at most 1000 servers");
  name_servers(c.servers);
  check_unique(root.report(), c.servers, marks);
}

void read_accounts(Map& root, Config& c) {
  const auto node = root.child("accounts");
  if (!node) return;
  Map m{root.report(), *node, "accounts"};
  m.choice("source", c.accounts.source, {"servers", "file"});
  std::set<std::string> seen;
  m.each("users", [&](const YAML::Node& n, const std::string& path) {
    Map u{root.report(), n, path};
    Login login;
    if (n.IsMap() && !u.text("name", login.user)) u.missing("name", "");
    if (n.IsMap() && !u.secret("password", login.password)) u.missing("password", "or password_file");
    if (u.has("name") && !seen.insert(login.user).second) u.mistake("name", "is there twice");
    u.finish();
    c.accounts.users.push_back(std::move(login));
  });
  const bool users = m.has("users");
  if (c.accounts.source == "file" && !users) m.missing("users", "source: file needs them");
  if (c.accounts.source == "servers" && users) m.mistake("users", "only with source: file");
  if (c.accounts.source == "file" && users && c.accounts.users.empty())
    m.mistake("users", "needs at least one account");
  m.finish();
}

void read_limits(Map& root, Config& c) {
  std::set<std::string> seen;
  root.each("limits", [&](const YAML::Node& n, const std::string& path) {
    Map m{root.report(), n, path};
    if (!n.IsMap()) return;
    Limit l;
    if (!m.text("user", l.user)) m.missing("user", "");
    bool any = m.number("connections", l.connections, {1, million});
    any |= m.number("running", l.running, {1, million});
    any |= m.number("per_second", l.per_second, {1, 100 * million});
    if (!any) root.report().mistake(m.mark(), path + " limits nothing: set connections, running or per_second");
    if (!l.user.empty() && !seen.insert(l.user).second) m.mistake("user", "has limits already");
    m.finish();
    c.limits.push_back(std::move(l));
  });
  if (!c.limits.empty()) root.no_effect_yet("limits");
}

}  // namespace wye::config
