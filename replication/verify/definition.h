#pragma once
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "replication/verify/suspects.h"
#include "replication/verify/table.h"

namespace wye::verify {

/// The name of one property of one object in Entries: kind, object and property in one text.
std::string entry_name(std::string_view kind, std::string_view object, std::string_view property = {});

/// What a table is made of, by SHOW CREATE TABLE: each column and index ("column `price`"), their order, the options.
/// Without AUTO_INCREMENT=, which counts what each server did, and the spaces and the words that only say the version.
std::map<std::string, std::string> properties_of(std::string_view show_create);

/// Differences of objects, from entries that differ for sure: one for each object and kind. An object is there if it
/// has the entry without a property.
std::vector<Difference> describe(const std::string& server, const std::map<std::string, Suspects::Pair>& pairs);

}  // namespace wye::verify
