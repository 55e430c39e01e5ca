#include "proxy/session/flows/next_transaction.h"

namespace wye::session {

namespace {

constexpr std::string_view set_transaction = "SET TRANSACTION ", isolation = "ISOLATION LEVEL ";

/// Calls `part` for each statement of "a; b;".
template <class F>
void for_each_statement(std::string_view text, F&& part) {
  while (!text.empty()) {
    const auto one = text.substr(0, text.find(';'));
    text.remove_prefix(one.size() == text.size() ? one.size() : one.size() + 1);
    while (text.starts_with(' ')) text.remove_prefix(1);
    if (!one.empty()) part(one);
  }
}

}  // namespace

std::string pending_characteristics(std::string_view characteristics) {
  std::string pending;
  bool runs = false;
  for_each_statement(characteristics, [&](std::string_view statement) {
    if (!statement.starts_with(set_transaction)) {
      runs = true;  // START TRANSACTION
      return;
    }
    if (!pending.empty()) pending += ", ";
    pending += statement.substr(set_transaction.size());
  });
  return runs ? std::string{} : pending;
}

void NextTransaction::reported(std::string_view characteristics) {
  pending_ = pending_characteristics(characteristics);
  level_.clear();
  if (!pending_.empty()) return;
  for_each_statement(characteristics, [&](std::string_view statement) {
    if (!statement.starts_with(set_transaction)) return;
    statement.remove_prefix(set_transaction.size());
    if (statement.starts_with(isolation)) level_ = statement;
  });
}

void NextTransaction::answered(std::string_view state, const sql::Facts& facts, bool runs) {
  const bool begins = facts.kind == sql::Kind::begin;
  const bool chain = facts.kind == sql::Kind::commit || facts.kind == sql::Kind::rollback;
  auto begun = begun_;
  if (state.empty() ? !runs : !state.starts_with('T')) begun = Begun::no;
  // wye's own BEGIN may have gone ahead on this connection, which tells of it once.
  const bool another = state.empty() ? runs && (begins || (chain && begun != Begun::no)) : state.starts_with('T');
  if (another && (begun == Begun::no || begins || chain)) begun = Begun::plain;
  if (another && begins && facts.has(sql::fx_consistent_snapshot)) begun = Begun::snapshot;
  // A procedure has begun another one.
  if (begun == Begun::snapshot && !begins && state == "T_______") begun = Begun::plain;
  begun_or_ended_ = begun != begun_;
  begun_ = begun;
}

std::string_view NextTransaction::state() const {
  constexpr std::string_view none = "________", plain = "T_______", snapshot = "T_R_____";
  return begun_ == Begun::no ? none : begun_ == Begun::plain ? plain : snapshot;
}

std::optional<bool> NextTransaction::read_only() const {
  if (pending_.ends_with("READ ONLY")) return true;
  if (pending_.ends_with("READ WRITE")) return false;
  return std::nullopt;
}

std::optional<bool> NextTransaction::serializable() const {
  if (!pending_.starts_with(isolation)) return std::nullopt;
  return std::string_view{pending_}.substr(isolation.size()).starts_with("SERIALIZABLE");
}

std::string NextTransaction::for_replica() const {
  constexpr std::string_view read_write = "READ WRITE";
  std::string out = pending_;
  if (out.ends_with(read_write)) out.resize(out.size() - read_write.size());
  if (out.ends_with(", ")) out.resize(out.size() - 2);
  return out;
}

}  // namespace wye::session
