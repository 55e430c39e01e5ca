#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace wye::config {

/// Levenshtein distance in which two swapped neighbours count as one step.
std::size_t edit_distance(std::string_view a, std::string_view b);
/// `, did you mean "x"?` with the nearest of `known`, or empty if none is near enough.
std::string did_you_mean(std::string_view word, const std::vector<std::string>& known);

}  // namespace wye::config
