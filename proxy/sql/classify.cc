#include "proxy/sql/digest.h"
#include "proxy/sql/facts.h"
#include "proxy/sql/hint.h"
#include "proxy/sql/statement.h"

namespace wye::sql {
namespace {

/// Joins one more statement of the packet into the facts. The strongest Why wins; what only mixes harmless verbs is
/// called several_statements.
void join(Facts& facts, const Verdict& verdict) {
  facts.several = true;
  // Whose answer is whose is not known when they come: what a collation belongs to neither.
  if (!facts.collation.empty() || !verdict.collation.empty()) facts.effects |= fx_sticky_setting;
  facts.collation = {};
  if (facts.for_statement.empty()) facts.for_statement = verdict.for_statement;
  facts.effects |= verdict.effects;
  facts.replica_ok = facts.replica_ok && verdict.replica_ok;
  const bool mixed = facts.kind != verdict.kind;
  if (verdict.kind == Kind::call || facts.kind == Kind::call) {  // whose rows are whose is not known
    facts.replica_ok = false;
    if (strength(Why::call) > strength(facts.why)) facts.why = Why::call;
  }
  if (strength(verdict.why) > strength(facts.why)) facts.why = verdict.why;
  if (!mixed) return;
  const bool unknown = facts.kind == Kind::unknown || verdict.kind == Kind::unknown;
  facts.kind = unknown ? Kind::unknown : Kind::write;
  if (strength(facts.why) < strength(Why::several_statements)) facts.why = Why::several_statements;
}

}  // namespace

Facts classify(std::string_view text, const Dialect& dialect, Digester* digester, const Routines* routines) {
  Facts facts;
  facts.hint = parse_hint(text);
  TokenStream tokens{text, dialect, digester};
  bool first = true;
  while (true) {
    while (tokens.now().is(';')) tokens.advance();
    if (tokens.now().kind == TokenKind::end) break;
    const Verdict verdict = Statement{tokens, dialect, routines}.run();
    if (first) {
      facts.kind = verdict.kind;
      facts.why = verdict.why;
      facts.effects = verdict.effects;
      facts.replica_ok = verdict.replica_ok;
      facts.verb = verdict.verb;
      facts.collation = verdict.collation;
      facts.for_statement = verdict.for_statement;
      first = false;
    } else {
      join(facts, verdict);
    }
    if (tokens.at_text_end()) break;
  }
  if (first) {
    facts.kind = Kind::empty;
    facts.why = Why::empty_statement;
  }
  if (facts.several && !(facts.kind == Kind::read || facts.kind == Kind::empty))
    facts.effects |= fx_may_commit_unreported;
  return facts;
}

Digest digest(std::string_view text, const Dialect& dialect, std::span<char> buffer, bool parsed) {
  Digester digester{dialect, buffer};
  const Facts facts = classify(text, dialect, &digester);
  return digester.finish(parsed && facts.kind != Kind::unknown);
}

}  // namespace wye::sql
