#include <unistd.h>

#include <CLI/CLI.hpp>
#include <iostream>

#include "proxy/cli/admin_client.h"
#include "proxy/cli/check.h"
#include "proxy/cli/explain.h"
#include "proxy/cli/run.h"
#include "proxy/cli/version.h"

namespace {

/// `wye explain` with the settings of a configuration, if one is named.
int run_explain(wye::cli::ExplainOptions options, const std::string& config_path, const std::string& flavour) {
  if (!config_path.empty()) {
    const auto loaded = wye::config::load_file(config_path);
    if (!loaded.config) return wye::cli::run_check(config_path, false, std::cerr);
    options.routing = wye::cli::routing_options(*loaded.config);
    if (const auto rules = wye::routing::Rules::make(loaded.config->routing.rules, 1)) options.rules = *rules;
  }
  if (flavour == "mariadb") {
    options.dialect.mariadb = true;
    options.dialect.version = 101100;
  }
  return wye::cli::run_explain(options, std::cin, std::cout, std::cerr);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"wye: a read/write-splitting proxy for MySQL and MariaDB with the replication manager built in"};
  app.require_subcommand(1);
  std::string config = "/etc/wye/wye.yaml";

  auto* run = app.add_subcommand("run", "serve in the foreground; SIGHUP reloads, SIGTERM drains and stops");
  run->add_option("-c,--config", config, "configuration file")->capture_default_str();

  bool connect = false;
  auto* check = app.add_subcommand("check", "validate the configuration: every mistake at once, with line and column");
  check->add_option("-c,--config", config, "configuration file")->capture_default_str();
  check->add_flag("--connect", connect,
                  "also try each server with the monitor's account and print what is missing, as SQL");

  wye::cli::AdminOptions admin_options;
  auto* admin = app.add_subcommand("admin", "console on the admin socket");
  admin->add_option("-S,--socket", admin_options.socket, "the socket (admin.socket of the configuration)")
      ->capture_default_str();
  admin->add_option("-e,--execute", admin_options.statements, "run this statement and exit; may be repeated");
  admin->add_flag("--json", admin_options.json, "one JSON object a row");

  wye::cli::ExplainOptions explain_options;
  auto* explain = app.add_subcommand("explain", "facts, route and reason of a statement, without a server");
  explain->add_option("sql", explain_options.sql, "the statement; -: from stdin, one a line, \\n, \\t and \\\\ escaped")
      ->required();
  std::string explain_config;
  explain->add_option("-c,--config", explain_config, "take consistency, limits and rules from this configuration");
  explain->add_option("--user", explain_options.user, "the session's, for rules");
  explain->add_option("--schema", explain_options.schema, "the session's, for rules");
  explain->add_option("--client", explain_options.client, "its address, for rules");
  explain->add_flag("--json", explain_options.json, "one JSON object a statement");
  std::string flavour = "mysql";
  explain->add_option("--flavour", flavour, "whose SQL")
      ->check(CLI::IsMember({"mysql", "mariadb"}))
      ->capture_default_str();

  app.add_subcommand("version", "print the version")->callback([] {
    std::cout << "wye " << wye::cli::version << "\n";
  });

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (run->parsed()) return wye::cli::run(config);
  if (check->parsed()) return wye::cli::run_check(config, connect, std::cout);
  if (admin->parsed()) {
    admin_options.prompt = admin_options.statements.empty() && isatty(STDIN_FILENO) != 0;
    return wye::cli::run_admin(admin_options, std::cin, std::cout, std::cerr);
  }
  if (explain->parsed()) return run_explain(explain_options, explain_config, flavour);
  return 0;
}
