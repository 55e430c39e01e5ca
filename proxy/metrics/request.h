#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <variant>

namespace wye::metrics {

/// The little of HTTP/1 that the exporter needs. Pure. https://www.rfc-editor.org/rfc/rfc9112
struct Request {
  std::string path;
};  // without the query
struct Incomplete {};
struct Bad {
  int status = 400;
};  // 400, 405 (not GET), 414 or 431 (too long), 505
std::variant<Request, Incomplete, Bad> parse_request(std::string_view in, std::size_t largest);

/// Status line, headers and body; the connection closes behind it.
std::string make_response(int status, std::string_view type, std::string_view body);

}  // namespace wye::metrics
