#pragma once
#include <map>
#include <string>
#include <vector>

#include "replication/plan/set_up.h"

namespace wye::plan {

/// Gives 1 on a server without a table of a user's.
extern const char* const no_data;
inline constexpr base::milliseconds connect_deadline{60'000};

std::string select(const std::string& condition);
/// `variable` (with GTIDs) holds exactly this set.
std::string same_gtids(topology::Flavour flavour, const std::string& variable, const topology::GtidSet& set);

/// What several plans do to a server alike. Gathers steps and troubles; of a server only what was observed is asked.
class Steps {
 public:
  Steps(const SetUpWish& wish, const std::vector<Known>& known, Plan& plan, std::vector<Trouble>& troubles)
      : wish_{wish}, known_{known}, plan_{plan}, troubles_{troubles} {}

  const topology::Observation& at(std::size_t i) const { return *known_[i].observation; }
  const topology::Survey& survey(std::size_t i) const { return *known_[i].survey; }
  const std::string& name(std::size_t i) const { return wish_.servers[i].name; }
  Dialect dialect(std::size_t i) const { return Dialect{at(i).version}; }
  bool mysql(std::size_t i) const { return at(i).version.flavour == topology::Flavour::mysql; }

  Step& add(std::size_t server, std::string what, std::vector<std::string> sql, std::vector<std::string> undo = {});
  /// A line for the server's configuration file, where the version can't keep what is set.
  void note(std::size_t server, const std::string& line);
  void refuse(std::size_t server, const base::Error& error);
  /// One variable, back to what it was if the plan fails.
  void set(std::size_t server, const std::string& variable, const std::string& value, const std::string& before);
  void row_format(std::size_t i);
  /// True: there is something to do. MySQL only.
  bool gtids(std::size_t i);
  /// Loads a plugin unless it is loaded.
  void load_plugin(std::size_t i, const std::string& plugin, const std::string& library);
  void semi_sync(std::size_t i, bool as_replica);
  void fence(std::size_t i);
  /// `demote`: its own transactions are a part of the primary's history (MariaDB must be told).
  void follow(std::size_t i, std::size_t primary, bool demote = false);
  bool follows_already(std::size_t i, std::size_t primary) const;
  /// What note() gathered.
  void tell_notes();

 private:
  const SetUpWish& wish_;
  const std::vector<Known>& known_;
  Plan& plan_;
  std::vector<Trouble>& troubles_;
  std::map<std::size_t, std::string> lines_;  // for the configuration files, by server
};

}  // namespace wye::plan
