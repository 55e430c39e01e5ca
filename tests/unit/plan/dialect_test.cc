#include "replication/plan/dialect.h"

#include <fstream>
#include <optional>
#include <sstream>

#include "tests/unit/catch.h"

using namespace wye;
using plan::Dialect;
using plan::Phrase;
using topology::parse_version;

namespace {

Dialect of(const char* version) { return Dialect{parse_version(version)}; }

constexpr Phrase phrases[] = {
    Phrase::show_replica_status, Phrase::show_binlog_status,
    Phrase::show_replicas,       Phrase::start_replica,
    Phrase::start_receiver,      Phrase::start_applier,
    Phrase::stop_replica,        Phrase::stop_receiver,
    Phrase::stop_applier,        Phrase::reset_replica,
    Phrase::reset_binlogs,       Phrase::gtids_had,
    Phrase::gtids_written,       Phrase::fence,
    Phrase::log_updates,         Phrase::source_word,
    Phrase::change_source,
};

/// dialect.tsv: version, what, text
std::string said(const std::string& version, const std::string& what) {
  const Dialect dialect{parse_version(version)};
  const plan::SemiSyncNames names = dialect.semi_sync();
  if (what == "status") return dialect.text(Phrase::show_replica_status);
  if (what == "binlog") return dialect.text(Phrase::show_binlog_status);
  if (what == "replicas") return dialect.text(Phrase::show_replicas);
  if (what == "stop") return dialect.text(Phrase::stop_receiver);
  if (what == "reset") return dialect.text(Phrase::reset_binlogs);
  if (what == "fence") return dialect.set_global(dialect.text(Phrase::fence), "ON");
  if (what == "log_updates") return dialect.text(Phrase::log_updates);
  if (what == "semi") return names.source_enabled + " " + names.replica_enabled + " " + names.source_clients;
  if (what == "plugin") return names.source_plugin + " " + names.replica_library;
  if (what == "point") return names.wait_point + " " + names.wait_count;
  plan::Source source;
  source.host = "10.0.0.1";
  source.user = "repl";
  if (what == "tls") {
    source.tls = {true, true, "/ca.pem", "", ""};
    source.delay = base::seconds{60};
  }
  if (what == "source" || what == "tls") return plan::masked(*dialect.change_source(source));
  if (what == "demote") return plan::masked(*dialect.change_source(source, true));
  if (what == "account" || what == "account_tls") {
    std::string out;
    const auto statements = dialect.create_replication_account("repl", "%", what == "account_tls");
    for (const auto& sql : *statements) out += (out.empty() ? "" : "; ") + plan::masked(sql);
    return out;
  }
  if (what == "drop") return *dialect.drop_account("repl", "%");
  return "?";
}

/// Reads a literal back as a server does; nullopt: it ends before its end.
std::optional<std::string> read_back(const std::string& literal, bool backslash_escapes) {
  std::string out;
  if (literal.size() < 2 || literal.front() != '\'' || literal.back() != '\'') return std::nullopt;
  for (std::size_t i = 1; i + 1 < literal.size(); ++i) {
    if (literal[i] == '\'' || (literal[i] == '\\' && backslash_escapes)) {
      if (literal[i] == '\'' && literal[i + 1] != '\'') return std::nullopt;
      if (++i + 1 >= literal.size()) return std::nullopt;
    }
    out += literal[i];
  }
  return out;
}

}  // namespace

TEST_CASE("Every version is spoken to in its own words") {
  std::ifstream in{WYE_TEST_DATA "/dialect.tsv"};
  REQUIRE(in);
  unsigned rows = 0;
  for (std::string line; std::getline(in, line);) {
    if (line.empty() || line.front() == '#') continue;
    std::istringstream cells{line};
    std::string version, what, text;
    std::getline(cells, version, '\t');
    std::getline(cells, what, '\t');
    std::getline(cells, text, '\t');
    INFO(line);
    CHECK(said(version, what) == text);
    ++rows;
  }
  CHECK(rows >= 50);
}

TEST_CASE("There is a phrase for every version") {
  for (const char* version : {"5.6.24-log",
                              "5.7.5",
                              "5.7.8",
                              "5.7.44",
                              "8.0.4",
                              "8.0.21",
                              "8.0.22",
                              "8.0.23",
                              "8.0.26",
                              "8.1.0",
                              "8.2.0",
                              "8.3.0",
                              "8.4.6",
                              "9.0.1",
                              "9.7.4-2",
                              "26.7.0",
                              "28.4.1",
                              "10.6.1-MariaDB",
                              "10.11.19-MariaDB-0+deb12u1-log",
                              "11.4.2-MariaDB",
                              "12.3.1-MariaDB"}) {
    INFO(version);
    for (const Phrase phrase : phrases) CHECK_FALSE(of(version).text(phrase).empty());
    plan::Source source;
    source.host = "h";
    const auto sql = of(version).change_source(source);
    REQUIRE(sql);
    CHECK(sql->find("SSL=0") != std::string::npos);
    CHECK(sql->find(plan::password_mark) != std::string::npos);
  }
}

TEST_CASE("Words that later versions have lost are not used there") {
  for (const char* version : {"8.4.0", "9.7.4", "26.7.0"}) {
    for (const Phrase phrase : phrases) {
      const std::string text = of(version).text(phrase);
      CHECK(text.find("SLAVE") == std::string::npos);
      CHECK(text.find("MASTER") == std::string::npos);
    }
  }
}

TEST_CASE("The old semi-sync plugin is kept where it is loaded") {
  CHECK(of("8.4.0").semi_sync(true).source_enabled == "rpl_semi_sync_master_enabled");
  CHECK(of("8.4.0").semi_sync(true).wait_count == "rpl_semi_sync_master_wait_for_slave_count");
  CHECK(of("8.4.0").semi_sync(false).wait_count == "rpl_semi_sync_source_wait_for_replica_count");
  CHECK(of("5.6.24").semi_sync().wait_point.empty());
}

TEST_CASE("No value gets out of its quotes") {
  const std::string alphabet = "'\\\"`a%;-/*\xc3\xbf ";
  std::uint32_t seed = 1;
  for (int i = 0; i < 20'000; ++i) {
    std::string value;
    for (seed = seed * 1'664'525 + 1'013'904'223; value.size() < seed >> 28; seed = seed * 1'664'525 + 1'013'904'223)
      value += alphabet[(seed >> 16) % alphabet.size()];
    const auto literal = plan::quoted(value);
    REQUIRE(literal);
    INFO(value);
    CHECK(read_back(*literal, true) == value);
    CHECK(read_back(*literal, false).has_value());  // NO_BACKSLASH_ESCAPES
  }
  CHECK(*plan::quoted_name("a`b\\") == "`a``b\\`");
  for (const std::string& bad : {std::string{"a\0b", 3}, std::string{"a\nb"}, std::string{"\x01"}, std::string{"\x02"},
                                 std::string{"\x1a"}, std::string{"\x7f"}}) {
    CHECK_FALSE(plan::quoted(bad));
    CHECK_FALSE(plan::quoted_name(bad));
    CHECK_FALSE(plan::quoted_account("a", bad));
    plan::Source source;
    source.host = bad;
    CHECK_FALSE(of("9.7.4").change_source(source));
    CHECK_FALSE(of("9.7.4").create_replication_account(bad, "%", false));
  }
}

TEST_CASE("A statement shows no password, and the server gets it") {
  plan::Source source;
  source.host = "h";
  source.user = "o'neil";
  const auto sql = of("9.7.4").change_source(source);
  REQUIRE(sql);
  CHECK(plan::masked(*sql).find("SOURCE_PASSWORD=<secret>,") != std::string::npos);
  CHECK(plan::filled(*sql, "'s''x'", "'*H'").find("SOURCE_USER='o''neil', SOURCE_PASSWORD='s''x',") !=
        std::string::npos);
  // A value that looks like a mark can't be one: marks are control characters, which quoted() refuses.
  CHECK(plan::filled("'a'", "'p'", "'h'") == "'a'");
}
