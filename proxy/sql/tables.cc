#include "proxy/sql/tables.h"

#include <array>

#include "proxy/sql/ascii.h"
#include "proxy/sql/token_stream.h"

namespace wye::sql {
namespace {

bool any_of(std::string_view text, std::initializer_list<std::string_view> words) {
  for (const auto word : words) {
    if (same(text, word)) return true;
  }
  return false;
}

/// Walks over the tokens of a text. Behind a word that a table follows it expects one; after a table, a comma makes it
/// expect another, until the list ends.
class Finder {
 public:
  Finder(std::string_view text, const Dialect& dialect) : tokens_{text, dialect} {}

  std::vector<TableName> run() {
    bool next_begins = true;
    while (!tokens_.at_text_end()) {
      const Token& token = tokens_.now();
      begins_ = next_begins && token.is_name();
      if (begins_) begin(token);
      next_begins = token.is(';') || (next_begins && token.is('('));
      step(token);
    }
    return std::move(found_);
  }

 private:
  struct Frame {
    bool select = false;  // a SELECT at this depth
    bool list = false;    // of tables: a comma goes on with it
  };
  enum class Verb : std::uint8_t { other, alter, create_or_drop };

  void begin(const Token& token) {
    frames_ = {};
    depth_ = 0;
    expecting_ = false;
    verb_ = token.is(Word::ALTER)                            ? Verb::alter
            : token.is(Word::CREATE) || token.is(Word::DROP) ? Verb::create_or_drop
                                                             : Verb::other;
  }

  void step(const Token& token) {
    if (token.kind == TokenKind::symbol) return symbol(token);
    if (expecting_ && token.is_name() && !passes_over(token)) {
      if (token.kind == TokenKind::quoted_name || !ends_expectation(token)) return take_name(token);
      expecting_ = false;
    }
    if (token.kind == TokenKind::word) keyword(token);
    if (token.kind != TokenKind::word && token.kind != TokenKind::quoted_name) expecting_ = false;
    tokens_.advance();
  }

  void symbol(const Token& token) {
    if (token.is('(')) {
      if (depth_ + 1 < frames_.size()) ++depth_;
      frames_[depth_] = Frame{false, expecting_};
    } else if (token.is(')')) {
      expecting_ = false;
      if (depth_ > 0) --depth_;
    } else {
      expecting_ = token.is(',') && frames_[depth_].list;
    }
    tokens_.advance();
  }

  /// What stands between the word and the table.
  static bool passes_over(const Token& token) {
    return token.kind == TokenKind::word &&
           any_of(token.text, {"low_priority", "high_priority", "delayed", "ignore", "if", "not", "exists", "lateral"});
  }

  /// Reserved words that no table can be called.
  static bool ends_expectation(const Token& token) {
    return token.is(Word::SELECT) || token.is(Word::VALUES) || token.is(Word::WITH) || token.is(Word::DUAL) ||
           any_of(token.text, {"on", "set", "where", "as", "from", "into", "join", "table", "by", "for", "outfile",
                               "dumpfile", "order", "group", "limit", "read", "add", "drop", "change"});
  }

  void take_name(const Token& token) {
    expecting_ = false;
    TableName name{{}, token.text};
    tokens_.advance();
    if (tokens_.now().is('.') && tokens_.ahead().is_name()) {
      tokens_.advance();
      name = {name.table, tokens_.now().text};
      tokens_.advance();
    }
    const bool function = tokens_.now().is('(') && reads_;
    if (!function) found_.push_back(name);  // JSON_TABLE(...) is no table
  }

  void expect(bool list, bool reads) {
    expecting_ = true;
    reads_ = reads;
    frames_[depth_].list = list && verb_ != Verb::alter;
  }

  void keyword(const Token& token) {
    const Token& before = tokens_.before();
    Frame& frame = frames_[depth_];
    switch (token.word) {
      case Word::SELECT:
        frame = Frame{true, false};
        return;
      case Word::FROM:  // SUBSTRING(a FROM 2) has no SELECT
        if (frame.select || depth_ == 0) expect(true, true);
        return;
      case Word::JOIN:
        return expect(frame.list, true);
      case Word::INTO:
        return expect(false, false);
      case Word::UPDATE:
        if (!before.is(Word::FOR) && !any_of(before.text, {"key", "on"})) expect(true, true);
        return;
      case Word::INSERT:
      case Word::REPLACE:
        if (!tokens_.ahead().is('(')) expect(false, false);
        return;
      case Word::TABLE:
        return expect(true, false);
      default:
        return other_keyword(token, frame);
    }
  }

  void other_keyword(const Token& token, Frame& frame) {
    const bool called = tokens_.ahead().is('(');  // TRUNCATE(a, 1)
    if (same(token.text, "straight_join") && frame.list) return expect(true, true);
    if (any_of(token.text, {"tables", "truncate", "references", "handler"}) && !frame.select && !called)
      return expect(same(token.text, "tables"), false);
    if (any_of(token.text, {"describe", "desc"}) && begins_) return expect(false, false);
    const bool outside = verb_ == Verb::create_or_drop && !frame.select && depth_ == 0;
    if (any_of(token.text, {"on", "like"}) && outside) return expect(false, false);
    if (any_of(token.text, {"where", "set", "group", "order", "having", "limit", "window", "union", "except",
                            "intersect", "values", "value", "procedure"}))
      frame.list = false;
  }

  TokenStream tokens_;
  std::array<Frame, 64> frames_{};
  std::size_t depth_ = 0;
  Verb verb_ = Verb::other;
  bool begins_ = false;  // the token is the statement's first word
  bool expecting_ = false;
  bool reads_ = false;  // what is expected is read: a parenthesis behind it makes it a function
  std::vector<TableName> found_;
};

}  // namespace

std::vector<TableName> tables_of(std::string_view text, const Dialect& dialect) { return Finder{text, dialect}.run(); }

}  // namespace wye::sql
