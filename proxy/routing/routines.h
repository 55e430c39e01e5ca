#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <unordered_set>

#include "proxy/sql/routines.h"
#include "replication/topology/topology.h"

namespace wye::routing {

/// The stored functions and procedures that may run on a replica: they say that they write nothing, what they do shows
/// that they leave nothing in the session, and so it is with all that they call. Immutable; shared by all workers.
class Routines {
 public:
  Routines(const topology::Routines& from, const topology::Version& version);
  /// `schema`: where a name without one is looked for. Names that are not plain ASCII are never known.
  bool only_reads(bool procedure, std::string_view schema, std::string_view name) const;
  std::size_t size() const { return readers_.size(); }
  /// The user variables that triggers name, "@`a`, @b": a write may have set them. Empty: there are none.
  const std::string& trigger_variables() const { return trigger_variables_; }

 private:
  std::string key(bool procedure, std::string_view schema, std::string_view name) const;
  std::unordered_set<std::string> readers_, packages_;
  std::string trigger_variables_;
  bool fold_schemas_;
};

/// What a statement of a session asks.
class RoutinesInSchema final : public sql::Routines {
 public:
  RoutinesInSchema(const routing::Routines& routines, std::string_view schema) : routines_{routines}, schema_{schema} {}
  bool only_reads(bool procedure, std::string_view schema, std::string_view name) const override {
    return routines_.only_reads(procedure, schema.empty() ? schema_ : schema, name);
  }

 private:
  const routing::Routines& routines_;
  std::string_view schema_;
};

/// What each new topology holds of them; the same object as long as that does not change. Nullptr: not known.
class RoutinesOfTopology {
 public:
  std::shared_ptr<const Routines> follow(const topology::Topology& topology);

 private:
  std::shared_ptr<const topology::Routines> from_;
  std::string version_;
  std::shared_ptr<const Routines> routines_;
};

}  // namespace wye::routing
