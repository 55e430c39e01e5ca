#include "proxy/admin/membership.h"

#include "proxy/admin/operations.h"
#include "proxy/admin/words.h"
#include "proxy/base/log.h"
#include "proxy/config/config.h"
#include "proxy/config/scalar.h"

namespace wye::admin {

namespace {

constexpr unsigned mysql_port = 3306;
constexpr base::milliseconds most_drain{24 * 3'600'000};

base::Error not_there() { return {1105, "HY000", "servers: not known in this process"}; }
base::Error wrong(std::string text) { return {1064, "42000", std::move(text)}; }

void log_statement(const char* statement, std::string_view options, const Caller& caller, bool begun) {
  log::info("admin_statement", {{"statement", statement},
                                {"options", options.substr(0, 256)},
                                {"uid", caller.uid},
                                {"user", caller.user},
                                {"begun", begun}});
}

/// Words one after the other.
class Words {
 public:
  explicit Words(std::string_view text) : words_{tokens_of(text)} {}
  bool more() const { return at_ < words_.size(); }
  std::string take() { return words_[at_++]; }
  bool took(std::string_view word) {
    const bool is = more() && same(words_[at_], word);
    at_ += is ? 1 : 0;
    return is;
  }
  bool took(std::string_view first, std::string_view second) {
    if (at_ + 1 >= words_.size() || !same(words_[at_], first) || !same(words_[at_ + 1], second)) return false;
    at_ += 2;
    return true;
  }

 private:
  const std::vector<std::string> words_;
  std::size_t at_ = 0;
};

}  // namespace

base::Result<manager::AddRequest> parse_add_server(std::string_view options) {
  const auto usage =
      wrong("expected ADD SERVER '<address>' [AS <name>] [FROM <donor>] [OVERWRITE] [BY DUMP] [DRY RUN]");
  manager::AddRequest request;
  Words words{options};
  if (!words.more()) return usage;
  auto address = config::parse_address(words.take(), mysql_port, false);
  if (!address) return wrong("the address: " + address.error().message);
  request.server.address = std::move(*address);
  while (words.more()) {
    if (request.server.name.empty() && words.took("AS") && words.more()) {
      request.server.name = words.take();
      if (!config::valid_name(request.server.name)) return wrong("the name: 1 to 64 letters, digits, _, - or .");
    } else if (request.donor.empty() && words.took("FROM") && words.more()) {
      request.donor = words.take();
    } else if (words.took("OVERWRITE")) {
      request.overwrite = true;
    } else if (words.took("BY", "DUMP")) {
      request.by_dump = true;
    } else if (words.took("DRY", "RUN")) {
      request.dry_run = true;
    } else {
      return usage;
    }
  }
  return request;
}

base::Result<manager::RemoveRequest> parse_remove_server(std::string_view options) {
  const auto usage = wrong("expected REMOVE SERVER <name> [WITHIN <time>] [FORCE] [DRY RUN]");
  manager::RemoveRequest request;
  Words words{options};
  if (!words.more()) return usage;
  request.server = words.take();
  while (words.more()) {
    if (!request.within && words.took("WITHIN") && words.more()) {
      const auto within = config::parse_duration(words.take());
      if (!within || within->count() < 0 || *within > most_drain)
        return wrong("WITHIN takes a time up to 1d, like 60s");
      request.within = *within;
    } else if (words.took("FORCE")) {
      request.force = true;
    } else if (words.took("DRY", "RUN")) {
      request.dry_run = true;
    } else {
      return usage;
    }
  }
  return request;
}

void add_server(const Context& context, const Caller& caller, std::string_view options, const Reply& reply) {
  if (!context.add_server) return reply(not_there());
  auto request = parse_add_server(options);
  if (!request) return reply(request.error());
  const bool dry_run = request->dry_run;
  auto begun = context.add_server(std::move(*request), [reply, dry_run](const manager::SetUpAnswer& answer) {
    reply(answer_of(answer, dry_run, "ADD SERVER"));
  });
  log_statement("ADD SERVER", options, caller, static_cast<bool>(begun));
  if (!begun) reply(begun.error());
}

void remove_server(const Context& context, const Caller& caller, std::string_view options, const Reply& reply) {
  if (!context.remove_server) return reply(not_there());
  auto request = parse_remove_server(options);
  if (!request) return reply(request.error());
  const bool dry_run = request->dry_run;
  auto begun = context.remove_server(std::move(*request), [reply, dry_run](const manager::SetUpAnswer& answer) {
    reply(answer_of(answer, dry_run, "REMOVE SERVER"));
  });
  log_statement("REMOVE SERVER", options, caller, static_cast<bool>(begun));
  if (!begun) reply(begun.error());
}

}  // namespace wye::admin
