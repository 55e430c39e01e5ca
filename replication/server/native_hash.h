#pragma once
#include <string>
#include <string_view>

namespace wye::server {

/// What mysql_native_password keeps of a password: '*' and SHA1(SHA1(password)) in hexadecimal. For servers that would
/// write a password that they are told into their logs.
/// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase_authentication_methods_native_password_authentication.html
std::string native_hash(std::string_view password);

}  // namespace wye::server
