#pragma once
#include <string_view>

#include "proxy/sql/facts.h"

namespace wye::session {

/// SET GLOBAL and the like, as far as the text shows it: changes what later sessions begin with.
bool sets_globals(const sql::Facts& facts);
/// GRANT, DROP USER, SET PASSWORD and the like: may change what an account may do. True for some others as well.
bool may_change_accounts(const sql::Facts& facts, std::string_view text);
/// CREATE, ALTER or DROP of a stored routine. True for some others as well.
bool may_change_routines(const sql::Facts& facts, std::string_view text);

}  // namespace wye::session
