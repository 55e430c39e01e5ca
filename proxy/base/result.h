#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace wye::base {

/// A failure as a value: what a MySQL client is told, and what the log says.
/// `code` is a MySQL error number (server 1000..1999 and 3000.., client 2000..2999); `state` is the five-character
/// SQLSTATE.
struct Error {
  std::uint16_t code = 1105;  // ER_UNKNOWN_ERROR
  std::string state = "HY000";
  std::string message;
};

/// Either a value or an Error. g++ 12 has no std::expected in C++20 mode.
/// REQUIRES: value() only after `if (result)`, error() only after `if (!result)`.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : x_{std::in_place_index<0>, std::move(value)} {}      // NOLINT(google-explicit-constructor)
  Result(Error error) : x_{std::in_place_index<1>, std::move(error)} {}  // NOLINT(google-explicit-constructor)
  explicit operator bool() const { return x_.index() == 0; }
  T& value() & { return std::get<0>(x_); }
  const T& value() const& { return std::get<0>(x_); }
  T&& value() && { return std::get<0>(std::move(x_)); }
  T* operator->() { return &std::get<0>(x_); }
  const T* operator->() const { return &std::get<0>(x_); }
  T& operator*() & { return std::get<0>(x_); }
  const T& operator*() const& { return std::get<0>(x_); }
  const Error& error() const { return std::get<1>(x_); }

 private:
  std::variant<T, Error> x_;
};

struct Ok {};
using Status = Result<Ok>;

}  // namespace wye::base
