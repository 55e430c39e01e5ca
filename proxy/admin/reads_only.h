#pragma once
#include <string>
#include <string_view>

#include "proxy/sql/facts.h"

// What ON may send to a server, and what of an answer may be shown. Pure.
namespace wye::admin {

/// Why the console does not send it; empty: it is one statement that only reads, and not passwords. The classifier's
/// word, and stricter than routing: what is not known to read only is refused, stored functions too. The server is told
/// to write nothing besides (manager::Reader).
std::string refusal(std::string_view sql, const sql::Dialect& dialect);

/// The answer may hold statements of others: grants, process lists, binary logs.
bool shows_statements(std::string_view sql, const sql::Dialect& dialect);

/// A statement's text with <secret> for each password and hash of one in it.
std::string without_secrets(std::string_view text);

}  // namespace wye::admin
