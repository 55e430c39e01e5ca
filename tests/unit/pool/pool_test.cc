#include "proxy/pool/pool.h"

#include "tests/unit/pool/backend_support.h"

namespace wye::pool {
namespace {

using protocol::Expect;
using test::command;
using test::Holder;
using test::run_until;
using test::Sink;

/// db1 the primary, db2 a replica; two scripted servers.
struct World {
  explicit World(Pool::Limits limits = {}) : one(loop), two(loop) {
    one.greeting.plugin = two.greeting.plugin = "mysql_native_password";
    pool.emplace(loop, metrics, limits, BackendOptions{}, accounts_changed);
    publish(0);
    std::vector<Holder*> all{&a, &b, &c};
    for (auto* h : all) h->when_lost = [this](Backend& lost) { pool->forget(lost); };
  }
  ~World() { pool.reset(); }
  void publish(std::optional<topology::ServerId> primary) {
    auto t = std::make_shared<topology::Topology>();
    t->servers = {one.as_server("db1"), two.as_server("db2")};
    t->primary = primary;
    pool->set_topology(t);
  }
  Wanted wanted(topology::ServerId server = 0, const std::string& schema = {}) const {
    Wanted w;
    w.key.server = server;
    w.key.to_replica = server != 0;
    w.key.account = account;
    w.schema = schema;
    return w;
  }
  /// A connection in the hands of `holder`.
  Backend& get(Holder& holder, const Wanted& w) {
    const auto before = holder.ready.size();
    if (auto* idle = pool->acquire(w, holder)) return *idle;
    REQUIRE(run_until(loop, [&] { return holder.ready.size() > before; }));
    return *holder.ready.back();
  }
  Pool::Row row(topology::ServerId server = 0) const {
    for (const auto& r : pool->rows())
      if (r.server == server) return r;
    return {server, "", 0, 0, 0};
  }

  net::Loop loop;
  metrics::WorkerMetrics metrics;
  test::ScriptedServer one, two;
  protocol::AccountPtr account = test::account();
  Holder a, b, c;
  routing::Latest accounts_changed;
  std::optional<Pool> pool;
};

Pool::Limits at_most(unsigned n) {
  Pool::Limits limits;
  limits.max_per_server = n;
  return limits;
}

TEST_CASE("a connection is opened, lent, given back, lent again and reset before its next statement") {
  World w;
  CHECK(w.pool->acquire(w.wanted(), w.a) == nullptr);
  CHECK(w.row().connecting == 1);
  REQUIRE(run_until(w.loop, [&] { return w.a.ready.size() == 1; }));
  Backend& backend = *w.a.ready[0];
  CHECK(w.row().in_use == 1);
  CHECK(w.row().user == "app");
  backend.state().variables["time_zone"] = "+01:00";
  w.pool->release(backend);
  CHECK(w.row().idle == 1);
  CHECK(w.pool->acquire(w.wanted(), w.b) == &backend);
  CHECK(backend.holder() == &w.b);
  CHECK(backend.state().variables.empty());
  Sink sink;
  backend.submit(sink, Expect::query, command(0x03, "SELECT 1"));
  REQUIRE(run_until(w.loop, [&] { return sink.ended; }));
  const auto& commands = w.one.last().commands;
  REQUIRE(commands.size() == 3);
  CHECK(commands[0] == base::Bytes{0x1f});
  CHECK(w.one.connections.size() == 1);
  w.pool->release(backend);
}

TEST_CASE("what can't be reset is closed, unless nothing but wye's own reads ran on it") {
  World w;
  w.one.greeting.capabilities &= ~(protocol::cap::session_track | protocol::cap::deprecate_eof);
  Backend& lookup = w.get(w.a, w.wanted());
  w.pool->release(lookup, true);
  CHECK(w.row().idle == 1);
  CHECK(w.pool->acquire(w.wanted(), w.b) == &lookup);
  w.pool->release(lookup);
  REQUIRE(run_until(w.loop, [&] { return w.one.open() == 0; }));
  CHECK(w.pool->acquire(w.wanted(), w.c) == nullptr);
}

TEST_CASE("only an equal key is lent, and a connection with a schema never to a session without one") {
  World w;
  w.pool->release(w.get(w.a, w.wanted(0, "shop")));
  auto other = w.wanted(0, "shop");
  SECTION("another account of the same name") { other.key.account = test::account(); }
  SECTION("other flags") { other.key.client_flags = protocol::cap::found_rows; }
  SECTION("another collation") { other.key.collation = 8; }
  SECTION("another server") { other = w.wanted(1, "shop"); }
  SECTION("no schema") { other.schema.clear(); }
  SECTION("a login of its own") { other.new_login = true; }
  CHECK(w.pool->acquire(other, w.b) == nullptr);
  CHECK(w.pool->acquire(w.wanted(0, "blog"), w.c) != nullptr);  // another schema: INIT_DB goes ahead
}

TEST_CASE("a connection from before an account's change serves nobody else") {
  World w;
  Backend& old = w.get(w.a, w.wanted());
  SECTION("it idles") {
    w.pool->release(old);
    w.accounts_changed.note(base::Clock::now());
  }
  SECTION("it is in use") {
    w.accounts_changed.note(base::Clock::now());
    w.pool->release(old);
  }
  CHECK(w.pool->acquire(w.wanted(), w.b) == nullptr);
  REQUIRE(run_until(w.loop, [&] { return w.b.ready.size() == 1; }));
  w.pool->release(*w.b.ready[0]);
  CHECK(w.pool->acquire(w.wanted(), w.c) == w.b.ready[0]);
}

TEST_CASE("the limit: who comes later waits and is served in order by what is given back") {
  World w(at_most(1));
  Backend& backend = w.get(w.a, w.wanted());
  CHECK(w.pool->full(0));
  CHECK_FALSE(w.pool->full(1));
  CHECK(w.pool->acquire(w.wanted(), w.b) == nullptr);
  CHECK(w.pool->acquire(w.wanted(), w.c) == nullptr);
  test::settle(w.loop);
  CHECK(w.one.connections.size() == 1);
  w.pool->release(backend);
  REQUIRE(w.b.ready == std::vector<Backend*>{&backend});
  CHECK(w.c.ready.empty());
  w.pool->release(backend);
  CHECK(w.c.ready == std::vector<Backend*>{&backend});
  w.pool->release(backend);
  CHECK(w.row().idle == 1);
}

TEST_CASE("a holder that is served may give back at once: the queue goes on") {
  World w(at_most(1));
  Backend& backend = w.get(w.a, w.wanted());
  w.b.when_ready = w.c.when_ready = [&](Backend& b) { w.pool->release(b); };
  w.pool->acquire(w.wanted(), w.b);
  w.pool->acquire(w.wanted(), w.c);
  w.pool->release(backend);
  CHECK(w.b.ready.size() == 1);
  CHECK(w.c.ready.size() == 1);
  CHECK(w.row().idle == 1);
}

TEST_CASE("who gives up is not served") {
  World w(at_most(1));
  Backend& backend = w.get(w.a, w.wanted());
  w.pool->acquire(w.wanted(), w.b);
  w.pool->acquire(w.wanted(), w.c);
  w.pool->cancel(w.b);
  w.pool->release(backend);
  CHECK(w.b.ready.empty());
  CHECK(w.c.ready.size() == 1);
}

TEST_CASE("cancelling while it connects closes that connection and lets the next one in") {
  World w(at_most(1));
  w.pool->acquire(w.wanted(), w.a);
  w.pool->acquire(w.wanted(), w.b);
  w.pool->cancel(w.a);
  REQUIRE(run_until(w.loop, [&] { return w.b.ready.size() == 1; }));
  CHECK(w.a.ready.empty());
  CHECK(w.a.lost.empty());
  CHECK(w.row().in_use == 1);
}

TEST_CASE("at the limit an idle connection of another key makes room, the longest idle one first") {
  World w(at_most(2));
  Backend& old = w.get(w.a, w.wanted());
  Backend& young = w.get(w.b, w.wanted());
  w.pool->release(old);
  REQUIRE(run_until(w.loop, [&] { return w.loop.now() > old.since(); }));
  w.pool->release(young);
  auto other = w.wanted();
  other.key.account = test::account();
  w.get(w.c, other);
  CHECK(w.pool->acquire(w.wanted(), w.a) == &young);
  CHECK(w.one.open() == 2);
}

TEST_CASE("discard closes and lets the next one in") {
  World w(at_most(1));
  Backend& backend = w.get(w.a, w.wanted());
  w.pool->acquire(w.wanted(), w.b);
  w.pool->discard(backend);
  REQUIRE(run_until(w.loop, [&] { return w.b.ready.size() == 1; }));
  CHECK(w.one.connections[0]->closed);
  CHECK(w.row().in_use == 1);
}

TEST_CASE("what is given back with a statement in flight is closed, not lent") {
  World w;
  Backend& backend = w.get(w.a, w.wanted());
  Sink sink;
  backend.submit(sink, Expect::query, command(0x03, "SELECT SLEEP(100)"));
  w.pool->release(backend);
  CHECK(sink.lines == std::vector<std::string>{"lost 2013"});
  CHECK(w.row().idle == 0);
}

TEST_CASE("a connection that dies in a holder's hands, or idle, is reaped and counted no more") {
  World w(at_most(1));
  Backend& backend = w.get(w.a, w.wanted());
  const bool idle = GENERATE(false, true);
  if (idle) w.pool->release(backend);
  w.one.last().stream->close();
  REQUIRE(run_until(w.loop, [&] { return w.pool->rows().empty(); }));
  CHECK(w.a.lost.size() == (idle ? 0 : 1));
  CHECK_FALSE(w.pool->full(0));
  w.get(w.b, w.wanted());
}

TEST_CASE("a refused login is told with the server's words, and the next one in the queue tries") {
  World w(at_most(1));
  w.one.how = test::ScriptedServer::How::refuse;
  w.pool->acquire(w.wanted(), w.a);
  w.pool->acquire(w.wanted(), w.b);
  REQUIRE(run_until(w.loop, [&] { return w.a.lost.size() == 1; }));
  CHECK(w.a.said_so);
  CHECK(w.a.error->code == 1045);
  w.one.how = test::ScriptedServer::How::native;
  REQUIRE(run_until(w.loop, [&] { return !w.b.ready.empty() || !w.b.lost.empty(); }));
}

TEST_CASE("a connect that takes too long is given up") {
  Pool::Limits limits;
  limits.connect_timeout = base::milliseconds(1);
  World w(limits);
  w.one.how = test::ScriptedServer::How::silent;
  w.pool->acquire(w.wanted(), w.a);
  REQUIRE(run_until(w.loop, [&] {
    w.pool->sweep();
    return !w.a.lost.empty();
  }));
  CHECK(w.a.error->message == "Can't connect to server db1 (connect timed out)");
  CHECK_FALSE(w.a.said_so);
  REQUIRE(run_until(w.loop, [&] { return w.pool->rows().empty(); }));
}

TEST_CASE("what idles too long is closed, what is in use is not; the gauges say what is there") {
  Pool::Limits limits;
  limits.idle = base::milliseconds(1);
  World w(limits);
  Backend& idle = w.get(w.a, w.wanted());
  Backend& used = w.get(w.b, w.wanted());
  w.pool->release(idle);
  const auto since = w.loop.now();
  REQUIRE(run_until(w.loop, [&] { return w.loop.now() - since > base::milliseconds(2); }));
  w.pool->sweep();
  CHECK(w.row().idle == 0);
  CHECK(w.row().in_use == 1);
  CHECK_FALSE(used.dead());
  auto& gauges = w.metrics.server(0).connections;
  CHECK(gauges[metrics::BackendState::in_use].value() == 1);
  CHECK(gauges[metrics::BackendState::idle].value() == 0);
  REQUIRE(run_until(w.loop, [&] { return w.one.connections[0]->closed; }));
  CHECK(w.one.connections[0]->commands.back() == base::Bytes{0x01});
}

TEST_CASE("a change of role closes what is idle at once and what is in use when it is given back") {
  World w;
  Backend& idle = w.get(w.a, w.wanted(0));
  Backend& used = w.get(w.b, w.wanted(0));
  Backend& replica = w.get(w.c, w.wanted(1));
  w.pool->release(idle);
  w.pool->release(replica);
  w.publish(1);
  CHECK(idle.dead());
  CHECK(replica.dead());
  CHECK_FALSE(used.dead());
  w.pool->release(used);
  CHECK(used.dead());
  test::settle(w.loop);
  CHECK(w.pool->rows().empty());
}

TEST_CASE("the pool's end closes all and tells no holder") {
  World w;
  w.pool->release(w.get(w.a, w.wanted(0)));
  w.get(w.b, w.wanted(0));
  w.pool->acquire(w.wanted(1), w.c);
  w.loop.run_deferred();
  w.pool.reset();
  REQUIRE(run_until(w.loop, [&] { return w.one.open() + w.two.open() == 0; }));
  CHECK(w.a.lost.empty());
  CHECK(w.b.lost.empty());
  CHECK(w.c.lost.empty());
}

}  // namespace
}  // namespace wye::pool
