#include "proxy/sql/routines.h"
#include "proxy/sql/statement.h"

namespace wye::sql {

void Statement::write(std::uint32_t effects) { become(Kind::write, Why::write, effects); }

void Statement::dml() {
  become(Kind::write, Why::write, fx_mentions_table);
  if (tokens_.now().is(Word::INSERT) || tokens_.now().is(Word::REPLACE)) scanner_.table_name_follows();
  tokens_.advance();
}

void Statement::ddl() {
  become(Kind::write, Why::ddl, fx_may_commit_unreported);
  scanner_.in_accounts();
  scanner_.functions_only_after(Word::SELECT);
}

/// The body of a routine has semicolons of its own: from its BEGIN or $$ on everything up to the end of the text
/// belongs to it.
void Statement::create_or_alter() {
  ddl();
  bool routine = false;
  bool object_seen = false;
  for (; !tokens_.at_statement_end(); scanner_.step()) {
    const Token& now = tokens_.now();
    switch (now.word) {
      case Word::TEMPORARY:
        if (!object_seen) become(Kind::write, Why::temporary_table, fx_temporary_table);
        break;
      case Word::TABLE:
      case Word::VIEW:
      case Word::INDEX:
      case Word::DATABASE:
      case Word::SCHEMA:
      case Word::USER:
      case Word::ROLE:
        object_seen = true;
        break;
      case Word::PROCEDURE:
      case Word::FUNCTION:
      case Word::TRIGGER:
      case Word::EVENT:
      case Word::PACKAGE:
        routine = routine || !object_seen;
        object_seen = true;
        break;
      case Word::BEGIN:
        if (routine) return scanner_.scan_text();
        break;
      default:
        if (routine && now.text.starts_with('$')) return scanner_.scan_text();  // MySQL 9: AS $$ JavaScript $$
    }
  }
}

void Statement::drop() {
  ddl();
  tokens_.advance();
  if (tokens_.now().is(Word::PREPARE)) {
    become(Kind::write, Why::text_prepare, fx_text_prepare);
  } else if (tokens_.now().is(Word::TEMPORARY)) {
    become(Kind::write, Why::temporary_table, fx_temporary_table);
  }
}

void Statement::call() {
  become(Kind::call, Why::call, fx_may_commit_unreported);
  scanner_.table_name_follows();
  tokens_.advance();
  const Token& name = tokens_.now();
  const bool qualified = tokens_.ahead().is('.');
  const Token& last = qualified ? tokens_.ahead(2) : name;
  if (routines_ == nullptr || !name.is_name() || !last.is_name()) return;
  calls_reader_ = routines_->only_reads(true, qualified ? name.text : std::string_view{}, last.text);
}

void Statement::pin(Why why, std::uint32_t effects) {
  become(Kind::write, why, effects);
  scanner_.functions_only_after(Word::SELECT);
}

void Statement::server_command(std::uint32_t effects) {
  become(Kind::write, Why::server_state, effects | fx_may_commit_unreported);
}

void Statement::flush() {
  server_command();
  for (; !tokens_.at_statement_end(); scanner_.step()) {
    const bool read_lock = tokens_.now().is(Word::READ) && tokens_.ahead().is(Word::LOCK);
    if (tokens_.now().is(Word::STATUS))
      scanner_.add(fx_sticky_setting);  // the session's counters are watched from here on
    if (read_lock || tokens_.now().is(Word::EXPORT)) become(Kind::write, Why::table_lock, fx_lock_tables);
  }
}

void Statement::lock() { become(Kind::write, Why::table_lock, fx_lock_tables | fx_may_commit_unreported); }

void Statement::unlock() { become(Kind::write, Why::table_lock, fx_unlock_tables | fx_may_commit_unreported); }

/// MariaDB: BACKUP STAGE ..., BACKUP LOCK t, BACKUP UNLOCK.
void Statement::backup() {
  const bool unlock = tokens_.ahead().is(Word::UNLOCK);
  become(Kind::write, Why::table_lock, (unlock ? fx_unlock_tables : fx_lock_tables) | fx_may_commit_unreported);
}

}  // namespace wye::sql
