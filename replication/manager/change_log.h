#pragma once
#include <string>
#include <string_view>

#include "replication/manager/manager.h"

namespace wye::manager {

/// A value for key=value lines: in quotes, what isn't printable escaped, cut to a sane length.
std::string quoted(std::string_view);

/// One line for each thing that changed between two topologies: primary, role, state, error. Nothing if nothing did.
void log_changes(const topology::Topology& before, const topology::Topology& after, const LogSink&);

}  // namespace wye::manager
