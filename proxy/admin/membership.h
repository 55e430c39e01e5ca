#pragma once
#include <string_view>

#include "proxy/admin/statements.h"
#include "replication/manager/operator.h"

// Servers that come and go.
namespace wye::admin {

void add_server(const Context& context, const Caller& caller, std::string_view options, const Reply& reply);
void remove_server(const Context& context, const Caller& caller, std::string_view options, const Reply& reply);

/// Reads "'<address>' [AS name] [FROM name] [OVERWRITE] [BY DUMP] [DRY RUN]", the options in any order. Pure.
base::Result<manager::AddRequest> parse_add_server(std::string_view options);
/// Reads "<name> [WITHIN time] [FORCE] [DRY RUN]", the options in any order. Pure.
base::Result<manager::RemoveRequest> parse_remove_server(std::string_view options);

}  // namespace wye::admin
