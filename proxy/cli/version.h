#pragma once

namespace wye::cli {
inline constexpr const char* version = "0.1.0";
}
