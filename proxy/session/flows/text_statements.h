#pragma once
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "proxy/session/flows/read_under.h"
#include "proxy/sql/facts.h"
#include "proxy/sql/text_prepare.h"

namespace wye::session {

/// What one session has prepared by PREPARE name FROM '...': those that only read tables can be executed on a replica,
/// which is told the PREPARE first (routing.md 1). All of them live on the primary as well. Pure. One owner.
class TextStatements {
 public:
  static constexpr std::size_t most = 100, longest = std::size_t{64} * 1024;

  struct Statement {
    std::string sql;     // the PREPARE, as the client sent it
    std::string inner;   // `facts` has views into it
    std::string schema;  // names in it are resolved in this one
    ReadUnder under;
    sql::Facts facts;
  };

  /// A statement with fx_text_prepare, or one that may run some unseen, is about to run on the primary.
  void forget(const sql::TextPrepare& about);
  void clear() {
    statements_.clear();
    failed();
  }
  /// A PREPARE is about to run; it counts once it has succeeded().
  void prepares(std::string name, std::shared_ptr<const Statement> statement);
  void succeeded();
  void failed() { pending_ = {}; }
  /// One that reads tables and nothing of its session. nullptr: there is none, or more must be known of it.
  std::shared_ptr<const Statement> reader(std::string_view name) const;

 private:
  std::map<std::string, std::shared_ptr<const Statement>, std::less<>> statements_;
  std::pair<std::string, std::shared_ptr<const Statement>> pending_;
};

}  // namespace wye::session
