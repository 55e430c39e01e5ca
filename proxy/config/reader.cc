#include "proxy/config/reader.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "proxy/config/suggest.h"

namespace wye::config {
namespace {

/// What of a key may be shown: `{password:secret}` makes "password:secret" a key.
std::string shown_key(const std::string& key, bool& cut) {
  std::size_t n = 0;
  while (n < key.size() && n < 40 &&
         ((key[n] >= 'a' && key[n] <= 'z') || (key[n] >= 'A' && key[n] <= 'Z') || key[n] == '_' || key[n] == '-')) {
    ++n;
  }
  cut = n < key.size();
  return key.substr(0, n);
}

std::string list_of(const std::vector<std::string>& words) {
  std::string out;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) out += i + 1 == words.size() ? " or " : ", ";
    out += words[i];
  }
  return out;
}

void sort_by_place(std::vector<Mistake>& m) {
  std::stable_sort(m.begin(), m.end(), [](const Mistake& a, const Mistake& b) {
    return std::pair{a.line, a.column} < std::pair{b.line, b.column};
  });
}

std::string show_number(unsigned n) { return std::to_string(n); }

}  // namespace

Mistake Report::at_mark(YAML::Mark at, std::string text) {
  if (at.is_null()) return {0, 0, std::move(text)};
  return {at.line + 1, at.column + 1, std::move(text)};
}

std::string Report::resolve(const std::string& path) const {
  return path.empty() || path[0] == '/' || folder_.empty() || folder_ == "." ? path : folder_ + "/" + path;
}

std::vector<Mistake> Report::take_mistakes() {
  sort_by_place(mistakes_);
  return std::move(mistakes_);
}

std::vector<Mistake> Report::take_warnings() {
  sort_by_place(warnings_);
  return std::move(warnings_);
}

bool is_tagged(const YAML::Node& node) {
  const std::string& tag = node.Tag();
  return !tag.empty() && tag != "?" && tag != "!" && tag != "tag:yaml.org,2002:str";
}

std::optional<std::string> scalar_text(Report& report, const YAML::Node& node, const std::string& path) {
  if (!node.IsScalar()) {
    report.mistake(node.Mark(), path + (node.IsNull() ? ": the value is missing" : ": must be a single value"));
    return std::nullopt;
  }
  if (is_tagged(node)) {
    report.mistake(node.Mark(), path + ": a value that begins with ! must stand in quotes");
    return std::nullopt;
  }
  auto text = expand(node.Scalar());
  if (!text) {
    report.mistake(node.Mark(), path + ": " + text.error().message);
    return std::nullopt;
  }
  if (text->find('\0') != std::string::npos) {
    report.mistake(node.Mark(), path + ": holds a NUL byte");
    return std::nullopt;
  }
  return std::move(text).value();
}

Map::Map(Report& report, const YAML::Node& node, std::string path)
    : report_{report}, mark_{node.Mark()}, path_{std::move(path)} {
  const std::string what = path_.empty() ? "the file" : path_;
  if (!node.IsMap()) {
    report_.mistake(mark_, what + ": must be a map of keys and values");
    return;
  }
  is_map_ = true;
  for (const auto& pair : node) {
    if (!pair.first.IsScalar()) {
      report_.mistake(pair.first.Mark(), what + ": a key must be a word");
      continue;
    }
    const std::string& key = pair.first.Scalar();
    if (keys_.emplace(key, Entry{pair.first, pair.second}).second) {
      order_.push_back(key);
      continue;
    }
    bool cut = false;
    report_.mistake(pair.first.Mark(),
                    "the key \"" + shown_key(key, cut) + "\" is there twice" + (path_.empty() ? "" : " in " + path_));
  }
}

YAML::Mark Map::mark_of(const std::string& key) const {
  const auto it = keys_.find(key);
  return it == keys_.end() ? mark_ : it->second.value.Mark();
}

const Map::Entry* Map::entry(const std::string& key) {
  known_.push_back(key);
  const auto it = keys_.find(key);
  return it == keys_.end() ? nullptr : &it->second;
}

std::optional<std::string> Map::scalar(const std::string& key) {
  const Entry* const e = entry(key);
  if (e == nullptr) return std::nullopt;
  // An empty value has no place of its own: point at its key.
  if (e->value.IsNull()) {
    report_.mistake(e->key.Mark(), path_of(key) + ": the value is missing");
    return std::nullopt;
  }
  return scalar_text(report_, e->value, path_of(key));
}

void Map::mistake(const std::string& key, const std::string& text) {
  report_.mistake(mark_of(key), path_of(key) + ": " + text);
}

void Map::missing(const std::string& key, const std::string& text) {
  report_.mistake(mark_, path_of(key) + " is missing" + (text.empty() ? "" : ": " + text));
}

void Map::no_effect_yet(const std::string& key) {
  const auto it = keys_.find(key);
  if (it != keys_.end()) report_.warning(it->second.key.Mark(), path_of(key) + ": accepted, has no effect yet");
}

bool Map::text(const std::string& key, std::string& out) {
  if (auto s = scalar(key)) out = std::move(*s);
  return has(key);
}

template <class T, class U>
bool Map::ranged(const std::string& key, U& out, Range<U> range, Result<T> (*parse)(std::string_view),
                 std::string (*show)(U)) {
  const auto s = scalar(key);
  if (!s) return has(key);
  const auto value = parse(*s);
  if (!value) {
    mistake(key, value.error().message);
  } else if (*value < static_cast<T>(range.least) || *value > static_cast<T>(range.most)) {
    mistake(key, "must be between " + show(range.least) + " and " + show(range.most));
  } else {
    out = static_cast<U>(*value);
  }
  return true;
}

bool Map::number(const std::string& key, unsigned& out, Range<unsigned> range) {
  return ranged<std::uint64_t, unsigned>(key, out, range, parse_number, show_number);
}

bool Map::duration(const std::string& key, milliseconds& out, Range<milliseconds> range) {
  return ranged<milliseconds, milliseconds>(key, out, range, parse_duration, to_text);
}

bool Map::duration(const std::string& key, std::optional<milliseconds>& out, Range<milliseconds> range) {
  milliseconds value{-1};
  const bool there = duration(key, value, range);
  if (value.count() >= 0) out = value;
  return there;
}

bool Map::size(const std::string& key, std::uint64_t& out, Range<std::uint64_t> range) {
  return ranged<std::uint64_t, std::uint64_t>(key, out, range, parse_size, size_text);
}

bool Map::number_or(const std::string& key, const char* word, unsigned& out, Range<unsigned> range) {
  const Entry* const e = entry(key);
  if (e != nullptr && e->value.IsScalar()) {
    const auto s = expand(e->value.Scalar());
    if (s && *s == word) {
      out = 0;
      return true;
    }
  }
  return number(key, out, range);
}

bool Map::duration_or(const std::string& key, const char* word, milliseconds& out, Range<milliseconds> range) {
  const Entry* const e = entry(key);
  if (e != nullptr && e->value.IsScalar()) {
    const auto s = expand(e->value.Scalar());
    if (s && *s == word) {
      out = milliseconds{0};
      return true;
    }
  }
  return duration(key, out, range);
}

bool Map::boolean(const std::string& key, bool& out) {
  if (const auto s = scalar(key)) {
    if (const auto b = parse_bool(*s)) {
      out = *b;
    } else {
      mistake(key, b.error().message);
    }
  }
  return has(key);
}

bool Map::mode(const std::string& key, unsigned& out) {
  if (const auto s = scalar(key)) {
    if (const auto m = parse_mode(*s)) {
      out = *m;
    } else {
      mistake(key, m.error().message);
    }
  }
  return has(key);
}

std::optional<std::string> Map::word(const std::string& key, const std::vector<std::string>& words) {
  auto s = scalar(key);
  if (!s || std::find(words.begin(), words.end(), *s) != words.end()) return s;
  mistake(key, "must be " + list_of(words) + did_you_mean(*s, words));
  return std::nullopt;
}

bool Map::choice(const std::string& key, std::string& out, const std::vector<std::string>& words) {
  if (auto s = word(key, words)) out = std::move(*s);
  return has(key);
}

bool Map::tls(const std::string& key, Tls& out, const std::vector<std::string>& words) {
  if (const auto s = word(key, words)) {
    out = *s == "off" ? Tls::off : *s == "preferred" ? Tls::preferred : *s == "required" ? Tls::required : Tls::verify;
  }
  return has(key);
}

bool Map::address(const std::string& key, std::string& out, unsigned default_port, bool any_port) {
  if (const auto s = scalar(key)) {
    if (auto a = parse_address(*s, default_port, any_port)) {
      out = *a;
    } else {
      mistake(key, a.error().message);
    }
  }
  return has(key);
}

bool Map::file(const std::string& key, std::string& out) {
  if (const auto s = scalar(key)) {
    out = report_.resolve(*s);
    if (access(out.c_str(), R_OK) != 0) mistake(key, "the file " + out + " can't be read");
  }
  return has(key);
}

std::optional<YAML::Node> Map::child(const std::string& key) {
  const Entry* const e = entry(key);
  if (e == nullptr) return std::nullopt;
  if (e->value.IsNull()) {
    report_.mistake(e->key.Mark(), path_of(key) + ": the value is missing");
    return std::nullopt;
  }
  return e->value;
}

void Map::each(const std::string& key, const std::function<void(const YAML::Node&, const std::string& path)>& item) {
  const auto node = child(key);
  if (!node) return;
  if (!node->IsSequence()) {
    mistake(key, "must be a list");
    return;
  }
  std::size_t i = 0;
  for (const auto& n : *node) item(n, path_of(key) + "[" + std::to_string(i++) + "]");
}

bool Map::texts(const std::string& key, std::vector<std::string>& out) {
  each(key, [&](const YAML::Node& n, const std::string& path) {
    if (auto s = scalar_text(report_, n, path)) out.push_back(std::move(*s));
  });
  return has(key);
}

bool Map::one_or_more(const std::string& key, std::vector<std::string>& out,
                      const std::function<Result<std::string>(const std::string&)>& item) {
  const auto node = child(key);
  if (!node) return has(key);
  const auto take = [&](const YAML::Node& n, const std::string& path) {
    const auto text = scalar_text(report_, n, path);
    if (!text) return;
    auto checked = item(*text);
    if (!checked) return report_.mistake(n.Mark(), path + ": " + checked.error().message);
    out.push_back(*checked);
  };
  if (!node->IsSequence()) {
    take(*node, path_of(key));
    return true;
  }
  if (node->size() == 0) mistake(key, "needs at least one value");
  each(key, take);
  return true;
}

void Map::finish() {
  for (const std::string& key : order_) {
    if (std::find(known_.begin(), known_.end(), key) != known_.end()) continue;
    bool cut = false;
    const std::string shown = shown_key(key, cut);
    std::vector<std::string> known = known_;
    std::sort(known.begin(), known.end());
    std::string text = "unknown key \"" + shown + "\"" + (path_.empty() ? "" : " in " + path_);
    if (cut && key.find(':') != std::string::npos) {
      text += ", is a space missing after the colon?";
    } else {
      text += did_you_mean(shown, known);
    }
    report_.mistake(keys_.at(key).key.Mark(), text);
  }
}

}  // namespace wye::config
