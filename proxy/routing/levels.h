#pragma once
#include <optional>
#include <vector>

#include "proxy/routing/frontier.h"

namespace wye::routing {

/// What one session has written and seen (routing.md 5): what its reads must show at least. A few numbers, and when it
/// last read on which server.
///
/// It outlives COM_RESET_CONNECTION and a change of user: an application that gives a connection back to its pool and
/// takes it out again still expects to find what it wrote, as on one server. After a failover nobody can say which of
/// the old primary's numbers there will ever be; what the new primary had then takes their place.
class SessionPosition {
 public:
  struct Read {
    topology::ServerId server = 0;
    base::TimePoint at{};  // when it ended
    Sightings::Set known;  // what it saw at most, if that was asked; else by Sightings
  };

  /// Before each statement.
  void follow(const Sightings& sightings);
  /// Commits that the primary's answer named, after Frontier::raise(). `sent`: when the statement went there.
  void wrote(const Frontier& frontier, const topology::GtidSet& commits, topology::ServerId primary,
             base::TimePoint sent);
  /// Something may have been committed on the primary that no answer named.
  void wrote_unnamed(topology::ServerId primary, base::TimePoint now) { saw(primary, now, false); }
  /// `covers`: that server was known to have all that was seen elsewhere before.
  void saw(topology::ServerId server, base::TimePoint at, bool covers);
  /// The primary was asked after `asked` what it has: all that was seen anywhere before, and written.
  void learned(topology::ServerId primary, Sightings::Set set, base::TimePoint asked);

  const std::vector<std::uint64_t>& own() const { return own_; }    // by slot of the frontier; the session's commits
  const std::vector<std::uint64_t>& seen() const { return seen_; }  // by slot; what is older than one of its commits
  const std::vector<Read>& reads() const { return reads_; }         // one for each server at most
  /// When it last read on another server than this.
  std::optional<base::TimePoint> read_elsewhere(topology::ServerId server) const;
  /// All of it, as a set; absent: not known yet.
  std::optional<topology::GtidSet> as_set(const FrontierNeed& need) const;

 private:
  std::vector<std::uint64_t> own_, seen_;
  std::vector<Read> reads_;
  std::uint64_t epoch_ = 0;
};

/// What one read of a session needs, by its level, and by the token that it came with.
class LevelNeed final : public Need {
 public:
  LevelNeed(const FrontierNeed& frontier, const SessionPosition& position, const topology::GtidSet* token)
      : frontier_(frontier), position_(position), token_(token) {}
  bool covered_by(Consistency level, topology::ServerId id, const topology::Server& replica) const override;
  bool can_wait_for(Consistency level, topology::ServerId id, const topology::Server& replica) const override;

  /// What is needed now, for a read that will go on later.
  Goal freeze(Consistency level) const;
  /// A replica was found wanting, but only because it is not known yet what the session has seen elsewhere, or where
  /// the token is from: the primary can say.
  bool primary_may_tell() const { return primary_may_tell_; }

 private:
  bool has_seen(topology::ServerId id, const topology::Server& replica) const;

  const FrontierNeed& frontier_;
  const SessionPosition& position_;
  const topology::GtidSet* token_;
  mutable bool primary_may_tell_ = false;
};

}  // namespace wye::routing
