#include "proxy/session/driver/commands.h"
#include "proxy/session/driver/session.h"
#include "proxy/sql/text_prepare.h"

// PREPARE, EXECUTE and DEALLOCATE as SQL text: an EXECUTE goes by the text that was prepared (routing.md 1).
namespace wye::session {

void Session::know_text_statements() {
  text_execute_ = nullptr;
  const bool unseen = facts_.kind == sql::Kind::call || facts_.kind == sql::Kind::unknown;  // they may prepare as well
  if (!facts_.has(sql::fx_text_prepare) && !unseen) return;
  if (unseen || !whole_ || facts_.several) return text_statements_.clear();
  const auto read_as = dialect();
  auto about = sql::parse_text_prepare(command_text(), read_as);
  text_statements_.forget(about);
  if (about.what == sql::TextPrepare::What::prepare && about.inner) {
    auto statement = std::make_shared<TextStatements::Statement>();
    statement->sql = command_text();
    statement->inner = std::move(*about.inner);
    statement->schema = session_.schema;
    statement->under = session_.reads_under();
    statement->facts = sql::classify(statement->inner, read_as);
    return text_statements_.prepares(std::move(about.name), std::move(statement));
  }
  text_execute_ = go_by_inner_text(facts_, about);
}

/// An EXECUTE of one that any server reads alike now becomes what was prepared; nullptr: it stays as it is.
std::shared_ptr<const TextStatements::Statement> Session::go_by_inner_text(sql::Facts& facts,
                                                                           const sql::TextPrepare& about) const {
  if (about.what != sql::TextPrepare::What::execute || about.values) return nullptr;
  auto statement = text_statements_.reader(about.name);
  if (statement == nullptr || statement->schema != session_.schema || statement->under != session_.reads_under())
    return nullptr;
  const auto hint = facts.hint;
  facts = statement->facts;
  facts.hint = hint;
  return statement;
}

/// A replica's connection learns it anew each time: that is cheaper than to know which have it.
void Session::send_text_statement(pool::Backend& backend) {
  if (text_execute_ == nullptr || !backend.key().to_replica) return;
  ++attempt_.ahead_left;
  backend.submit(ahead_, protocol::Expect::query, backend.command(com_query, text_execute_->sql));
  backend.state().routine = true;  // it is the session's: reset before another one has the connection
}

}  // namespace wye::session
