#include "proxy/session/flows/conditions.h"

#include <algorithm>
#include <charconv>

#include "proxy/session/flows/variables.h"
#include "proxy/sql/ascii.h"

namespace wye::session {

namespace {

struct Row {
  std::string_view level, message;
  std::uint32_t code = 0;
};

/// A row of the text protocol. Absent: another one.
std::optional<Row> row_of(protocol::ByteView payload) {
  protocol::Reader in{payload};
  Row row;
  row.level = in.lenenc_string();
  const auto code = in.lenenc_string();
  row.message = in.lenenc_string();
  const char* const end = code.data() + code.size();
  const auto [parsed, error] = std::from_chars(code.data(), end, row.code);
  if (!in.ok() || !in.empty() || error != std::errc{} || parsed != end) return std::nullopt;
  return row;
}

/// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_binary_resultset.html: level and message are
/// strings, the code is an INT. None is ever NULL.
protocol::Bytes as_binary(const Row& row) {
  constexpr std::uint8_t nulls = 0;  // three columns
  protocol::Bytes payload{0x00, nulls};
  protocol::put_lenenc_string(payload, row.level);
  protocol::put_u32(payload, row.code);
  protocol::put_lenenc_string(payload, row.message);
  return payload;
}

}  // namespace

std::optional<ShowConditions> parse_show_conditions(std::string_view text, const sql::Dialect& dialect) {
  sql::Lexer lexer{text, dialect};
  const auto is = [](const sql::Token& token, std::string_view word) {
    return token.kind == sql::TokenKind::word && sql::same(token.text, word);
  };
  const auto number = [](const sql::Token& token, std::uint64_t& out) {
    const auto* const end = token.text.data() + token.text.size();
    return token.kind == sql::TokenKind::number && std::from_chars(token.text.data(), end, out).ptr == end;
  };
  if (!is(lexer.next(), "show")) return std::nullopt;
  ShowConditions show;
  sql::Token token = lexer.next();
  if (is(token, "count")) {
    show.count = true;
    if (!lexer.next().is('(') || !lexer.next().is('*') || !lexer.next().is(')')) return std::nullopt;
    token = lexer.next();
  }
  show.errors_only = is(token, "errors");
  if (!show.errors_only && !is(token, "warnings")) return std::nullopt;
  token = lexer.next();
  if (is(token, "limit") && !show.count) {
    if (!number(token = lexer.next(), show.most)) return std::nullopt;
    token = lexer.next();
    const bool comma = token.is(',');
    if (comma || is(token, "offset")) {
      if (!number(token = lexer.next(), show.offset)) return std::nullopt;
      if (comma) std::swap(show.offset, show.most);
      token = lexer.next();
    }
  }
  while (token.is(';')) token = lexer.next();
  if (token.kind != sql::TokenKind::end) return std::nullopt;
  return show;
}

std::optional<std::vector<protocol::Bytes>> rows_shown(const Conditions& conditions, const ShowConditions& show,
                                                       bool binary) {
  std::vector<protocol::Bytes> shown;
  std::uint64_t skip = show.offset;
  for (std::size_t i = 0; i < conditions.rows.size() && shown.size() < show.most; ++i) {
    if (show.errors_only && !conditions.is_error[i]) continue;
    if (skip > 0) {
      --skip;
      continue;
    }
    const auto row = binary ? row_of(conditions.rows[i]) : std::nullopt;
    if (binary && !row) return std::nullopt;
    shown.push_back(row ? as_binary(*row) : conditions.rows[i]);
  }
  return shown;
}

std::string signal(const base::Error& error, bool no_backslash_escapes) {
  constexpr std::size_t longest = 128;  // of a MESSAGE_TEXT
  // What clients have sent may stand in it, and reads differently in some of their character sets.
  const auto plain = [](char c) { return c >= ' ' && c <= '~' && c != '\\'; };
  if (error.message.size() > longest || !std::all_of(error.message.begin(), error.message.end(), plain)) return {};
  return "SIGNAL SQLSTATE '" + std::string(error.state) + "' SET MYSQL_ERRNO=" + std::to_string(error.code) +
         ",MESSAGE_TEXT=" + quoted(error.message, no_backslash_escapes);
}

std::string signal(const Conditions& conditions, bool no_backslash_escapes) {
  if (conditions.rows.size() != 1) return {};
  const auto row = row_of(conditions.rows.front());
  if (!row || row->level == "Note" || row->code > UINT16_MAX) return {};  // SIGNAL makes no notes
  const char* const state = row->level == "Error" ? "HY000" : "01000";
  return signal({static_cast<std::uint16_t>(row->code), state, std::string{row->message}}, no_backslash_escapes);
}

bool is_stand_in(const Conditions& conditions) {
  const auto row = conditions.rows.size() == 1 ? row_of(conditions.rows.front()) : std::nullopt;
  return row && row->level == "Warning" && make_stand_in.ends_with("='" + std::string{row->message} + "'");
}

}  // namespace wye::session
