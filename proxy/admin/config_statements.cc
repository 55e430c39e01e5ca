#include "proxy/admin/config_statements.h"

#include "proxy/admin/tables.h"
#include "proxy/base/log.h"
#include "proxy/config/scalar.h"

namespace wye::admin {

namespace {

base::Error not_there() { return {1105, "HY000", "the configuration file is not known in this process"}; }

void answer(base::Result<protocol::Table> result, const Reply& reply) {
  if (!result) return reply(result.error());
  reply(std::move(*result));
}

void note(const Caller& caller, const char* statement) {
  log::info("admin_statement", {{"statement", statement}, {"uid", caller.uid}, {"user", caller.user}});
}

}  // namespace

void show_rules(const Context& context, const Caller&, std::string_view, const Reply& reply) {
  if (!context.rules) return reply(not_there());
  reply(rules_table(context.rules().get()));
}

void plan_config(const Context& context, const Caller&, std::string_view, const Reply& reply) {
  if (!context.file.plan) return reply(not_there());
  answer(context.file.plan(), reply);
}

void reload_config(const Context& context, const Caller& caller, std::string_view, const Reply& reply) {
  if (!context.file.reload) return reply(not_there());
  note(caller, "RELOAD CONFIG");
  answer(context.file.reload(std::nullopt), reply);
}

void reload_config_confirm(const Context& context, const Caller& caller, std::string_view time, const Reply& reply) {
  if (!context.file.reload) return reply(not_there());
  const auto within = config::parse_duration(time);
  constexpr base::milliseconds least{1000}, most{86'400'000};
  if (!within || *within < least || *within > most)
    return reply(base::Error{1064, "42000", "CONFIRM takes a time from 1s to 1d, like 60s"});
  note(caller, "RELOAD CONFIG CONFIRM");
  answer(context.file.reload(*within), reply);
}

void confirm_config(const Context& context, const Caller& caller, std::string_view, const Reply& reply) {
  if (!context.file.confirm) return reply(not_there());
  note(caller, "CONFIRM");
  const auto done = context.file.confirm();
  if (!done) return reply(done.error());
  reply(base::Ok{});
}

void rollback_config(const Context& context, const Caller& caller, std::string_view, const Reply& reply) {
  if (!context.file.rollback) return reply(not_there());
  note(caller, "ROLLBACK CONFIG");
  answer(context.file.rollback(), reply);
}

}  // namespace wye::admin
