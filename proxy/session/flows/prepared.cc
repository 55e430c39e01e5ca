#include "proxy/session/flows/prepared.h"

#include <algorithm>
#include <atomic>
#include <cstring>

namespace wye::session {

namespace {

constexpr std::uint32_t last_one = 0xffffffff;  // means "the last one" to MariaDB
constexpr std::uint8_t com_stmt_bulk_execute = 0xfa;

std::uint64_t new_key() {
  static std::atomic<std::uint64_t> keys{0};
  return keys.fetch_add(1, std::memory_order_relaxed) + 1;
}

bool is_bulk(ByteView prefix) { return !prefix.empty() && prefix[0] == com_stmt_bulk_execute; }

void note(PreparedStatement& statement, ByteView types, std::uint16_t count) {
  if (statement.types_count == count &&
      std::equal(types.begin(), types.end(), statement.types.begin(), statement.types.end()))
    return;
  statement.types.assign(types.begin(), types.end());
  statement.types_count = count;
  ++statement.types_version;
}

}  // namespace

PreparedStatement& PreparedStatements::stand_in(const PreparedStatement& of, std::string text) {
  stand_in_ = std::make_unique<PreparedStatement>(of);
  stand_in_->key = new_key();
  stand_in_->text = std::move(text);
  stand_in_->fixed.reset();
  return *stand_in_;
}

PreparedStatement& PreparedStatements::add(std::string text) {
  auto statement = std::make_unique<PreparedStatement>();
  do {
    ++last_id_;
  } while (last_id_ == 0 || last_id_ == last_one || statements_.contains(last_id_));
  statement->id = last_id_;
  statement->key = new_key();
  statement->text = std::move(text);
  auto& slot = statements_[last_id_];
  slot = std::move(statement);
  return *slot;
}

PreparedStatement* PreparedStatements::find(std::uint32_t id) {
  const auto it = statements_.find(id == last_one ? last_prepared_ : id);
  return it == statements_.end() ? nullptr : it->second.get();
}

bool PreparedStatements::ties_to(topology::ServerId server) const {
  return std::any_of(statements_.begin(), statements_.end(), [&](const auto& entry) {
    const PreparedStatement& statement = *entry.second;
    return statement.fixed == server || (statement.cursor && statement.last == server);
  });
}

bool PreparedStatements::name_user_variables() const {
  return std::any_of(statements_.begin(), statements_.end(),
                     [](const auto& entry) { return entry.second->facts.has(sql::fx_user_variable); });
}

bool note_types(ByteView prefix, PreparedStatement& statement, bool attributes) {
  if (is_bulk(prefix)) {
    const auto parsed = protocol::parse_bulk_head(prefix, statement.parameters);
    const auto* head = std::get_if<protocol::BulkHead>(&parsed);
    if (head != nullptr && !head->types.empty()) note(statement, head->types, statement.parameters);
    return head != nullptr;
  }
  const auto parsed = protocol::parse_execute_head(prefix, statement.parameters, attributes);
  const auto* head = std::get_if<protocol::ExecuteHead>(&parsed);
  if (head != nullptr && head->new_params_bound) note(statement, head->types, head->count);
  return head != nullptr;
}

namespace {

/// Appends the payload, with the types if the server has not seen them. False: malformed.
bool append_execute(ExecuteRewrite& out, ByteView prefix, const PreparedStatement& statement, bool there,
                    bool attributes) {
  const auto parsed = protocol::parse_execute_head(prefix, statement.parameters, attributes);
  const auto* head = std::get_if<protocol::ExecuteHead>(&parsed);
  if (head == nullptr) return false;
  out.grew = head->count > 0 && !head->new_params_bound && !there;
  if (!out.grew) {
    base::append(out.prefix, prefix);
    return true;
  }
  if (head->count != statement.types_count) return false;
  protocol::write_execute_with_types(out.prefix, prefix, *head, statement.types);
  return true;
}

bool append_bulk(ExecuteRewrite& out, ByteView prefix, const PreparedStatement& statement, bool there) {
  const auto parsed = protocol::parse_bulk_head(prefix, statement.parameters);
  const auto* head = std::get_if<protocol::BulkHead>(&parsed);
  if (head == nullptr) return false;
  out.grew = head->types.empty() && !there && statement.types_count == statement.parameters;
  if (out.grew) {
    protocol::write_bulk_with_types(out.prefix, prefix, *head, statement.types);
  } else {
    base::append(out.prefix, prefix);
  }
  return true;
}

}  // namespace

std::optional<ExecuteRewrite> rewrite_execute(ByteView prefix, const PreparedStatement& statement, PreparedThere& there,
                                              bool attributes) {
  ExecuteRewrite out;
  const bool seen = there.types_version == statement.types_version;
  if (!(is_bulk(prefix) ? append_bulk(out, prefix, statement, seen)
                        : append_execute(out, prefix, statement, seen, attributes)))
    return std::nullopt;
  there.types_version = statement.types_version;
  for (int i = 0; i < 4; ++i)
    out.prefix[static_cast<std::size_t>(1 + i)] = static_cast<std::uint8_t>(there.id >> (8 * i));
  return out;
}

}  // namespace wye::session
