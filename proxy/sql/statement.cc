#include "proxy/sql/statement.h"

namespace wye::sql {

Verdict Statement::run() {
  Verdict verdict;
  verdict.verb = tokens_.now().text;
  tokens_.begin_statement();
  dispatch();
  scanner_.scan_rest();
  finish();
  verdict.kind = kind_;
  verdict.effects = scanner_.effects();
  verdict.collation = collation_;
  verdict.for_statement = for_statement_;
  if (kind_ == Kind::read || (kind_ == Kind::call && calls_reader_)) {
    if (scanner_.server_variable() && !scanner_.effects_has(fx_mentions_table)) scanner_.raise(Why::server_variable);
    verdict.why = scanner_.why();
    verdict.replica_ok = verdict.why == Why::plain_read;
    if (kind_ == Kind::call && !verdict.replica_ok) verdict.why = fixed_why_;
  } else {
    verdict.why = fixed_why_;
  }
  return verdict;
}

/// What the body showed may contradict what the verb promised.
void Statement::finish() {
  const TokenKind end = tokens_.now().kind;
  if (end == TokenKind::unterminated || end == TokenKind::uncertain) {
    become(Kind::unknown, end == TokenKind::unterminated ? Why::unterminated : Why::unknown_statement,
           fx_may_commit_unreported);
  } else if (kind_ == Kind::read && scanner_.writes()) {
    become(Kind::write, Why::write);  // WITH ... UPDATE and whatever else is no read
  } else if (kind_ == Kind::read && scanner_.why() == Why::unknown_statement) {
    unknown();
  } else if (scanner_.writes()) {
    calls_reader_ = false;
  }
}

void Statement::unknown() { become(Kind::unknown, Why::unknown_statement, fx_may_commit_unreported); }

void Statement::dispatch() {
  const Token& verb = tokens_.now();
  if (verb.is('(')) return read();
  switch (verb.word) {
    case Word::SELECT:
    case Word::VALUES:
    case Word::TABLE:
    case Word::WITH:
      return read();
    case Word::INSERT:
    case Word::REPLACE:
    case Word::UPDATE:
    case Word::DELETE:
      return dml();
    case Word::BEGIN:
      return begin();
    case Word::START:
      return start();
    case Word::COMMIT:
      return commit();
    case Word::ROLLBACK:
      return rollback();
    case Word::SAVEPOINT:
      return savepoint();
    case Word::RELEASE:
      return release();
    case Word::SET:
      return set();
    case Word::USE:
      return become(Kind::use, Why::use_schema);
    case Word::SHOW:
      return show();
    case Word::EXPLAIN:
    case Word::DESCRIBE:
    case Word::DESC:
      return explain();
    case Word::CALL:
      return call();
    default:
      return other_verb();
  }
}

void Statement::other_verb() {
  switch (tokens_.now().word) {
    case Word::CREATE:
    case Word::ALTER:
      return create_or_alter();
    case Word::DROP:
      return drop();
    case Word::TRUNCATE:
    case Word::RENAME:
    case Word::GRANT:
    case Word::REVOKE:
    case Word::OPTIMIZE:
    case Word::REPAIR:
    case Word::CHECK:
    case Word::INSTALL:
    case Word::UNINSTALL:
    case Word::CACHE:
    case Word::IMPORT:
      return ddl();
    case Word::ANALYZE:
      return analyze();
    case Word::CHECKSUM:
    case Word::HELP:
      return become(Kind::read, Why::plain_read);
    case Word::GET:
      return get_diagnostics();
    case Word::DO:
      tokens_.advance();
      return write();
    case Word::LOAD:
      scanner_.functions_only_after(Word::SET);  // INTO TABLE t (columns) is no call
      return write(fx_may_commit_unreported);
    case Word::HANDLER:
      return pin(Why::session_pin_statement, fx_handler);
    case Word::PREPARE:
    case Word::EXECUTE:
    case Word::DEALLOCATE:
      return pin(Why::text_prepare, fx_text_prepare | fx_may_commit_unreported);
    case Word::XA:
      return pin(Why::xa, fx_xa | fx_may_commit_unreported);
    case Word::LOCK:
      return lock();
    case Word::UNLOCK:
      return unlock();
    case Word::BACKUP:
      return backup();
    case Word::FLUSH:
      return flush();
    case Word::KILL:
      return server_command(fx_kill);
    case Word::SHUTDOWN:
    case Word::RESTART:
    case Word::CLONE:
      return server_command(fx_shutdown_or_unseen);
    case Word::RESET:
    case Word::PURGE:
    case Word::CHANGE:
    case Word::STOP:
    case Word::BINLOG:
      return server_command();
    case Word::SIGNAL:
    case Word::RESIGNAL:
      return write();
    default:
      return unknown();
  }
}

}  // namespace wye::sql
