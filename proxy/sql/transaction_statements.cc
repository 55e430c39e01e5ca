#include "proxy/sql/statement.h"

namespace wye::sql {

/// BEGIN [WORK]. Anything more is a compound statement (MariaDB's BEGIN NOT ATOMIC), whose semicolons are its own.
void Statement::begin() {
  tokens_.advance();
  accept(Word::WORK);
  const bool block = dialect_.mariadb && dialect_.oracle;
  if (!block && tokens_.at_statement_end()) return become(Kind::begin, Why::transaction_control);
  scanner_.scan_text();
  unknown();
}

/// START TRANSACTION [characteristic, ...]; START REPLICA and the like are commands to the server.
void Statement::start() {
  tokens_.advance();
  if (!accept(Word::TRANSACTION)) return server_command();
  become(Kind::begin, Why::transaction_control);
  bool read_only = false, read_write = false;
  while (!tokens_.at_statement_end()) {
    if (accept(Word::READ)) {
      (tokens_.now().is(Word::ONLY) ? read_only : read_write) = true;
      if (!accept(Word::ONLY) && !accept(Word::WRITE)) return unknown();
    } else if (accept(Word::WITH)) {
      if (!accept(Word::CONSISTENT) || !accept(Word::SNAPSHOT)) return unknown();
      scanner_.add(fx_consistent_snapshot);
    } else {
      return unknown();
    }
    if (tokens_.at_statement_end()) break;
    if (!tokens_.now().is(',')) return unknown();
    tokens_.advance();
  }
  if (read_only != read_write) scanner_.add(read_only ? fx_read_only_transaction : fx_read_write_transaction);
}

void Statement::commit() { become(Kind::commit, Why::transaction_control); }

void Statement::rollback() {
  tokens_.advance();
  accept(Word::WORK);
  become(tokens_.now().is(Word::TO) ? Kind::savepoint : Kind::rollback, Why::transaction_control);
}

void Statement::savepoint() { become(Kind::savepoint, Why::transaction_control); }

void Statement::release() {
  if (!tokens_.ahead().is(Word::SAVEPOINT)) return unknown();
  become(Kind::savepoint, Why::transaction_control);
}

}  // namespace wye::sql
