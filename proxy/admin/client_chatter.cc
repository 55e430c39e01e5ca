// Statements that nobody types: what shells and drivers send when they connect, when a pool pings, or when it cleans
// up.
#include <array>
#include <optional>

#include "proxy/admin/statements.h"
#include "proxy/admin/words.h"

namespace wye::admin {

namespace {

using protocol::Cell;
using protocol::Table;

struct Variable {
  std::string_view name, value;
};
/// What drivers ask for. Values that make them do the plain thing.
constexpr std::array variables{
    Variable{"auto_increment_increment", "1"},
    Variable{"autocommit", "1"},
    Variable{"character_set_client", "utf8mb4"},
    Variable{"character_set_connection", "utf8mb4"},
    Variable{"character_set_database", "utf8mb4"},
    Variable{"character_set_results", "utf8mb4"},
    Variable{"character_set_server", "utf8mb4"},
    Variable{"collation_connection", "utf8mb4_general_ci"},
    Variable{"collation_database", "utf8mb4_general_ci"},
    Variable{"collation_server", "utf8mb4_general_ci"},
    Variable{"init_connect", ""},
    Variable{"interactive_timeout", "28800"},
    Variable{"license", "wye"},
    Variable{"lower_case_table_names", "0"},
    Variable{"max_allowed_packet", "1048576"},
    Variable{"net_buffer_length", "16384"},
    Variable{"net_write_timeout", "60"},
    Variable{"performance_schema", "0"},
    Variable{"query_cache_size", "0"},
    Variable{"query_cache_type", "OFF"},
    Variable{"read_only", "0"},
    Variable{"session_track_schema", "0"},
    Variable{"sql_mode", ""},
    Variable{"sql_select_limit", "18446744073709551615"},
    Variable{"system_time_zone", "UTC"},
    Variable{"time_zone", "SYSTEM"},
    Variable{"transaction_isolation", "REPEATABLE-READ"},
    Variable{"transaction_read_only", "0"},
    Variable{"tx_isolation", "REPEATABLE-READ"},
    Variable{"tx_read_only", "0"},
    Variable{"wait_timeout", "28800"},
};

/// One column of SELECT: its value, or why there is none.
struct Column {
  std::string name;
  Cell value;
};

std::optional<Cell> variable(const Context& context, std::string_view name) {
  if (same(name, "version_comment")) return "wye " + context.version + " admin console; SHOW HELP lists its statements";
  if (same(name, "version")) return greeting_version(context);
  for (const auto& v : variables) {
    if (same(v.name, name)) return std::string{v.value};
  }
  return std::nullopt;
}

std::optional<Cell> function(const Context& context, const Caller& caller, std::string_view name) {
  if (same(name, "DATABASE") || same(name, "SCHEMA")) return caller.schema.empty() ? Cell{} : Cell{caller.schema};
  if (same(name, "VERSION")) return greeting_version(context);
  if (same(name, "CONNECTION_ID")) return std::to_string(caller.connection);
  if (same(name, "USER") || same(name, "CURRENT_USER") || same(name, "SESSION_USER") || same(name, "SYSTEM_USER"))
    return caller.user + "@localhost";
  return std::nullopt;
}

bool is_number(std::string_view word) {
  return !word.empty() && word.find_first_not_of("0123456789") == std::string_view::npos;
}

/// @@name, @@session.name, @@global.name
std::variant<Cell, base::Error> read_variable(const Context& context, std::string_view& text) {
  std::string_view ahead = text;
  std::string_view name = next_word(ahead);
  if (same(name, "session") || same(name, "global") || same(name, "local")) {
    std::string_view dot = ahead;
    if (next_word(dot) == ".") {
      ahead = dot;
      name = next_word(ahead);
    }
  }
  text = ahead;
  if (auto value = variable(context, name)) return *value;
  return base::Error{1193, "HY000", "Unknown system variable '" + std::string{name.substr(0, 64)} + "'"};
}

/// A variable, a function without arguments, or a number; absent: something else.
std::optional<std::variant<Cell, base::Error>> read_value(const Context& context, const Caller& caller,
                                                          std::string_view& text) {
  const std::string_view word = next_word(text);
  if (word == "@") {
    if (next_word(text) != "@") return std::nullopt;
    return read_variable(context, text);
  }
  if (is_number(word)) return std::variant<Cell, base::Error>{Cell{std::string{word}}};
  auto value = function(context, caller, word);
  if (!value || next_word(text) != "(" || next_word(text) != ")") return std::nullopt;
  return std::variant<Cell, base::Error>{*value};
}

std::string column_name(std::string_view expression, std::string_view& text) {
  std::string_view ahead = text;
  if (!same(next_word(ahead), "AS")) return std::string{trimmed(expression)};
  std::string_view alias = next_word(ahead);
  const bool quoted = alias == "'" || alias == "\"" || alias == "`";
  if (quoted) {
    const std::size_t end = std::min(ahead.find(alias.front()), ahead.size());
    alias = ahead.substr(0, end);
    ahead.remove_prefix(std::min(end + 1, ahead.size()));
  }
  text = ahead;
  return std::string{alias};
}

bool at_end(std::string_view text) {
  std::string_view ahead = text;
  if (!same(next_word(ahead), "LIMIT")) return trimmed(text).empty();
  return is_number(next_word(ahead)) && trimmed(ahead).empty();
}

/// SELECT of variables, functions and numbers. False: not such a one.
bool select(const Context& context, const Caller& caller, std::string_view text, Answer& answer) {
  Table table;
  auto& row = table.rows.emplace_back();
  for (;;) {
    const std::string_view before = text;
    const auto value = read_value(context, caller, text);
    if (!value) return false;
    if (const auto* error = std::get_if<base::Error>(&*value)) {
      answer = *error;
      return true;
    }
    row.push_back(std::get<Cell>(*value));
    table.columns.push_back(column_name(before.substr(0, before.size() - text.size()), text));
    if (at_end(text)) break;
    if (next_word(text) != ",") return false;
  }
  answer = std::move(table);
  return true;
}

/// Nothing here has a state that these could change.
bool changes_nothing(std::string_view text) {
  static constexpr std::array<std::string_view, 7> first{"SET", "BEGIN", "COMMIT", "ROLLBACK", "START TRANSACTION",
                                                         "USE", "DO"};
  for (const auto words : first) {
    if (take_words(text, words)) return true;
  }
  return false;
}

}  // namespace

/// Drivers read the number in front and speak the protocol of that server; some refuse one below 5.
std::string greeting_version(const Context& context) { return "8.0.0-wye-" + context.version; }

bool answer_client_chatter(const Context& context, const Caller& caller, std::string_view text, Answer& answer) {
  if (changes_nothing(text)) {
    answer = base::Ok{};
    return true;
  }
  const auto is = [text](std::string_view words) {
    std::string_view rest = text;
    return take_words(rest, words) && trimmed(rest).empty();
  };
  if (is("SHOW WARNINGS") || is("SHOW ERRORS")) {
    answer = Table{{"Level", "Code", "Message"}, {}};
  } else if (is("SHOW DATABASES") || is("SHOW SCHEMAS")) {
    answer = Table{{"Database"}, {}};
  } else if (is("SHOW TABLES")) {
    answer = Table{{"Tables"}, {}};
  } else if (is("SELECT $$")) {
    answer = base::Error{1054, "42S22", "Unknown column '$$' in 'field list'"};  // as a server without dollar quotes
  } else {
    std::string_view rest = text;
    return take_words(rest, "SELECT") && select(context, caller, rest, answer);
  }
  return true;
}

}  // namespace wye::admin
