// The examples that users read must load: those of the design, and the files that are shipped.
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "proxy/config/config.h"
#include "tests/unit/catch.h"

using namespace wye::config;

namespace {

std::string text_of(const std::filesystem::path& path) {
  std::ifstream in{path};
  REQUIRE(in);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

const std::filesystem::path root = std::filesystem::path{WYE_TEST_DATA}.parent_path().parent_path().parent_path();

/// Where an example names a file, the one that is there.
std::string with_files(std::string yaml, const std::string& file) {
  for (const std::string name : {"/etc/wye/monitor.password", "/etc/wye/replication.password"}) {
    for (std::size_t at; (at = yaml.find(name)) != std::string::npos;) yaml.replace(at, name.size(), file);
  }
  for (const std::string key : {"cert: ...", "key: ...", "password_file: ...", "ca: ..."}) {
    const std::string with = key.substr(0, key.find(' ')) + " " + file;
    for (std::size_t at; (at = yaml.find(key)) != std::string::npos;) yaml.replace(at, key.size(), with);
  }
  return yaml;
}

struct Secret {
  Secret() {
    std::string name = (std::filesystem::temp_directory_path() / "wye-secret-XXXXXX").string();
    const int fd = mkstemp(name.data());
    REQUIRE(fd >= 0);
    close(fd);
    path = name;
    std::ofstream{path} << "secret\n";
  }
  ~Secret() { std::filesystem::remove(path); }
  std::string path;
};

std::string mistakes_of(const Loaded& l) {
  std::string out;
  for (const Mistake& m : l.mistakes) out += std::to_string(m.line) + ": " + m.text + "\n";
  return out;
}

}  // namespace

TEST_CASE("the examples of the design load as they stand, but for the files that they name") {
  const Secret secret;
  for (const char* name : {"design_smallest.yaml", "design_all.yaml"}) {
    const std::string yaml = text_of(std::filesystem::path{WYE_TEST_DATA} / name);
    const Loaded as_it_is = load_text(yaml);
    for (const Mistake& m : as_it_is.mistakes) {
      INFO(m.text);
      CHECK(m.text.find("can't be read") != std::string::npos);
    }
    const Loaded l = load_text(with_files(yaml, secret.path));
    INFO(name);
    CHECK(mistakes_of(l).empty());
    REQUIRE(l.config);
    CHECK(l.config->monitor.password == "secret");
  }
}

TEST_CASE("the shipped examples load, and conf/wye.yaml shows the defaults") {
  const Secret secret;
  const Loaded smallest = load_text(with_files(text_of(root / "conf/wye.minimal.yaml"), secret.path));
  CHECK(mistakes_of(smallest).empty());
  REQUIRE(smallest.config);
  const Loaded all = load_text(with_files(text_of(root / "conf/wye.yaml"), secret.path));
  CHECK(mistakes_of(all).empty());
  CHECK(all.warnings.empty());
  REQUIRE(all.config);
  const Config &a = *all.config, &d = *smallest.config;
  CHECK(a.listen.size() == d.listen.size());
  CHECK(a.listen[0].address == d.listen[0].address);
  CHECK(a.listen[0].tls == d.listen[0].tls);
  CHECK(a.listen[0].verify_client == d.listen[0].verify_client);
  CHECK(a.servers.size() == d.servers.size());
  for (std::size_t i = 0; i < a.servers.size(); ++i) {
    CHECK(a.servers[i].name == d.servers[i].name);
    CHECK(a.servers[i].address == d.servers[i].address);
    CHECK(a.servers[i].weight == d.servers[i].weight);
    CHECK(a.servers[i].tags == d.servers[i].tags);
    CHECK(a.servers[i].promote == d.servers[i].promote);
  }
  CHECK(a.state == d.state);
  CHECK(a.backend.tls == d.backend.tls);
  CHECK(a.backend.connect_timeout == d.backend.connect_timeout);
  CHECK(a.backend.proxy_protocol == d.backend.proxy_protocol);
  CHECK(a.backend.attributes == d.backend.attributes);
  CHECK(a.accounts.source == d.accounts.source);
  CHECK(a.pool.max_per_server == d.pool.max_per_server);
  CHECK(a.pool.idle == d.pool.idle);
  CHECK(a.pool.acquire_timeout == d.pool.acquire_timeout);
  CHECK(a.pool.pipeline == d.pool.pipeline);
  CHECK(a.sessions.max == d.sessions.max);
  CHECK(a.sessions.idle_timeout == d.sessions.idle_timeout);
  CHECK(a.sessions.login_timeout == d.sessions.login_timeout);
  CHECK(a.sessions.max_packet == d.sessions.max_packet);
  CHECK(a.routing.consistency == d.routing.consistency);
  CHECK(a.routing.max_lag == d.routing.max_lag);
  CHECK(a.routing.wait == d.routing.wait);
  CHECK(a.routing.reads_on_primary == d.routing.reads_on_primary);
  CHECK(a.routing.lenient_hints == d.routing.lenient_hints);
  CHECK(a.replication.mode == d.replication.mode);
  CHECK(a.replication.interval == d.replication.interval);
  CHECK(a.replication.semi_sync == d.replication.semi_sync);
  CHECK(a.replication.provision == d.replication.provision);
  CHECK(a.replication.restart == d.replication.restart);
  CHECK(a.failover.mode == d.failover.mode);
  CHECK(a.failover.after == d.failover.after);
  CHECK(a.failover.hold == d.failover.hold);
  CHECK(a.failover.max_loss == d.failover.max_loss);
  CHECK(a.switchover.drain == d.switchover.drain);
  CHECK(a.switchover.timeout == d.switchover.timeout);
  CHECK(a.admin.socket == d.admin.socket);
  CHECK(a.admin.mode == d.admin.mode);
  CHECK(a.metrics == d.metrics);
  CHECK(a.log.level == d.log.level);
  CHECK(a.log.format == d.log.format);
  CHECK(a.log.slow == d.log.slow);
  CHECK(a.log.audit == d.log.audit);
  CHECK(a.workers == d.workers);
}
