#pragma once
#include <array>
#include <cstdint>

#include "proxy/sql/facts.h"
#include "proxy/sql/token_stream.h"

namespace wye::sql {

/// How strongly a reason speaks against a replica; the strongest one found is the statement's.
int strength(Why);

/// A system variable as it was written: @@scope.name. Views into the text.
struct VariableName {
  std::string_view scope;  // empty, or global, session, local, persist, persist_only
  std::string_view name;
  bool is_global() const;
};

/// Walks over the tokens of one statement and gathers what they do to, or need of, a session and a server, whatever the
/// verb. It knows expressions, sub-queries and table references well enough to tell a function call from a keyword, a
/// column list or a CTE's name; what it can't tell counts as a stored function. Owner: one call of classify().
class Scanner {
 public:
  Scanner(TokenStream& tokens, const Dialect& dialect, const Routines* routines)
      : tokens_{tokens}, dialect_{dialect}, routines_{routines} {}

  void step();                          // takes in the current token
  void scan_rest();                     // to the end of the statement
  void scan_text();                     // to the end of the text, over semicolons: the body of a routine
  VariableName take_system_variable();  // at @@; leaves the stream behind the name

  void raise(Why why) {
    if (strength(why) > strength(why_)) why_ = why;
  }
  void add(std::uint32_t effects) { effects_ |= effects; }

  void in_show() { show_ = true; }                   // names of schemas stand alone
  void in_accounts() { accounts_ = true; }           // 'user'@'host' is no user variable
  void table_name_follows() { table_name_ = true; }  // t (a, b) and p (1, 2) are no functions
  void functions_only_after(Word word) { functions_after_ = word; }
  void with_list_follows();  // behind WITH
  void forget_writes() {     // EXPLAIN of a write
    writes_ = false;
    why_ = Why::plain_read;
  }

  Why why() const { return why_; }
  std::uint32_t effects() const { return effects_; }
  bool effects_has(Effect e) const { return (effects_ & e) != 0; }
  bool writes() const { return writes_; }                    // a word that no read has
  bool server_variable() const { return server_variable_; }  // describes one server; counts only without a table
  std::size_t depth() const { return depth_; }

 private:
  enum class With : std::uint8_t { none, name, columns_or_as, body, comma };
  struct Frame {
    bool select = false;  // a SELECT at this depth: its FROM names tables
    With with = With::none;
  };

  void take_word();
  void take_keyword();
  void take_symbol();
  void take_variable(const VariableName&);
  bool is_call() const;
  void take_call();
  bool only_reads() const;
  void take_table(const Token& next, const Token& after);
  bool is_account() const;
  void move_with_list();
  Frame& frame() { return frames_[depth_]; }
  const Frame& frame() const { return frames_[depth_]; }

  TokenStream& tokens_;
  const Dialect& dialect_;
  const Routines* routines_;    // nullptr: none is known
  std::string_view qualifier_;  // in front of the last dot; empty: nothing, or more than one name
  std::array<Frame, 128> frames_{};
  std::size_t depth_ = 0;
  Why why_ = Why::plain_read;
  std::uint32_t effects_ = fx_none;
  Word functions_after_ = Word::none;
  bool writes_ = false;
  bool server_variable_ = false;
  bool show_ = false;
  bool accounts_ = false;
  bool table_name_ = false;
  bool qualified_ = false;  // the last name
};

}  // namespace wye::sql
