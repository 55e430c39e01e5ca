#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/config/config.h"
#include "proxy/protocol/networks.h"
#include "proxy/routing/route.h"

namespace wye::routing {

/// What a rule may look at. Views live during the call.
struct Subject {
  std::string_view user, schema, text;
  const protocol::IpAddress* client = nullptr;  // nullptr: a Unix socket, or not known
  std::uint64_t digest = 0;
  sql::Dialect dialect;
};

/// How often a rule matched: each worker counts for itself, any thread reads. The count of a name outlives reloads.
class Hits {
 public:
  explicit Hits(std::size_t workers) : counts_(workers) {}
  void add(std::size_t worker) const { counts_[worker].n.fetch_add(1, std::memory_order_relaxed); }
  std::uint64_t value() const;

 private:
  struct alignas(64) Count {
    std::atomic<std::uint64_t> n{0};
  };
  mutable std::vector<Count> counts_;
};

/// What a rule that matched sets.
struct Rule {
  enum class To : std::uint8_t { unset, primary, replica, server };
  std::string name;
  To to = To::unset;
  std::string server, tag, reject;  // reject: not empty
  std::optional<Consistency> consistency;
  std::optional<base::milliseconds> max_lag, timeout;
  std::string matches, sets;  // in words
  std::shared_ptr<const Hits> hits;
};

/// May a rule take this statement to a replica? Reads only. Unlike a hint it doesn't vouch for one statement, so what
/// only may be a read (a stored function, a text whose end is not seen) stays on the primary.
bool rule_may_move(const sql::Facts& facts);

/// What a session has begun it may always end: COMMIT and ROLLBACK are never rejected.
bool rejects(const Rule& rule, const sql::Facts& facts);

/// routing.rules, compiled. Immutable but for the hits: all workers share one; a reload makes another one.
class Rules {
 public:
  /// `before`: the rules so far, whose hits go on. nullptr: there are no rules, and a statement costs a branch. Error:
  /// an expression that is none.
  static base::Result<std::shared_ptr<const Rules>> make(const std::vector<config::Rule>& rules, std::size_t workers,
                                                         const Rules* before = nullptr);
  ~Rules();
  Rules(const Rules&) = delete;
  Rules& operator=(const Rules&) = delete;

  /// The first that matches, or nullptr. Any thread.
  const Rule* match(const Subject& subject) const;
  const std::vector<Rule>& all() const { return rules_; }

 private:
  struct Match;
  Rules();
  std::vector<Rule> rules_;
  std::vector<std::unique_ptr<Match>> matches_;  // of the same places
};

std::optional<Consistency> parse_consistency(std::string_view word);

/// For EXPLAIN: the rule's name, and why its route was not taken where that is so. Empty: no rule.
std::string rule_in_words(const Rule* rule, const sql::Facts& facts, Reason reason);

}  // namespace wye::routing
