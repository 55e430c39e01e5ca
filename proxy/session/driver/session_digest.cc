#include <array>

#include "proxy/session/driver/commands.h"
#include "proxy/session/driver/session.h"
#include "proxy/sql/digest.h"

// What a worker remembers of statements: metrics::DigestStore.
namespace wye::session {

/// Facts and digest, in one pass over the text.
sql::Facts Session::classified(std::string_view text, ReadAs& as) const {
  as.dialect = dialect();
  sql::Digester digester{as.dialect};
  auto facts = sql::classify(text, as.dialect, &digester);
  as.digest = digester.finish(facts.kind != sql::Kind::unknown).hash;
  return facts;
}

/// A replica has refused statements like this one before: it reads no longer there.
void Session::correct(sql::Facts& facts, std::uint64_t digest) const {
  if (!facts.replica_ok || context_.digests == nullptr) return;
  const auto& schema = statement_ != nullptr ? statement_->schema : session_.schema;
  if (!context_.digests->is_writer(digest, schema, context_.loop.now())) return;
  facts.replica_ok = false;
  facts.why = sql::Why::known_writer;
}

void Session::remember_writer() {
  if (context_.digests == nullptr) return;
  const auto& schema = statement_ != nullptr ? statement_->schema : session_.schema;
  context_.digests->note_writer(tally_.as.digest, schema, context_.loop.now());
}

/// The statement is over.
void Session::count_digest(bool failed, bool on_replica, base::TimePoint now) {
  const std::uint8_t command = command_[4];
  if (command != com_query && command != com_stmt_execute && command != com_stmt_bulk_execute) return;
  if (context_.digests == nullptr) return;
  const auto& schema = statement_ != nullptr ? statement_->schema : session_.schema;
  const std::string_view sql = statement_ != nullptr ? std::string_view{statement_->text} : command_text();
  // What no server can read has no digest there either. Any word of it may be a secret that lost its quotes.
  const bool parsed = !tally_.no_syntax;
  const std::uint64_t digest = parsed ? tally_.as.digest : sql::digest(sql, tally_.as.dialect, {}, false).hash;
  auto& entry = context_.digests->entry(digest, schema, account_ != nullptr ? account_->user : "");
  if (entry.count == 0) {
    std::array<char, metrics::DigestStore::longest_text> text{};
    entry.text = sql::digest(sql, tally_.as.dialect, text, parsed).text;
  }
  metrics::DigestStore::add(entry, {failed, on_replica, tally_.rows, upload_.total(), tally_.out, now - started_, now});
}

}  // namespace wye::session
