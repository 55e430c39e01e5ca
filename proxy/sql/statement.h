#pragma once
#include "proxy/sql/scanner.h"

namespace wye::sql {

/// What one statement (between semicolons) is. Internal to the room: classify() merges these into Facts.
struct Verdict {
  Kind kind = Kind::unknown;
  Why why = Why::unknown_statement;
  std::uint32_t effects = fx_none;
  bool replica_ok = false;
  std::string_view verb;
  std::string_view collation;      // of SET NAMES
  std::string_view for_statement;  // of SET STATEMENT
};

/// Reads one statement from its first token to the semicolon or the end of the text.
class Statement {
 public:
  Statement(TokenStream& tokens, const Dialect& dialect, const Routines* routines)
      : tokens_{tokens}, dialect_{dialect}, routines_{routines}, scanner_{tokens, dialect, routines} {}
  Verdict run();

 private:
  // statement.cc: which verb
  void dispatch();
  void other_verb();
  void finish();
  // read_statements.cc
  void read();
  void explain();
  bool explain_option(bool& analyze);
  void explain_inner(bool analyze);
  void show();
  void show_status();
  void show_variables();
  void describe_table();
  void analyze();
  void get_diagnostics();
  // write_statements.cc
  void write(std::uint32_t effects = fx_none);
  void dml();
  void ddl();
  void create_or_alter();
  void drop();
  void call();
  void flush();
  void lock();
  void unlock();
  void backup();
  void pin(Why why, std::uint32_t effects);
  void server_command(std::uint32_t effects = fx_none);
  // transaction_statements.cc
  void begin();
  void start();
  void commit();
  void rollback();
  void savepoint();
  void release();
  // set_statement.cc
  void set();
  void set_transaction(bool next_only);
  void set_for_statement();
  bool set_special();
  void assignment();
  void assign(std::string_view name, std::string_view scope, bool at_signs);
  void set_names();
  void assigned_value(std::string_view name, bool next_only);

  bool accept(Word word) {
    if (!tokens_.now().is(word)) return false;
    tokens_.advance();
    return true;
  }
  void become(Kind kind, Why why, std::uint32_t effects = fx_none) {
    kind_ = kind;
    fixed_why_ = why;
    scanner_.add(effects);
  }
  void unknown();

  TokenStream& tokens_;
  const Dialect& dialect_;
  const Routines* routines_;
  Scanner scanner_;
  Kind kind_ = Kind::unknown;
  std::string_view collation_, for_statement_;
  bool calls_reader_ = false;               // CALL of a procedure that only reads
  Why fixed_why_ = Why::unknown_statement;  // of statements that are no reads
};

}  // namespace wye::sql
