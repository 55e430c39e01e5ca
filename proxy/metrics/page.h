#pragma once
#include <string_view>

namespace wye::metrics {

/// The live page: one file of HTML that reads /api/state every second.
std::string_view page();

}  // namespace wye::metrics
