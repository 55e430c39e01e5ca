#include "replication/verify/definition.h"

namespace wye::verify {
namespace {

constexpr char separator = '\x1f';

/// "  `price` decimal(10,2) NOT NULL," -> "column `price`"; "  KEY `k` (`a`)" -> "KEY `k`".
std::string property_name(std::string_view line) {
  const auto tick = line.find('`');
  if (line.starts_with("PRIMARY KEY")) return "primary key";
  if (tick == std::string_view::npos) return std::string{line.substr(0, line.find('('))};
  // A name's end: a backquote that is not doubled.
  std::size_t end = tick + 1;
  while (end < line.size() && (line[end] != '`' || (end + 1 < line.size() && line[end + 1] == '`')))
    end += line[end] == '`' ? 2 : 1;
  const auto name = line.substr(tick, end + 1 - tick);
  return (tick == 0 ? "column " : std::string{line.substr(0, tick)}) + std::string{name};
}

/// The table's options without " AUTO_INCREMENT=7". Not in a comment: that comes after it.
std::string without_counter(std::string_view options) {
  std::string out{options};
  const auto comment = out.find(" COMMENT='");
  const auto at = out.find(" AUTO_INCREMENT=");
  if (at == std::string::npos || at > comment) return out;
  std::size_t end = at + 16;
  while (end < out.size() && out[end] >= '0' && out[end] <= '9') ++end;
  return out.erase(at, end - at);
}

std::string_view take(std::string_view& text, char end) {
  const auto at = std::min(text.find(end), text.size());
  const auto part = text.substr(0, at);
  text.remove_prefix(std::min(at + 1, text.size()));
  return part;
}

struct Told {
  bool missing = false, extra = false;
  std::string properties;
};

std::string words(const Told& told) {
  if (told.missing) return "missing on the replica";
  if (told.extra) return "only on the replica";
  return "differs: " + told.properties;
}

}  // namespace

std::string entry_name(std::string_view kind, std::string_view object, std::string_view property) {
  std::string out{kind};
  return (out += separator).append(object).append(1, separator).append(property);
}

std::map<std::string, std::string> properties_of(std::string_view show_create) {
  std::map<std::string, std::string> out;
  std::string order, rest;
  take(show_create, '\n');  // CREATE TABLE `name` (
  bool inside = true;
  while (!show_create.empty()) {
    std::string_view line = take(show_create, '\n');
    if (!inside || !line.starts_with("  ")) {
      inside = false;
      rest.append(line).append(1, '\n');
      continue;
    }
    line.remove_prefix(2);
    if (line.ends_with(',')) line.remove_suffix(1);
    const std::string name = property_name(line);
    if (name.starts_with("column ")) order += name + "\n";
    out[name] = line;
  }
  out["options"] = without_counter(rest);
  out["order of columns"] = std::move(order);
  return out;
}

std::vector<Difference> describe(const std::string& server, const std::map<std::string, Suspects::Pair>& pairs) {
  std::map<std::pair<std::string, std::string>, Told> objects;
  for (const auto& [name, pair] : pairs) {
    std::string_view text = name;
    const std::string kind{take(text, separator)}, object{take(text, separator)};
    Told& told = objects[{kind, object}];
    if (text.empty()) {
      told.missing = told.missing || !pair.replica;
      told.extra = told.extra || !pair.primary;
      if (!pair.replica || !pair.primary) continue;
    }
    const std::string_view how = text.empty()    ? "definition"
                                 : !pair.replica ? " (missing on the replica)"
                                 : !pair.primary ? " (only on the replica)"
                                                 : "";
    told.properties += told.properties.empty() ? "" : ", ";
    told.properties.append(text).append(how);
  }
  std::vector<Difference> out;
  for (const auto& [id, told] : objects) {
    const auto& [kind, object] = id;
    // What is not there has no triggers and grants either: said once.
    const auto whole = objects.find({kind == "grant" ? "account" : "", object});
    if (whole != objects.end() && (whole->second.missing || whole->second.extra)) continue;
    out.push_back({server, kind, object, {}, words(told)});
  }
  return out;
}

}  // namespace wye::verify
