#include "proxy/session/flows/text_statements.h"

namespace wye::session {

void TextStatements::forget(const sql::TextPrepare& about) {
  failed();
  if (about.what == sql::TextPrepare::What::unknown) {
    statements_.clear();
  } else if (about.what != sql::TextPrepare::What::execute) {
    statements_.erase(about.name);  // a PREPARE that fails takes away what had the name before
  }
}

void TextStatements::prepares(std::string name, std::shared_ptr<const Statement> statement) {
  if (statement->sql.size() > longest || statements_.size() >= most) return;
  pending_ = {std::move(name), std::move(statement)};
}

void TextStatements::succeeded() {
  if (pending_.second != nullptr) statements_.insert_or_assign(std::move(pending_.first), std::move(pending_.second));
  failed();
}

std::shared_ptr<const TextStatements::Statement> TextStatements::reader(std::string_view name) const {
  const auto found = statements_.find(name);
  if (found == statements_.end()) return nullptr;
  const sql::Facts& facts = found->second->facts;
  const bool reads_tables = facts.kind == sql::Kind::read && facts.replica_ok && !facts.several;
  return reads_tables && facts.effects == sql::fx_mentions_table ? found->second : nullptr;
}

}  // namespace wye::session
