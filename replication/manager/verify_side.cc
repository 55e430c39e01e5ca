#include "replication/manager/verify_side.h"

#include <chrono>

namespace wye::manager {
namespace {

constexpr base::milliseconds answer_time{330'000};  // more than the server's own limit, below
// What a value is and how it is written must not depend on the server's configuration; nor what a read sees: with
// autocommit off it would see the same moment for ever.
constexpr const char* session =
    "SET NAMES utf8mb4; SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED; SET SESSION autocommit = 1, sql_mode = "
    "'', time_zone = '+00:00', sql_quote_show_create = 1, sql_select_limit = 18446744073709551615, sql_big_selects = 1";
/// Each of them is known to some servers only.
constexpr const char* wishes[] = {"SET SESSION optimizer_switch = 'derived_merge=off'",
                                  "SET SESSION max_execution_time = 300000", "SET SESSION max_statement_time = 300",
                                  "SET SESSION query_cache_type = OFF",
                                  "SET SESSION information_schema_stats_expiry = 0"};

base::Error wrong_answer(const std::string& what) { return {1105, "HY000", "an answer without " + what}; }

}  // namespace

VerifySide::VerifySide(std::string name, bool primary, topology::Version version)
    : name_{std::move(name)}, primary_{primary}, version_{std::move(version)} {}

base::Status VerifySide::connect(const Means& means) {
  const auto known = means.servers.find(name_);
  if (known == means.servers.end()) return base::Error{1105, "HY000", "it is not in the configuration"};
  server::ConnectOptions options = means.connect;
  options.read_timeout = answer_time;
  if (auto done = connection_.connect(known->second, means.login, options); !done) return done;
  if (auto done = connection_.query(session); !done) return done.error();
  for (const char* wish : wishes) {
    auto done = connection_.query(wish);
    if (!done && server::is_unreachable(done.error())) return done.error();
  }
  auto hash = table("SELECT SHA2('', 256) AS h");
  if (!hash) return hash.error();
  if (text_at(*hash, 0, 0).empty()) return base::Error{1105, "HY000", "the server was built without SHA2()"};
  return base::Ok{};
}

base::Result<std::vector<server::Table>> VerifySide::ask(const std::string& sql) { return connection_.query(sql); }

base::Result<server::Table> VerifySide::table(const std::string& sql, double* ms) {
  const auto began = base::Clock::now();
  auto answer = connection_.query(sql);
  if (ms != nullptr) *ms = std::chrono::duration<double, std::milli>(base::Clock::now() - began).count();
  if (!answer) return answer.error();
  if (answer->empty()) return wrong_answer("a table");
  return std::move(answer->back());
}

const char* VerifySide::position_sql() const {
  if (!mariadb()) return "SELECT @@GLOBAL.gtid_executed";
  return primary_ ? "SELECT @@GLOBAL.gtid_binlog_pos" : "SELECT @@GLOBAL.gtid_slave_pos";
}

base::Result<topology::GtidSet> VerifySide::read(const server::Table& table) const {
  if (table.rows.size() != 1) return wrong_answer("GTIDs");
  return topology::GtidSet::parse(version_.flavour, text_at(table, 0, 0));
}

base::Result<topology::GtidSet> VerifySide::position() {
  auto answer = table(position_sql());
  if (!answer) return answer.error();
  return read(*answer);
}

base::Result<server::Table> VerifySide::table_then_position(const std::string& sql, topology::GtidSet& position,
                                                            double* ms) {
  const auto began = base::Clock::now();
  auto answer = connection_.query(sql + "; " + position_sql());
  if (ms != nullptr) *ms = std::chrono::duration<double, std::milli>(base::Clock::now() - began).count();
  if (!answer) return answer.error();
  if (answer->size() != 2) return wrong_answer("a table and GTIDs");
  auto at = read((*answer)[1]);
  if (!at) return at.error();
  position = std::move(*at);
  return std::move(answer->front());
}

std::string text_at(const server::Table& table, std::size_t row, std::size_t column) {
  if (row >= table.rows.size() || column >= table.rows[row].size()) return {};
  return table.rows[row][column].value_or("");
}

std::string text_at(const server::Table& table, std::size_t row, std::initializer_list<std::string_view> names) {
  const auto* value = table.find(row, names);
  return value != nullptr ? value->value_or("") : std::string{};
}

}  // namespace wye::manager
