#include "proxy/cli/reload.h"

#include "proxy/admin/differences.h"
#include "proxy/base/log.h"
#include "proxy/cli/members.h"
#include "proxy/cli/run.h"
#include "proxy/config/scalar.h"

namespace wye::cli {

namespace {

base::Error refused(std::string text) { return {1105, "HY000", std::move(text)}; }

std::string mistakes_in_words(const std::string& path, const std::vector<config::Mistake>& mistakes) {
  std::string words = "nothing was changed, " + path + " has mistakes (PLAN CONFIG lists them):";
  for (const auto& m : mistakes)
    words += "\n" + std::to_string(m.line) + ":" + std::to_string(m.column) + ": " + m.text;
  return words;
}

void log_mistakes(const std::vector<config::Mistake>& mistakes) {
  for (const auto& m : mistakes)
    log::error("config_mistake", {{"line", m.line}, {"column", m.column}, {"mistake", m.text}});
}

void log_differences(const std::vector<admin::Difference>& all) {
  for (const auto& d : all)
    log::info("config_changed", {{"setting", d.setting},
                                 {"from", d.from.value_or("")},
                                 {"to", d.to.value_or("")},
                                 {"effect", d.now ? "now" : "needs a restart"}});
}

}  // namespace

Reload::Reload(net::Loop& loop, std::string path, worker::Shared& shared, std::size_t workers, Apply apply,
               Settle settle)
    : path_(std::move(path)),
      shared_(shared),
      workers_(workers),
      apply_(std::move(apply)),
      settle_(std::move(settle)),
      timer_(loop, [this] { late(); }),
      rules_(shared.live.rules) {}

base::Result<protocol::Table> Reload::plan() const {
  const auto loaded = config::load_file(path_);
  if (!loaded.config) return admin::mistakes_table(path_, loaded.mistakes);
  return admin::differences_table(admin::differences(shared_.live.config, with_members(*loaded.config, false)));
}

config::Config Reload::with_members(config::Config of_file, bool keep) const {
  of_file.servers = servers_of(of_file, settle_(members_of(of_file), keep));
  return of_file;
}

void Reload::set_member(const plan::Membership& what) {
  const auto change = [&](config::Config& config) {
    auto all = members_of(config);
    std::erase_if(all, [&](const manager::Member& one) { return one.name == what.server; });
    if (what.kind == plan::Membership::Kind::joins) all.push_back({what.server, what.address});
    config.servers = servers_of(config, all);
  };
  change(shared_.live.config);
  if (before_) change(*before_);
}

/// All of it is made before any of it is given out.
base::Status Reload::put(config::Config config) {
  auto rules = routing::Rules::make(config.routing.rules, workers_, shared_.live.rules.get());
  if (!rules) return rules.error();
  const auto options = routing_options(config);
  const auto live = std::make_shared<const worker::Live>(worker::Live{std::move(config), options, *rules});
  shared_.live = *live;
  {
    const std::lock_guard lock{mutex_};
    rules_ = *rules;
  }
  log::set_level(log::level_of(live->config.log.level));
  apply_(live);
  return base::Ok{};
}

base::Result<protocol::Table> Reload::reload(std::optional<base::milliseconds> confirm) {
  auto loaded = config::load_file(path_);
  if (!loaded.config) {
    log_mistakes(loaded.mistakes);
    log::error("config_not_reloaded", {{"file", path_}, {"mistakes", loaded.mistakes.size()}});
    return refused(mistakes_in_words(path_, loaded.mistakes));
  }
  const config::Config wanted = with_members(*loaded.config, true);
  const auto all = admin::differences(shared_.live.config, wanted);
  const config::Config running = shared_.live.config;
  if (const auto done = put(admin::merged(running, wanted)); !done) return done.error();
  if (!unconfirmed_) before_ = running;
  unconfirmed_ = confirm.has_value();
  timer_.stop();
  if (confirm) timer_.once(*confirm);
  log_differences(all);
  log::info("config_reloaded", {{"file", path_}, {"differences", all.size()}});
  auto table = admin::differences_table(all);
  if (confirm)
    table.rows.push_back({"(all of it)", {}, {}, "goes back after " + config::to_text(*confirm) + " without CONFIRM"});
  return table;
}

base::Status Reload::confirm() {
  if (!unconfirmed_) return refused("no reload waits for CONFIRM");
  timer_.stop();
  unconfirmed_ = false;
  log::info("config_confirmed");
  return base::Ok{};
}

base::Result<protocol::Table> Reload::rollback() {
  if (!before_) return refused("no reload to go back from");
  const auto all = admin::differences(shared_.live.config, *before_);
  if (const auto done = put(*before_); !done) return done.error();
  before_.reset();
  timer_.stop();
  unconfirmed_ = false;
  log_differences(all);
  log::warning("config_rolled_back", {{"file", path_}, {"why", "the file still says otherwise"}});
  return admin::differences_table(all);
}

void Reload::late() {
  if (!unconfirmed_) return;
  log::warning("config_not_confirmed", {{"file", path_}});
  (void)rollback();
}

admin::ConfigFile Reload::statements() {
  return {[this] { return plan(); }, [this](auto within) { return reload(within); }, [this] { return confirm(); },
          [this] { return rollback(); }};
}

std::shared_ptr<const routing::Rules> Reload::rules() const {
  const std::lock_guard lock{mutex_};
  return rules_;
}

}  // namespace wye::cli
