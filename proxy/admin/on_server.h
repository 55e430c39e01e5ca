#pragma once
#include <string>
#include <string_view>

#include "proxy/admin/statements.h"
#include "replication/manager/reader.h"

// ON db2 <sql>: what one server says itself.
namespace wye::admin {

void on_server(const Context& context, const Caller& caller, std::string_view text, const Reply& reply);
void show_databases_on(const Context& context, const Caller& caller, std::string_view server, const Reply& reply);
void show_tables_on(const Context& context, const Caller& caller, std::string_view options, const Reply& reply);

/// A server's name and what follows it, as it is. A name may be in ', " or `; bare it ends at white space.
struct ServerAndRest {
  std::string server;
  std::string_view rest;
};
/// Pure. False: there is no name.
bool parse_on(std::string_view text, ServerAndRest& out);
/// Reads "<server> FROM | IN <schema>". Pure.
base::Result<manager::ReadRequest> parse_show_tables_on(std::string_view options);

}  // namespace wye::admin
