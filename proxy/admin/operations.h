#pragma once
#include <string_view>

#include "proxy/admin/statements.h"
#include "replication/manager/operator.h"

// What changes replication, and how it goes.
namespace wye::admin {

void set_up_replication(const Context& context, const Caller& caller, std::string_view options, const Reply& reply);
void show_operation(const Context& context, const Caller& caller, std::string_view, const Reply& reply);

void provision(const Context& context, const Caller& caller, std::string_view options, const Reply& reply);
void repair(const Context& context, const Caller& caller, std::string_view options, const Reply& reply);
void show_problems(const Context& context, const Caller& caller, std::string_view, const Reply& reply);

/// Reads "[PRIMARY name] [OVERWRITE name[, name]] [DRY RUN]", in any order. Pure.
base::Result<manager::SetUpRequest> parse_set_up(std::string_view options);
/// Reads "<server> [FROM name] [OVERWRITE] [BY DUMP] [DRY RUN]", the options in any order. Pure.
base::Result<manager::ProvisionRequest> parse_provision(std::string_view options);
/// Reads "<server> [OVERWRITE] [KEEP] [DRY RUN]", likewise.
base::Result<manager::RepairRequest> parse_repair(std::string_view options);
/// Words and names; a comma stands for itself. Names may be in ', " or `.
std::vector<std::string> tokens_of(std::string_view text);
Answer answer_of(const manager::SetUpAnswer& answer, bool dry_run, const char* statement);
protocol::Table report_table(const manager::Report& report);

}  // namespace wye::admin
