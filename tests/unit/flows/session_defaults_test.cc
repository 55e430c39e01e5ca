#include "proxy/session/flows/session_defaults.h"

#include "proxy/session/flows/session_state.h"
#include "proxy/session/flows/side_effects.h"
#include "tests/unit/catch.h"

using namespace wye;
using session::SessionDefaults;
using topology::Defaults;

namespace {

base::TimePoint at(int ms) { return base::TimePoint{} + base::milliseconds{1000 + ms}; }

topology::Topology seen(int ms, const char* mode, std::uint64_t packet = 0) {
  topology::Topology topology;
  topology.servers.resize(1);
  topology.primary = 0;
  topology.servers[0].observed_at = at(ms);
  topology.servers[0].defaults = std::make_shared<const Defaults>(Defaults{{"sql_mode", mode}});
  topology.servers[0].max_packet = packet;
  return topology;
}

std::string mode(const SessionDefaults& defaults) {
  return defaults.values() == nullptr ? "?" : defaults.values()->at("sql_mode");
}

}  // namespace

TEST_CASE("a session has what was last seen of the primary when it began") {
  routing::Latest set;
  SessionDefaults defaults;
  defaults.begin(at(100));
  CHECK(defaults.look(seen(50, "A", 7), set));
  CHECK(mode(defaults) == "A");
  CHECK(defaults.look(seen(200, "B", 8), set));  // set by somebody since: not for this session
  CHECK(mode(defaults) == "A");
  routing::SessionView view;
  defaults.fill(view, seen(200, "B"));
  CHECK(view.defaults_known);
  CHECK(view.max_packet == 7);
}

TEST_CASE("what was seen before a SET GLOBAL does not count") {
  routing::Latest set;
  set.note(at(80));
  SessionDefaults defaults;
  defaults.begin(at(100));
  CHECK(defaults.look(seen(50, "A"), set));
  CHECK_FALSE(defaults.known());
  routing::SessionView view;
  defaults.fill(view, seen(50, "A"));
  CHECK_FALSE(view.defaults_known);
  SECTION("the next look at the primary tells") {
    CHECK(defaults.look(seen(120, "B"), set));
    CHECK(mode(defaults) == "B");
  }
  SECTION("unless somebody sets another one before that") {
    set.note(at(110));
    CHECK_FALSE(defaults.look(seen(105, "B"), set));
    CHECK_FALSE(defaults.look(seen(120, "C"), set));
    CHECK_FALSE(defaults.known());
  }
}

TEST_CASE("without a primary nothing is known yet, and reads go on") {
  routing::Latest set;
  SessionDefaults defaults;
  defaults.begin(at(0));
  CHECK(defaults.look(topology::Topology{}, set));
  CHECK_FALSE(defaults.known());
  routing::SessionView view;
  defaults.fill(view, topology::Topology{});
  CHECK(view.defaults_known);
}

TEST_CASE("where a server begins sessions otherwise, the difference is set") {
  session::SessionState state;
  session::ConnectionState there;
  const Defaults wanted{{"sql_mode", "ANSI"}, {"sql_select_limit", "3"}, {"time_zone", "+01:00"}};
  there.defaults =
      std::make_shared<const Defaults>(Defaults{{"sql_mode", ""}, {"sql_select_limit", "3"}, {"time_zone", "SYSTEM"}});
  CHECK(state.difference(there, &wanted) == "SET @@session.sql_mode='ANSI', @@session.time_zone='+01:00'");
  CHECK(state.difference(there, &wanted).empty());
  there.forget_session();
  session::SessionState other;
  protocol::OkInfo ok;
  other.apply_text({.whole = true, .variables = {{"time_zone", "UTC"}}, .schema = {}}, true);
  CHECK(other.difference(there, &wanted) == "SET @@session.time_zone='UTC', @@session.sql_mode='ANSI'");
  SECTION("a server that doesn't tell is left alone") {
    session::ConnectionState silent;
    CHECK(state.difference(silent, &wanted).empty());
  }
  SECTION("a session of which nothing is known takes what is there") {
    session::ConnectionState fresh;
    fresh.defaults = there.defaults;
    CHECK(state.difference(fresh, nullptr).empty());
  }
}

TEST_CASE("which statements may change what is known of routines") {
  const auto of = [](std::string_view text) { return session::may_change_routines(sql::classify(text, {}), text); };
  CHECK(of("CREATE FUNCTION f() RETURNS INT RETURN 1"));
  CHECK(of("/*!50003 CREATE*/ /*!50020 DEFINER=`a`@`%`*/ /*!50003 PROCEDURE `p`() SELECT 1 */"));
  CHECK(of("alter function f reads sql data"));
  CHECK(of("DROP PROCEDURE IF EXISTS p"));
  CHECK(of("SELECT 1; DROP FUNCTION f"));
  CHECK(of("EXECUTE IMMEDIATE 'DROP FUNCTION f'"));
  CHECK_FALSE(of("SELECT 'function'"));
  CHECK_FALSE(of("CALL my_procedure()"));
  CHECK_FALSE(of("INSERT INTO functions VALUES (1)"));
  CHECK_FALSE(of("CREATE TABLE t (a INT)"));
}

TEST_CASE("which statements change more than their session") {
  const auto of = [](std::string_view text) {
    const auto facts = sql::classify(text, {});
    return std::pair{session::sets_globals(facts), session::may_change_accounts(facts, text)};
  };
  using Both = std::pair<bool, bool>;
  CHECK(of("SET GLOBAL sql_mode = ''") == Both{true, false});
  CHECK(of("SET @@persist.sql_mode = ''") == Both{true, false});
  CHECK(of("SET SESSION x = 1, GLOBAL y = 2") == Both{true, false});
  CHECK(of("SET GLOBAL TRANSACTION READ WRITE") == Both{true, false});
  CHECK(of("SELECT 1; SET GLOBAL sql_mode = ''").first);
  CHECK(of("SET sql_mode = ''") == Both{false, false});
  CHECK(of("SELECT 'grant'") == Both{false, false});
  CHECK(of("UPDATE users SET role = 1") == Both{false, false});
  for (const char* text : {"GRANT SELECT ON a.* TO b", "revoke all on a.* from b", "CREATE USER x", "DROP ROLE r",
                           "alter user x account lock", "RENAME USER a TO b", "SET PASSWORD = 'x'",
                           "SET DEFAULT ROLE r TO u", "FLUSH PRIVILEGES", "SELECT 1; DROP USER a"})
    CHECK(of(text).second);
}

TEST_CASE("each USE reaches each connection of the session, and each session's connection sees one") {
  session::SessionState state;
  session::ConnectionState there;
  CHECK_FALSE(state.must_use(there, ""));
  CHECK(state.must_use(there, "shop"));
  there.schema = "shop";  // of its login
  CHECK_FALSE(state.must_use(there, "shop"));
  state.used(there, "shop");
  state.apply_text({.whole = true, .variables = {}, .schema = "shop"}, true);
  CHECK(state.must_use(there, "shop"));
  state.used(there, "shop");
  CHECK_FALSE(state.must_use(there, "shop"));
  there.forget_session();
  CHECK(state.must_use(there, "shop"));
}
