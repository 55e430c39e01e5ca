#pragma once
#include <string>
#include <string_view>

#include "proxy/base/result.h"

// What the files of the state folder share: written whole, and on the disk when they are said to be.
namespace wye::manager {

/// 1105 with errno in words.
base::Error failed(const std::string& what);
/// False: errno says why.
bool write_all(int file, std::string_view text);
/// A rename is on the disk when its folder is. False: errno says why.
bool sync_folder(const std::string& path);

}  // namespace wye::manager
