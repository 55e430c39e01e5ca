#include "proxy/session/flows/read_under.h"

#include "proxy/protocol/wire.h"
#include "proxy/session/flows/session_state.h"
#include "tests/unit/catch.h"

namespace wye::session {
namespace {

void set(SessionState& session, std::initializer_list<std::pair<const char*, const char*>> values) {
  Bytes block;
  for (const auto& [name, value] : values) {
    Bytes data;
    protocol::put_lenenc_string(data, name);
    protocol::put_lenenc_string(data, value);
    protocol::put_u8(block, 0);
    protocol::put_lenenc_bytes(block, data);
  }
  protocol::OkInfo ok;
  ok.status = protocol::status::autocommit;
  ok.session_state = block;
  session.apply(ok, nullptr, true);
}

TEST_CASE("a text is prepared elsewhere under what it was read under, and then there is what the session has") {
  SessionState session{7};
  ConnectionState fresh;
  set(session, {{"sql_mode", "ANSI_QUOTES"}, {"time_zone", "+01:00"}});
  const auto then = session.reads_under();
  CHECK(then == session.reads_under());
  set(session, {{"sql_mode", ""}, {"time_zone", "+02:00"}, {"lc_time_names", "fr_FR"}});
  CHECK(then != session.reads_under());

  // The time zone counts when the statement runs.
  CHECK(session.difference_to(then, fresh, nullptr) ==
        "SET @@session.sql_mode='ANSI_QUOTES', @@session.time_zone='+02:00'");
  REQUIRE(session.differs(fresh));
  CHECK(session.difference(fresh) == "SET @@session.lc_time_names='fr_FR', @@session.sql_mode=''");
  CHECK_FALSE(session.differs(fresh));

  // On a connection that has what the session has.
  CHECK(session.difference_to(then, fresh, nullptr) ==
        "SET @@session.sql_mode='ANSI_QUOTES', @@session.lc_time_names=DEFAULT");
  CHECK(session.difference(fresh) == "SET @@session.lc_time_names='fr_FR', @@session.sql_mode=''");
}

TEST_CASE("a charset that was the login's comes back by its number") {
  SessionState session{7};
  session.collation = 28;  // gbk_chinese_ci
  ConnectionState connection;
  const auto then = session.reads_under();
  set(session, {{"character_set_client", "latin1"},
                {"character_set_connection", "latin1"},
                {"character_set_results", "latin1"},
                {"collation_connection", "latin1_swedish_ci"}});
  session.difference(connection);
  CHECK(session.difference_to(then, connection, nullptr) ==
        "SET @@session.character_set_client=28, @@session.character_set_connection=28, "
        "@@session.character_set_results=28, @@session.collation_connection=28");
  CHECK(session.difference(connection).find("latin1") != std::string::npos);
}

TEST_CASE("another time zone changes nothing about a text") {
  SessionState session{7};
  const auto then = session.reads_under();
  set(session, {{"time_zone", "+02:00"}, {"autocommit", "OFF"}});
  CHECK(then == session.reads_under());
}

}  // namespace
}  // namespace wye::session
