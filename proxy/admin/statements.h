#pragma once
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "proxy/admin/admin_server.h"

namespace wye::admin {

/// What a statement gives: rows, "done", or an error.
using Answer = std::variant<protocol::Table, base::Ok, base::Error>;
/// Called once, on the loop's thread: before the statement's function returns, or later.
using Reply = std::function<void(Answer)>;

/// Who asks.
struct Caller {
  std::uint32_t connection = 0;
  uid_t uid = 0;
  std::string user, schema;
  std::weak_ptr<const void> client = {};  // expires when the client is gone; may be asked on any thread
};

/// text: the rest of the statement as it is; options: likewise, and it may be empty
enum class Argument : std::uint8_t { none, name, text, options };

struct Statement {
  std::string_view words;  // upper case, one space between
  Argument argument;
  std::string_view argument_name;
  std::string_view help;
  void (*run)(const Context&, const Caller&, std::string_view argument, const Reply&);
  bool changes_servers = false;  // may take minutes
};
/// In the order of HELP.
std::span<const Statement> statements();

/// Runs one statement of a client: one of the table, or what clients say by themselves. Replies exactly once.
void run_statement(const Context& context, const Caller& caller, std::string_view text, const Reply& reply);

/// It begins a statement that may take minutes.
bool changes_servers(std::string_view text);

/// What drivers and shells send on their own when they connect or ping: SELECT @@..., SET ..., SHOW WARNINGS, COMMIT.
/// False: it is none of these.
bool answer_client_chatter(const Context& context, const Caller& caller, std::string_view text, Answer& answer);

/// How the console greets: a version that drivers know how to talk to, and wye's own.
std::string greeting_version(const Context& context);

}  // namespace wye::admin
