#pragma once
#include <memory>
#include <string>

#include "proxy/protocol/secret.h"

namespace wye::net {

/// The RSA key kept in `path` (mode 0600); made there if missing or unusable. If it can't be kept, a key for this run
/// is returned and `error` says why; nullptr only if none could be made.
std::unique_ptr<protocol::RsaKey> load_or_make_rsa_key(const std::string& path, std::string& error);

}  // namespace wye::net
