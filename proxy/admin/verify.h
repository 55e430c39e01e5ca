#pragma once
#include <string_view>

#include "proxy/admin/statements.h"
#include "replication/manager/verifier.h"

// VERIFY: whether replicas hold what the primary holds.
namespace wye::admin {

void verify(const Context& context, const Caller& caller, std::string_view options, const Reply& reply);
void show_verify(const Context& context, const Caller&, std::string_view, const Reply& reply);
void show_differences(const Context& context, const Caller&, std::string_view, const Reply& reply);
void stop_verify(const Context& context, const Caller& caller, std::string_view, const Reply& reply);

/// Reads "[server[, ...]] [TABLE schema.table]"; names may be in ', " or `. Pure.
base::Result<manager::VerifyRequest> parse_verify(std::string_view options);
/// A row for each object that differs and each that was not compared, then one for each server over all tables.
protocol::Table verify_table(const manager::VerifyReport& report);
protocol::Table differences_table(const manager::VerifyReport& report);
protocol::Table progress_table(const manager::VerifyReport& report);

}  // namespace wye::admin
