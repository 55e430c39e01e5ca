#include "proxy/session/flows/prepared.h"

#include <algorithm>
#include <atomic>
#include <cstring>

namespace wye::session {

PreparedStatement& PreparedStatements::add(std::string text) {
  static std::atomic<std::uint64_t> keys{0};
  auto statement = std::make_unique<PreparedStatement>();
  do {
    ++last_id_;
  } while (last_id_ == 0 || last_id_ == 0xffffffff ||
           statements_.contains(last_id_));  // 0xffffffff means "the last one" to MariaDB
  statement->id = last_id_;
  statement->key = keys.fetch_add(1, std::memory_order_relaxed) + 1;
  statement->text = std::move(text);
  auto& slot = statements_[last_id_];
  slot = std::move(statement);
  return *slot;
}

PreparedStatement* PreparedStatements::find(std::uint32_t id) {
  const auto it = statements_.find(id);
  return it == statements_.end() ? nullptr : it->second.get();
}

bool note_types(ByteView prefix, PreparedStatement& statement) {
  const auto parsed = protocol::parse_execute_head(prefix, statement.parameters);
  const auto* head = std::get_if<protocol::ExecuteHead>(&parsed);
  if (head == nullptr) return false;
  if (head->new_params_bound &&
      !std::equal(head->types.begin(), head->types.end(), statement.types.begin(), statement.types.end())) {
    statement.types.assign(head->types.begin(), head->types.end());
    ++statement.types_version;
  }
  return true;
}

std::optional<ExecuteRewrite> rewrite_execute(ByteView prefix, const PreparedStatement& statement,
                                              PreparedThere& there) {
  const auto parsed = protocol::parse_execute_head(prefix, statement.parameters);
  const auto* head = std::get_if<protocol::ExecuteHead>(&parsed);
  if (head == nullptr) return std::nullopt;
  ExecuteRewrite out;
  if (statement.parameters > 0 && !head->new_params_bound && there.types_version != statement.types_version) {
    if (!protocol::write_execute_with_types(out.prefix, prefix, statement.parameters, statement.types))
      return std::nullopt;
    out.grew = true;
  } else {
    out.prefix.assign(prefix.begin(), prefix.end());
  }
  there.types_version = statement.types_version;
  for (int i = 0; i < 4; ++i)
    out.prefix[static_cast<std::size_t>(1 + i)] = static_cast<std::uint8_t>(there.id >> (8 * i));
  return out;
}

}  // namespace wye::session
