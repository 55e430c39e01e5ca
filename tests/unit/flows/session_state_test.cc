#include "proxy/session/flows/session_state.h"

#include "proxy/protocol/wire.h"
#include "tests/unit/catch.h"

namespace wye::session {
namespace {

namespace status = protocol::status;
using sql::Facts;

/// An OK with trackers. Views into itself.
struct Ok {
  explicit Ok(std::uint16_t flags = status::autocommit) { info.status = flags; }
  Ok(const Ok&) = delete;
  Ok& operator=(const Ok&) = delete;
  Ok& variable(std::string_view name, std::string_view value) {
    Bytes data;
    protocol::put_lenenc_string(data, name);
    protocol::put_lenenc_string(data, value);
    return item(0, data);
  }
  Ok& schema(std::string_view name) {
    Bytes data;
    protocol::put_lenenc_string(data, name);
    return item(1, data);
  }
  Ok& changed() { return item(2, {'1'}); }
  Ok& item(std::uint8_t type, const Bytes& data) {
    block.push_back(type);
    protocol::put_lenenc_bytes(block, data);
    info.session_state = block;
    return *this;
  }
  Bytes block;
  protocol::OkInfo info;
};

Facts facts(std::uint32_t effects) {
  Facts f;
  f.effects = effects;
  return f;
}
routing::SessionView view(const SessionState& s) {
  routing::SessionView v;
  s.fill(v);
  return v;
}

TEST_CASE("variables are remembered by value and sent once to each connection") {
  SessionState s;
  ConnectionState a, b;
  s.adopt(a);
  s.apply(Ok().variable("time_zone", "+01:00").variable("sql_mode", "ANSI_QUOTES").info, nullptr, true);
  s.adopt(a);
  CHECK_FALSE(s.differs(a));
  CHECK(s.differs(b));
  CHECK(s.difference(b) == "SET @@session.sql_mode='ANSI_QUOTES', @@session.time_zone='+01:00'");
  CHECK_FALSE(s.differs(b));
  CHECK(s.difference(b).empty());
  s.apply(Ok().variable("time_zone", "+02:00").info, nullptr, true);
  CHECK(s.difference(b) == "SET @@session.time_zone='+02:00'");
  s.apply(Ok().variable("time_zone", "+02:00").info, nullptr, true);
  CHECK_FALSE(s.differs(b));  // nothing new
}

TEST_CASE("max_join_size sets sql_big_selects as well") {
  SessionState s;
  ConnectionState a;
  s.apply(Ok().variable("max_join_size", "1").info, nullptr, true);
  CHECK(s.difference(a) == "SET @@session.max_join_size=1, @@session.sql_big_selects='OFF'");
  s.apply(Ok().variable("sql_big_selects", "ON").info, nullptr, true);
  CHECK(s.difference(a) == "SET @@session.sql_big_selects='ON'");
  s.apply(Ok().variable("max_join_size", "1").info, nullptr, true);
  CHECK(s.difference(a) == "SET @@session.sql_big_selects='OFF'");
  s.apply(Ok().variable("max_join_size", "18446744073709551615").info, nullptr, true);
  CHECK(s.difference(a) == "SET @@session.max_join_size=18446744073709551615, @@session.sql_big_selects='ON'");
}

TEST_CASE("what SET NAMES did is repeated by SET NAMES") {
  SessionState s;
  ConnectionState a;
  Facts names;
  names.kind = sql::Kind::set;
  names.effects = sql::fx_set_session;
  const auto set_names = [&](const char* charset, std::string_view collation) {
    names.collation = collation;
    s.apply(Ok().variable("character_set_client", charset)
                .variable("character_set_connection", charset)
                .variable("character_set_results", charset)
                .info,
            &names, true);
  };
  set_names("utf8mb4", "utf8mb4_unicode_ci");
  CHECK(s.difference(a) == "SET NAMES 'utf8mb4' COLLATE 'utf8mb4_unicode_ci'");
  CHECK(s.difference(a).empty());
  set_names("latin1", "");
  s.apply(Ok().variable("time_zone", "UTC").info, &names, true);
  CHECK(s.difference(a) == "SET NAMES 'latin1', @@session.time_zone='UTC'");
  CHECK(s.difference(a).empty());
  s.apply(Ok().variable("collation_connection", "latin1_bin").info, &names, true);
  // The collation of results' metadata is still the one that SET NAMES brought.
  CHECK(s.difference(a) ==
        "SET NAMES 'latin1', @@session.character_set_connection='latin1', @@session.collation_connection='latin1_bin'");
  s.apply(Ok().variable("character_set_results", "").info, &names, true);
  CHECK(s.difference(a) ==
        "SET NAMES 'latin1', @@session.character_set_results=NULL, @@session.character_set_connection='latin1', "
        "@@session.collation_connection='latin1_bin'");
}

TEST_CASE("SET NAMES says the collation, and without COLLATE it is the charset's default again") {
  SessionState s;
  ConnectionState a, b;
  Facts names;
  names.kind = sql::Kind::set;
  names.effects = sql::fx_set_session;
  names.collation = "utf8mb4_unicode_ci";
  s.apply(Ok().variable("character_set_connection", "utf8mb4").info, &names, true);
  CHECK(s.difference(a) ==
        "SET @@session.character_set_connection='utf8mb4', @@session.collation_connection='utf8mb4_unicode_ci'");
  names.collation = {};
  s.apply(Ok().variable("character_set_connection", "utf8mb4").info, &names, true);
  CHECK(s.difference(a) == "SET @@session.character_set_connection='utf8mb4'");
  CHECK(s.difference(b) == "SET @@session.character_set_connection='utf8mb4'");
  // The collation brings its charset; then a charset, which the old collation must not undo.
  s.apply(Ok().variable("collation_connection", "latin1_bin").info, &names, true);
  CHECK(s.difference(a) ==
        "SET @@session.character_set_connection='utf8mb4', @@session.collation_connection='latin1_bin'");
  s.apply(Ok().variable("character_set_connection", "cp1251").info, &names, true);
  CHECK(s.difference(a) == "SET @@session.character_set_connection='cp1251'");
  CHECK(s.difference(a).empty());
  CHECK(view(s).pinned == false);
  Facts call;
  call.kind = sql::Kind::call;
  s.apply(Ok().variable("character_set_connection", "utf8mb4").info, &call, true);
  CHECK(view(s).pinned);  // which collation, nobody told
}

TEST_CASE("SET TRANSACTION inside a transaction goes where the transaction is") {
  SessionState s;
  s.apply_status(status::autocommit | status::in_transaction | status::in_transaction_readonly, false);
  s.before(facts(sql::fx_next_transaction));
  CHECK_FALSE(view(s).pinned);
}

TEST_CASE("values are written so that the server reads the same") {
  struct Row {
    const char *name, *value, *sql;
  };
  for (const auto& row : std::vector<Row>{
           {"sql_select_limit", "18446744073709551615", "18446744073709551615"},
           {"long_query_time", "10.500000", "10.500000"},
           {"sql_mode", "0", "'0'"},
           {"time_zone", "0", "'0'"},
           {"character_set_results", "", "NULL"},
           {"sql_mode", "", "''"},
           {"foo", "-", "'-'"},
           {"foo", ".", "'.'"},
           {"foo", "1.2.3", "'1.2.3'"},
           {"foo", "it's", "'it''s'"},
           {"foo", "a\\", "'a\\\\'"},
       }) {
    SessionState s;
    ConnectionState fresh;
    s.apply(Ok().variable(row.name, row.value).info, nullptr, true);
    CHECK(s.difference(fresh) == "SET @@session." + std::string(row.name) + "=" + row.sql);
  }
}

TEST_CASE("a connection whose sql_mode has NO_BACKSLASH_ESCAPES reads backslashes as they are") {
  SessionState s;
  ConnectionState c;
  c.variables["sql_mode"] = "NO_BACKSLASH_ESCAPES";
  s.apply(Ok().variable("foo", "a\\'").info, nullptr, true);
  CHECK(s.difference(c) == "SET @@session.foo='a\\''', @@session.sql_mode=DEFAULT");
  CHECK(quoted("\\'", false) == "'\\\\'''");
}

TEST_CASE("what moves by itself is not replayed, but routing knows of READ ONLY") {
  SessionState s;
  ConnectionState c;
  s.adopt(c);
  s.apply(Ok().variable("timestamp", "1.5").variable("statement_id", "7").variable("last_gtid", "0-1-2").info, nullptr,
          true);
  CHECK_FALSE(s.differs(c));
  s.apply(Ok().variable("transaction_read_only", "ON").info, nullptr, true);
  CHECK(view(s).session_read_only);
  CHECK(s.difference(c).empty());
  s.apply(Ok().variable("transaction_isolation", "SERIALIZABLE").info, nullptr, true);
  CHECK(view(s).serializable);
  SessionState old;
  old.apply(Ok().variable("tx_isolation", "SERIALIZABLE").variable("tx_read_only", "1").info, nullptr, true);
  CHECK(view(old).serializable);
  CHECK(view(old).session_read_only);
}

TEST_CASE("what a replica reports is the session's, except the READ ONLY that wye has set there") {
  SessionState s;
  s.apply(Ok().variable("transaction_read_only", "ON").variable("time_zone", "+05:00").info, nullptr, false);
  CHECK(s.variables() == Variables{{"time_zone", "+05:00"}});
  CHECK_FALSE(view(s).session_read_only);
}

TEST_CASE("schema: from either side") {
  SessionState s;
  ConnectionState c;
  s.adopt(c);
  s.apply(Ok().schema("shop").info, nullptr, true);
  CHECK(s.schema == "shop");
  CHECK(s.differs(c));
  s.adopt(c);
  CHECK(c.schema == "shop");
}

TEST_CASE("transactions: status flags; autocommit is that of the primary") {
  SessionState s;
  CHECK(view(s).autocommit);
  s.apply(Ok(status::in_transaction | status::autocommit).info, nullptr, true);
  CHECK(view(s).in_transaction);
  s.apply_status(status::autocommit, true);
  CHECK_FALSE(view(s).in_transaction);
  s.apply_status(0, true);  // SET autocommit=0
  CHECK_FALSE(view(s).autocommit);
  s.apply_status(status::autocommit | status::in_transaction | status::in_transaction_readonly, false);
  CHECK_FALSE(view(s).autocommit);
  CHECK(view(s).in_transaction);
  CHECK(view(s).transaction_read_only);
  s.transaction_lost();
  CHECK_FALSE(view(s).in_transaction);
  CHECK_FALSE(view(s).transaction_read_only);
}

TEST_CASE("flags of one answer are not the session's") {
  SessionState s;
  s.apply_status(status::autocommit | status::in_transaction | status::more_results | status::cursor_exists |
                     status::last_row_sent | status::metadata_changed | status::session_state_changed,
                 true);
  CHECK(s.status() == (status::autocommit | status::in_transaction));
}

TEST_CASE("SET TRANSACTION is remembered by value where the connection tells it") {
  SessionState s;
  s.next_is_told(true);
  const auto text = [](std::string_view characteristics) {
    Bytes data;
    protocol::put_lenenc_string(data, characteristics);
    return data;
  };
  auto set = facts(sql::fx_next_transaction);
  set.kind = sql::Kind::set;
  s.before(set);
  s.apply(Ok().item(4, text("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; SET TRANSACTION READ ONLY;")).info, &set,
          true);
  CHECK_FALSE(view(s).pinned);
  CHECK(s.kept() == Keep::none);
  CHECK(view(s).next_transaction);
  CHECK(view(s).session_read_only);
  CHECK(view(s).serializable);
  CHECK(s.next().pending() == "ISOLATION LEVEL SERIALIZABLE, READ ONLY");
  // An error says nothing: only that connection knows whether it is used up, and its next OK tells.
  const auto write = facts(0);
  s.before(write);
  s.after_error(&write);
  CHECK(view(s).pinned);
  s.apply(Ok().info, &write, true);
  CHECK_FALSE(view(s).pinned);
  CHECK(view(s).next_transaction);
  s.apply(Ok().item(4, text("START TRANSACTION READ ONLY;")).info, &write, true);
  CHECK_FALSE(view(s).next_transaction);
  // Of a statement of several that failed, one may have been SET TRANSACTION.
  auto several = set;
  several.several = true;
  s.before(several);
  s.after_error(&several);
  CHECK(view(s).pinned);
  s.next_reported("SET TRANSACTION READ WRITE;");
  CHECK_FALSE(view(s).pinned);
  CHECK(s.next().read_only() == false);
  s.transaction_lost();
  CHECK(s.next().pending().empty());
  s.next_reported("SET TRANSACTION READ ONLY;");
  s.reset();
  CHECK(s.next().pending().empty());
}

TEST_CASE("SET TRANSACTION for the next one pins until that is over where no connection tells it") {
  SessionState s;
  auto set = facts(sql::fx_next_transaction);
  set.kind = sql::Kind::set;
  s.before(set);
  s.apply(Ok().info, &set, true);
  CHECK(view(s).pinned);
  auto other_set = facts(sql::fx_set_session);  // begins no transaction
  other_set.kind = sql::Kind::set;
  s.apply(Ok().info, &other_set, true);
  CHECK(view(s).pinned);
  const auto begin = facts(0);
  s.apply(Ok(status::in_transaction | status::autocommit).info, &begin, true);
  CHECK(view(s).pinned);
  s.apply(Ok().info, &begin, true);
  CHECK_FALSE(view(s).pinned);
}

TEST_CASE("SET TRANSACTION that fails pins nothing") {
  SessionState s;
  const auto set = facts(sql::fx_next_transaction);
  s.before(set);
  s.after_error(&set);
  CHECK_FALSE(view(s).pinned);
}

TEST_CASE("what no tracker reports pins, with its reason; the first one stays") {
  for (const auto& [effect, why] :
       std::vector<std::pair<sql::Effect, Pin>>{{sql::fx_temporary_table, Pin::temporary_table},
                                                {sql::fx_xa, Pin::xa},
                                                {sql::fx_sticky_setting, Pin::sticky_setting}}) {
    SessionState s;
    s.before(facts(effect));
    CHECK(s.pinned() == why);
    CHECK(view(s).pinned);
    s.before(facts(effect == sql::fx_xa ? sql::fx_lock_tables : sql::fx_xa));
    CHECK(s.pinned() == why);
    s.reset();
    CHECK(s.pinned() == Pin::none);
  }
}

TEST_CASE("what SET STATEMENT says is over with its statement") {
  SessionState s;
  auto statement = facts(sql::fx_sticky_setting);
  statement.for_statement = "group_concat_max_len = 5, `Sort_Buffer_Size`=100000 ";
  ConnectionState there;
  s.adopt(there);
  s.apply(Ok().variable("group_concat_max_len", "5").variable("sort_buffer_size", "100000").info, &statement, true);
  CHECK_FALSE(s.differs(there));
  s.apply(Ok().variable("time_zone", "+01:00").variable("group_concat_max_len", "5").info, &statement, true);
  CHECK(s.difference(there) == "SET @@session.time_zone='+01:00'");
}

TEST_CASE("HANDLER pins once it has succeeded") {
  const auto handler = facts(sql::fx_handler);
  SessionState s;
  s.before(handler);
  s.after_error(&handler);
  CHECK(s.pinned() == Pin::none);
  s.before(handler);
  s.apply(Ok().info, &handler, true);
  CHECK(s.pinned() == Pin::handler);
  // One of several may have succeeded before another failed.
  auto several = handler;
  several.several = true;
  SessionState other;
  other.before(several);
  CHECK(other.pinned() == Pin::handler);
}

TEST_CASE("UNLOCK TABLES takes away the pin of LOCK TABLES and no other") {
  const auto unlock = facts(sql::fx_unlock_tables);
  SessionState s;
  s.pin(Pin::lock_tables);
  s.apply(Ok().info, &unlock, true);
  CHECK(s.pinned() == Pin::none);
  s.pin(Pin::lock_tables);
  s.pin(Pin::temporary_table);  // begun while tables were locked
  s.apply(Ok().info, &unlock, true);
  CHECK(s.pinned() == Pin::temporary_table);
  s.pin(Pin::lock_tables);
  s.apply(Ok().info, &unlock, true);
  CHECK(s.pinned() == Pin::temporary_table);
  s.reset();
  s.pin(Pin::lock_tables);
  CHECK(view(s).pinned);
  s.reset();
  CHECK(s.pinned() == Pin::none);
}

TEST_CASE("a SET that changed something and named nothing pins") {
  const auto set = facts(sql::fx_set_session), autocommit = facts(sql::fx_set_session | sql::fx_autocommit);
  SessionState s;
  s.apply(Ok().changed().info, &autocommit, true);
  s.apply(Ok().changed().variable("time_zone", "UTC").info, &set, true);
  s.apply(Ok().info, &set, true);
  CHECK(s.pinned() == Pin::none);
  s.apply(Ok().changed().info, &set, true);
  CHECK(s.pinned() == Pin::untracked_setting);
}

TEST_CASE("a routine that changed what is not named pins") {
  for (const bool call : {true, false}) {
    auto routine = facts(call ? 0U : sql::fx_stored_function);
    if (call) routine.kind = sql::Kind::call;
    SessionState s;
    s.apply(Ok().info, &routine, true);
    CHECK(s.pinned() == Pin::none);
    s.apply(Ok().changed().variable("time_zone", "UTC").info, &routine, true);
    CHECK(s.pinned() == Pin::untracked_setting);
  }
}

TEST_CASE("autocommit follows the flags where MariaDB does not report it") {
  SessionState s;
  ConnectionState c;
  s.apply(Ok(0).variable("autocommit", "OFF").info, nullptr, true);
  s.apply(Ok().info, nullptr, false);  // a replica's flag is not the session's
  CHECK(s.variables() == Variables{{"autocommit", "OFF"}});
  s.apply(Ok().info, nullptr, true);
  CHECK(s.variables() == Variables{{"autocommit", "ON"}});
  CHECK(s.difference(c) == "SET @@session.autocommit='ON'");
}

TEST_CASE("the client's own settings of trackers are told once and not taken for variables") {
  SessionState s;
  s.apply(Ok().variable("session_track_gtids", "OWN_GTID").info, nullptr, true);
  CHECK(s.take_tracker_change());
  CHECK_FALSE(s.take_tracker_change());
  CHECK(s.variables().empty());
}

TEST_CASE("the client's own settings of trackers, for a statement that shows them") {
  SessionState s;
  const std::string none =
      "SET @@session.session_track_system_variables=DEFAULT, @@session.session_track_schema=DEFAULT, "
      "@@session.session_track_state_change=DEFAULT, @@session.session_track_transaction_info=DEFAULT";
  CHECK(s.own_trackers(true) == none);
  CHECK(s.own_trackers(false) == none + ", @@session.session_track_gtids=DEFAULT");
  CHECK(SessionState::ask_trackers(true) ==
        "SELECT @@session.session_track_system_variables, @@session.session_track_schema, "
        "@@session.session_track_state_change, @@session.session_track_transaction_info");
  s.trackers_are({"time_zone", "0", "0", "OFF", "OWN_GTID"});
  CHECK(s.own_trackers(false) ==
        "SET @@session.session_track_system_variables='time_zone', @@session.session_track_schema=0, "
        "@@session.session_track_state_change=0, @@session.session_track_transaction_info='OFF', "
        "@@session.session_track_gtids='OWN_GTID'");
  s.reset();
  CHECK(s.own_trackers(true) == none);
}

TEST_CASE("SET CHARACTER SET takes the collation of the schema, which has no name here") {
  SessionState s;
  ConnectionState a;
  const auto set = sql::classify("SET CHARACTER SET latin1", sql::Dialect{});
  const auto apply = [&] {
    s.apply(Ok().variable("character_set_client", "latin1")
                .variable("character_set_connection", "utf8mb4")
                .variable("character_set_results", "latin1")
                .info,
            &set, true);
  };
  s.apply(Ok().schema("shop").info, nullptr, true);
  apply();
  CHECK(s.difference(a) ==
        "SET @@session.character_set_client='latin1', @@session.character_set_connection='utf8mb4', "
        "@@session.character_set_results='latin1', @@session.collation_connection=@@collation_database");
  s.apply(Ok().schema("shop").info, nullptr, true);
  CHECK(s.pinned() == Pin::none);
  s.apply(Ok().schema("other").info, nullptr, true);
  CHECK(s.pinned() == Pin::untracked_setting);  // it keeps that of the one before
  s.reset(true);
  apply();
  CHECK(s.difference(a) ==
        "SET @@session.character_set_client='latin1', @@session.character_set_connection='utf8mb4', "
        "@@session.character_set_results='latin1', @@session.collation_connection=@@collation_server");
}

TEST_CASE("SET CHARACTER SET undoes SET NAMES, of the same charset as well") {
  SessionState s;
  ConnectionState a;
  const auto set = [&](const char* text, const char* collation) {
    const auto facts = sql::classify(text, sql::Dialect{});
    Ok ok;
    ok.variable("character_set_client", "utf8mb4")
        .variable("character_set_connection", "utf8mb4")
        .variable("character_set_results", "utf8mb4");
    if (collation != nullptr) ok.variable("collation_connection", collation);  // MariaDB
    s.apply(ok.info, &facts, true);
  };
  set("SET NAMES utf8mb4 COLLATE utf8mb4_bin", "utf8mb4_bin");
  CHECK(s.difference(a) == "SET NAMES 'utf8mb4' COLLATE 'utf8mb4_bin'");
  set("SET CHARACTER SET utf8mb4", "utf8mb4_general_ci");
  CHECK(s.difference(a) ==
        "SET @@session.character_set_client='utf8mb4', @@session.character_set_connection='utf8mb4', "
        "@@session.character_set_results='utf8mb4', @@session.collation_connection='utf8mb4_general_ci'");
  CHECK(s.difference(a).empty());
}

TEST_CASE("a read of variables does not use up what SET TRANSACTION says of the next one") {
  SessionState s;
  const auto run = [&](const char* text) {
    const auto facts = sql::classify(text, sql::Dialect{});
    s.before(facts);
    s.apply(Ok().info, &facts, true);
  };
  run("SET @@transaction_read_only = 1");
  CHECK(view(s).pinned);
  run("SELECT @@transaction_read_only");
  CHECK(view(s).pinned);
  run("SELECT COUNT(*) FROM t");
  CHECK_FALSE(view(s).pinned);
}

TEST_CASE("what is found on the primary's connection counts where it differs") {
  SessionState s;
  ConnectionState a;
  s.found("time_zone", "SYSTEM", "SYSTEM");
  s.found("group_concat_max_len", "77", "1024");
  CHECK(s.difference(a) == "SET @@session.group_concat_max_len=77");
  s.found("group_concat_max_len", "1024", "1024");
  CHECK(s.difference(a) == "SET @@session.group_concat_max_len=1024");
}

TEST_CASE("a routine that only reads changes no schema, whatever its results name") {
  SessionState state;
  state.schema = "mine";
  Facts call = facts(0);
  call.kind = sql::Kind::call;
  call.replica_ok = true;
  Ok result;
  state.apply(result.schema("theirs").info, &call, false);
  CHECK(state.schema == "mine");
  call.replica_ok = false;
  state.apply(result.info, &call, true);
  CHECK(state.schema == "theirs");
}

TEST_CASE("the results of a routine name its own schema; only the last answer says where the session is") {
  SessionState state;
  state.schema = "mine";
  Facts call = facts(0);
  call.kind = sql::Kind::call;
  Ok result(status::autocommit | status::more_results);
  state.apply(result.schema("theirs").info, &call, true);
  CHECK(state.schema == "mine");  // an error may follow, which says no schema
  call.several = true;            // USE among them
  state.apply(result.info, &call, true);
  CHECK(state.schema == "theirs");
}

TEST_CASE("reset forgets all but the schema") {
  SessionState s;
  ConnectionState c;
  s.schema = "shop";
  s.apply(Ok(0).variable("time_zone", "+01:00").info, nullptr, true);
  s.adopt(c);
  s.reset();
  CHECK(s.schema == "shop");
  CHECK(s.variables().empty());
  CHECK(view(s).autocommit);
  CHECK(s.differs(c));
}

TEST_CASE("COM_RESET_CONNECTION leaves the role, and so what pins for it") {
  const bool same_user = GENERATE(true, false);
  SessionState s;
  s.pin(Pin::temporary_table);
  s.before(facts(sql::fx_sticky_setting));
  s.reset(same_user);
  CHECK(s.pinned() == (same_user ? Pin::sticky_setting : Pin::none));
  s.reset(true);
  CHECK(s.pinned() == (same_user ? Pin::sticky_setting : Pin::none));
}

TEST_CASE("a connection that served another session is not mistaken for this one's") {
  SessionState a, b;
  ConnectionState c;
  a.apply(Ok().variable("time_zone", "+01:00").info, nullptr, true);
  b.apply(Ok().variable("time_zone", "+02:00").info, nullptr, true);
  a.adopt(c);
  c.prepared[5] = {1, {}};
  c.forget_session();
  CHECK(c.prepared.empty());
  CHECK(b.differs(c));
  CHECK(b.difference(c) == "SET @@session.time_zone='+02:00'");
}

TEST_CASE("the dialect follows sql_mode and charset") {
  SessionState s;
  sql::Dialect d;
  s.fill(d);
  CHECK_FALSE(d.ansi_quotes);
  s.apply(Ok(status::autocommit | status::no_backslash_escapes).info, nullptr, true);
  s.fill(d);
  CHECK(d.no_backslash_escapes);
  s.apply(Ok().variable("sql_mode", "ANSI_QUOTES,IGNORE_SPACE").variable("character_set_client", "gbk").info, nullptr,
          true);
  s.fill(d);
  CHECK(d.ansi_quotes);
  CHECK(d.ignore_space);
  CHECK_FALSE(d.no_backslash_escapes);
  CHECK(d.multi_byte_with_backslash);
  s.apply(Ok().variable("character_set_client", "utf8mb4").info, nullptr, true);
  s.fill(d);
  CHECK_FALSE(d.multi_byte_with_backslash);
}

TEST_CASE("every pin has a name of its own") {
  std::map<std::string, int> names;
  for (int i = 0; i < static_cast<int>(Pin::last); ++i) ++names[name(static_cast<Pin>(i))];
  CHECK(names.size() == static_cast<std::size_t>(Pin::last));
}

}  // namespace
}  // namespace wye::session
