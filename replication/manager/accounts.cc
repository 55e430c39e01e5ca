#include "replication/manager/accounts.h"

#include <algorithm>
#include <set>

#include "replication/plan/dialect.h"
#include "replication/server/survey.h"

namespace wye::manager {
namespace {

using topology::Flavour;

constexpr std::uint32_t show_create_user = 50'706;
constexpr std::uint32_t hashes_as_hex = 80'017;

struct Account {
  std::string user, host;
  bool role = false;
  auto operator<=>(const Account&) const = default;
};

/// MySQL's roles are accounts; MariaDB's are something else and have no host.
base::Result<std::set<Account>> accounts_of(server::Connection& connection) {
  const bool roles = connection.memo().version.flavour == Flavour::mariadb;
  auto answer = connection.query(std::string{"SELECT User, Host, "} + (roles ? "is_role" : "'N'") + " FROM mysql.user");
  if (!answer) return answer.error();
  std::set<Account> out;
  for (const auto& row : answer->front().rows) {
    const std::string user = row[0].value_or("");
    if (!server::is_system_account(user)) out.insert({user, row[1].value_or(""), row[2] == "Y"});
  }
  return out;
}

class Copier {
 public:
  Copier(server::Connection& donor, server::Connection& target) : donor_{donor}, target_{target} {}

  base::Result<std::vector<std::string>> run() {
    auto theirs = accounts_of(donor_), ours = accounts_of(target_);
    if (!theirs || !ours) return theirs ? ours.error() : theirs.error();
    const topology::Version& version = donor_.memo().version;
    if (version.flavour == Flavour::mysql && version.number >= hashes_as_hex) {
      auto hex = donor_.query("SET SESSION print_identified_with_as_hex = ON");  // a hash need not be text
      if (!hex) return hex.error();
    }
    std::vector<Account> missing;
    for (const Account& one : *theirs)
      if (!ours->contains(one)) missing.push_back(one);
    for (const Account& one : missing) make(one);
    for (const Account& one : missing) grant(one);  // a right may be another account, as a role
    if (!lost_.message.empty()) return lost_;
    return notes_;
  }

 private:
  std::string named(const Account& one) const {
    auto name = one.role ? plan::quoted_name(one.user) : plan::quoted_account(one.user, one.host);
    return name ? *name : std::string{};
  }

  void make(const Account& one) {
    const topology::Version& version = donor_.memo().version;
    const std::string name = named(one);
    if (name.empty()) return refused(one, {1105, "HY000", "its name"});
    if (one.role) return say(one, "CREATE ROLE IF NOT EXISTS " + name);
    if (version.flavour == Flavour::mysql && version.number < show_create_user) return;  // GRANT makes it
    for (const std::string& sql : shown(one, "SHOW CREATE USER " + name)) say(one, sql);
  }

  void grant(const Account& one) {
    const std::string name = named(one);
    if (name.empty()) return;
    for (const std::string& sql : shown(one, "SHOW GRANTS FOR " + name)) say(one, sql);
  }

  std::vector<std::string> shown(const Account& one, const std::string& sql) {
    std::vector<std::string> out;
    auto answer = donor_.query(sql);
    if (!answer) {
      refused(one, answer.error());
      return out;
    }
    for (const auto& row : answer->front().rows)
      if (!row.empty() && row.front()) out.push_back(*row.front());
    return out;
  }

  void say(const Account& one, const std::string& sql) {
    if (auto done = target_.query(sql); !done) refused(one, done.error());
  }

  /// Not the message: it may quote a statement with a hash.
  void refused(const Account& one, const base::Error& error) {
    if (server::is_unreachable(error)) lost_ = error;
    const std::string note = "the account '" + one.user + "'@'" + one.host +
                             "' is not on the copy as it is on the donor (error " + std::to_string(error.code) +
                             "): make it there, with SET sql_log_bin = 0";
    if (notes_.empty() || notes_.back() != note) notes_.push_back(note);
  }

  server::Connection &donor_, &target_;
  std::vector<std::string> notes_;
  base::Error lost_{};
};

}  // namespace

base::Status forget_accounts(server::Connection& target, const std::vector<std::string>& had) {
  if (had.empty()) return base::Ok{};  // they could not be read: wye's own would be there
  auto now = accounts_of(target);
  if (!now) return now.error();
  for (const Account& one : *now) {
    if (std::find(had.begin(), had.end(), server::account_name(one.user, one.host)) != had.end()) continue;
    auto name = one.role ? plan::quoted_name(one.user) : plan::quoted_account(one.user, one.host);
    if (!name) return name.error();
    if (auto done = target.query((one.role ? "DROP ROLE " : "DROP USER ") + *name); !done) return done.error();
  }
  return base::Ok{};
}

base::Result<std::vector<std::string>> copy_accounts(server::Connection& donor, server::Connection& target) {
  return Copier{donor, target}.run();
}

}  // namespace wye::manager
