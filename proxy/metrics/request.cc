#include "proxy/metrics/request.h"

#include <algorithm>

namespace wye::metrics {
namespace {

const char* phrase(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 414:
      return "URI Too Long";
    case 431:
      return "Request Header Fields Too Large";
    case 503:
      return "Service Unavailable";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Internal Server Error";
  }
}

bool upper(char c) { return c >= 'A' && c <= 'Z'; }

/// "GET /metrics HTTP/1.1", without its end of line.
std::variant<Request, Incomplete, Bad> parse_line(std::string_view line) {
  const std::size_t first = line.find(' ');
  const std::size_t second = first == line.npos ? first : line.find(' ', first + 1);
  if (second == line.npos || line.find(' ', second + 1) != line.npos) return Bad{400};
  const std::string_view method = line.substr(0, first), target = line.substr(first + 1, second - first - 1);
  const std::string_view version = line.substr(second + 1);
  if (method.empty() || !std::all_of(method.begin(), method.end(), upper)) return Bad{400};
  if (!version.starts_with("HTTP/")) return Bad{400};
  if (version != "HTTP/1.1" && version != "HTTP/1.0") return Bad{505};
  if (method != "GET") return Bad{405};
  const auto printable = [](char c) { return c > ' ' && c < 0x7f; };
  if (!target.starts_with('/') || !std::all_of(target.begin(), target.end(), printable)) return Bad{400};
  return Request{std::string{target.substr(0, target.find('?'))}};
}

}  // namespace

std::variant<Request, Incomplete, Bad> parse_request(std::string_view in, std::size_t largest) {
  const std::size_t line_end = in.find("\r\n");
  // What can't become a request is refused at once: another protocol may wait for us to speak.
  if (!in.empty() && !upper(in[0])) return Bad{400};
  if (line_end == in.npos) return in.size() > largest ? std::variant<Request, Incomplete, Bad>{Bad{414}} : Incomplete{};
  auto request = parse_line(in.substr(0, line_end));
  if (std::holds_alternative<Bad>(request)) return request;
  const std::size_t end = in.find("\r\n\r\n", line_end);
  if (end == in.npos) return in.size() > largest ? std::variant<Request, Incomplete, Bad>{Bad{431}} : Incomplete{};
  return end + 4 > largest ? std::variant<Request, Incomplete, Bad>{Bad{431}} : request;
}

std::string make_response(int status, std::string_view type, std::string_view body) {
  std::string out = "HTTP/1.1 " + std::to_string(status) + " " + phrase(status) + "\r\nContent-Type: ";
  out += type;
  out += "\r\nContent-Length: " + std::to_string(body.size());
  if (status == 405) out += "\r\nAllow: GET";
  out +=
      "\r\nConnection: close\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nX-Frame-Options: DENY\r\n"
      "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src "
      "'self'\r\n\r\n";
  out += body;
  return out;
}

}  // namespace wye::metrics
