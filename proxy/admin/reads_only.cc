#include "proxy/admin/reads_only.h"

#include <algorithm>

#include "proxy/admin/words.h"
#include "proxy/sql/token_stream.h"

namespace wye::admin {

namespace {

using sql::Why;

/// Of a read: all else wants to be the session's, and this one has no session.
constexpr std::uint32_t harmless = sql::fx_mentions_table | sql::fx_system_schema | sql::fx_connection_id |
                                   sql::fx_calc_found_rows | sql::fx_sticky_setting | sql::fx_session_track;

bool any_of(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::any_of(words.begin(), words.end(), [text](std::string_view word) { return same(text, word); });
}

/// Tables that hold passwords, or hashes of them. A connection of ON has no schema, so they are named with theirs.
bool names_passwords(std::string_view sql, const sql::Dialect& dialect) {
  for (sql::TokenStream tokens{sql, dialect}; !tokens.at_text_end(); tokens.advance()) {
    if (tokens.now().is_name() && same(tokens.now().text, "mysql") && tokens.ahead().is('.') &&
        tokens.ahead(2).is_name() &&
        any_of(tokens.ahead(2).text, {"user", "global_priv", "slave_master_info", "servers", "password_history"}))
      return true;
  }
  return false;
}

const char* words_for(const sql::Facts& facts) {
  switch (facts.why) {
    case Why::plain_read:
    case Why::server_variable:
    case Why::show_server:
    case Why::system_schema:
      return facts.kind == sql::Kind::read ? "it needs a session of its own" : "it does not read";
    case Why::locking_read:
      return "it locks rows";
    case Why::into_clause:
      return "its answer would go elsewhere (INTO)";
    case Why::user_variable:
      return "it has user variables, and here nobody keeps them";
    case Why::server_function:
      return "a function in it waits, locks, counts up or reads files of the server";
    case Why::unknown_function:
    case Why::known_writer:
      return "it calls a function that is none of the server's own, which might write";
    case Why::previous_statement_value:
      return "it asks about the statement before it, and here is none";
    case Why::unterminated:
      return "a quote or a comment in it has no end, or bytes in it are read in different ways";
    case Why::route_explain:
      return "wye answers that itself: EXPLAIN ROUTE <sql>, without ON";
    case Why::write:
      return "it writes";
    case Why::ddl:
      return "it changes definitions, or the server";
    case Why::call:
      return "a procedure may write";
    case Why::set_statement:
      return "it sets variables, and here nobody keeps them";
    case Why::transaction_control:
      return "it has its transaction already, which is READ ONLY";
    default:
      return "it does more than read";
  }
}

/// Reads a statement's text word by word, and knows behind which of them a password stands.
class Mask {
 public:
  explicit Mask(std::string_view text) : text_{text} {}

  std::string run() {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '\'' || c == '"' || c == '`') {
        quoted(c);
      } else if (is_word(c)) {
        word();
      } else {
        symbol(c);
      }
    }
    return std::move(out_);
  }

 private:
  static bool is_word(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  }

  void take(std::size_t end) {
    out_ += text_.substr(at_, end - at_);
    at_ = end;
  }

  /// One that is cut off ends where the text ends.
  void quoted(char quote) {
    std::size_t end = at_ + 1;
    while (end < text_.size() && text_[end] != quote) end += text_[end] == '\\' && quote != '`' ? 2 : 1;
    end = std::min(end + 1, text_.size());
    const bool doubled = end < text_.size() && text_[end] == quote;
    if (!expected_ || quote == '`') {
      take(end);
    } else {
      at_ = end;
      if (!doubled) out_ += "'<secret>'";
    }
    expected_ = expected_ && doubled;
  }

  void word() {
    std::size_t end = at_;
    while (end < text_.size() && is_word(text_[end])) ++end;
    const std::string_view word = text_.substr(at_, end - at_);
    if (expected_ && word.size() > 1 && same(word.substr(0, 2), "0x")) {
      at_ = end;
      out_ += "<secret>";
      expected_ = false;
      return;
    }
    constexpr std::string_view password = "password";
    const bool is_password =
        word.size() >= password.size() && same(word.substr(word.size() - password.size()), password);
    if (same(word, "identified")) identified_ = true;
    for_user_ = password_ && same(word, "for");
    password_ = is_password;
    expected_ = is_password || (identified_ && any_of(word, {"by", "as", "using", "replace"}));
    take(end);
  }

  void symbol(char c) {
    if (c == '=' && for_user_) expected_ = true;  // SET PASSWORD FOR a@b = '...'
    const bool between = c == '=' || c == '(' || c == ' ' || c == '\t' || c == '\n' || c == '\r';
    if (!between) expected_ = password_ = false;
    if (c == ';') identified_ = for_user_ = false;
    take(at_ + 1);
  }

  const std::string_view text_;
  std::string out_;
  std::size_t at_ = 0;
  bool identified_ = false, password_ = false, for_user_ = false;  // seen before
  bool expected_ = false;                                          // a string that comes now is one
};

}  // namespace

std::string refusal(std::string_view sql, const sql::Dialect& dialect) {
  const sql::Facts facts = sql::classify(sql, dialect);
  if (facts.kind == sql::Kind::empty) return "there is no statement";
  if (facts.several) return "it is more than one statement";
  const bool reads = facts.kind == sql::Kind::read && (facts.effects & ~harmless) == 0;
  const bool allowed = facts.why == Why::plain_read || facts.why == Why::server_variable ||
                       facts.why == Why::show_server || facts.why == Why::system_schema;
  if (!reads || !allowed) return words_for(facts);
  if (names_passwords(sql, dialect)) return "it names a table that holds passwords";
  return {};
}

bool shows_statements(std::string_view sql, const sql::Dialect& dialect) {
  const sql::Facts facts = sql::classify(sql, dialect);
  return facts.why == Why::show_server || facts.has(sql::fx_system_schema);
}

std::string without_secrets(std::string_view text) { return Mask{text}.run(); }

}  // namespace wye::admin
