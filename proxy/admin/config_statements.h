#pragma once
#include "proxy/admin/statements.h"

// The statements about rules and the configuration file.
namespace wye::admin {

void show_rules(const Context& context, const Caller&, std::string_view, const Reply& reply);
void plan_config(const Context& context, const Caller&, std::string_view, const Reply& reply);
void reload_config(const Context& context, const Caller& caller, std::string_view, const Reply& reply);
void reload_config_confirm(const Context& context, const Caller& caller, std::string_view time, const Reply& reply);
void confirm_config(const Context& context, const Caller& caller, std::string_view, const Reply& reply);
void rollback_config(const Context& context, const Caller& caller, std::string_view, const Reply& reply);

}  // namespace wye::admin
