#pragma once
#include <yaml-cpp/yaml.h>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "proxy/config/config.h"
#include "proxy/config/scalar.h"

// Walks a YAML tree by a schema that the calls spell out, and gathers every mistake instead of stopping at the first.
// A value never appears in a mistake unless it is one of a few known words misspelled: it may be a secret.
namespace wye::config {

class Report {
 public:
  explicit Report(std::string folder) : folder_{std::move(folder)} {}
  void mistake(YAML::Mark at, std::string text) { mistakes_.push_back(at_mark(at, std::move(text))); }
  void warning(YAML::Mark at, std::string text) { warnings_.push_back(at_mark(at, std::move(text))); }
  /// A path of the file, made absolute or relative to the process.
  std::string resolve(const std::string& path) const;
  /// The file itself holds a password, not only the name of a variable or of another file.
  void note_secret() { holds_secret_ = true; }
  bool holds_secret() const { return holds_secret_; }
  /// In the order of the file.
  std::vector<Mistake> take_mistakes();
  std::vector<Mistake> take_warnings();

 private:
  static Mistake at_mark(YAML::Mark at, std::string text);
  std::string folder_;
  bool holds_secret_ = false;
  std::vector<Mistake> mistakes_, warnings_;
};

template <class T>
struct Range {
  T least, most;
};

/// One map of the file. Each call names one key that may be there; finish() reports the keys that no call named.
/// A key that is absent, or whose value is a mistake, leaves `out` as it is. Returns whether the key is there.
class Map {
 public:
  /// `path` is for mistakes: "sessions", empty for the root. A node that is no map is a mistake, and then has no keys.
  Map(Report& report, const YAML::Node& node, std::string path);

  bool text(const std::string& key, std::string& out);
  bool number(const std::string& key, unsigned& out, Range<unsigned> range);
  /// The word stands for 0.
  bool number_or(const std::string& key, const char* word, unsigned& out, Range<unsigned> range);
  bool duration(const std::string& key, milliseconds& out, Range<milliseconds> range);
  bool duration_or(const std::string& key, const char* word, milliseconds& out, Range<milliseconds> range);
  bool duration(const std::string& key, std::optional<milliseconds>& out, Range<milliseconds> range);
  bool size(const std::string& key, std::uint64_t& out, Range<std::uint64_t> range);
  bool boolean(const std::string& key, bool& out);
  bool mode(const std::string& key, unsigned& out);
  bool choice(const std::string& key, std::string& out, const std::vector<std::string>& words);
  bool tls(const std::string& key, Tls& out, const std::vector<std::string>& words);
  bool address(const std::string& key, std::string& out, unsigned default_port, bool any_port);
  /// A file that must be readable; out is its resolved path.
  bool file(const std::string& key, std::string& out);
  /// `key` or its twin `key`_file.
  bool secret(const std::string& key, std::string& out);
  bool texts(const std::string& key, std::vector<std::string>& out);
  /// One value, or a list of at least one; `item` checks each, and gives its normal form or what is wrong with it.
  bool one_or_more(const std::string& key, std::vector<std::string>& out,
                   const std::function<Result<std::string>(const std::string&)>& item);

  /// A value with a schema of its own; marks the key as known.
  std::optional<YAML::Node> child(const std::string& key);
  /// Each item of a list; a single value that is no list is a mistake.
  void each(const std::string& key, const std::function<void(const YAML::Node&, const std::string& path)>& item);

  /// For keys whose effect comes with a later version.
  void no_effect_yet(const std::string& key);
  void mistake(const std::string& key, const std::string& text);
  void missing(const std::string& key, const std::string& text);
  bool has(const std::string& key) const { return keys_.count(key) != 0; }
  bool is_map() const { return is_map_; }
  YAML::Mark mark() const { return mark_; }
  YAML::Mark mark_of(const std::string& key) const;
  const std::string& path() const { return path_; }
  std::string path_of(const std::string& key) const { return path_.empty() ? key : path_ + "." + key; }
  Report& report() { return report_; }
  void finish();

 private:
  struct Entry {
    YAML::Node key, value;
  };
  const Entry* entry(const std::string& key);
  /// The expanded scalar; reports what is wrong. Absent also if the key is.
  std::optional<std::string> scalar(const std::string& key);
  template <class T, class U>
  bool ranged(const std::string& key, U& out, Range<U> range, Result<T> (*parse)(std::string_view),
              std::string (*show)(U));
  std::optional<std::string> word(const std::string& key, const std::vector<std::string>& words);
  std::optional<std::string> read_secret_file(const std::string& key);

  Report& report_;
  YAML::Mark mark_;
  bool is_map_ = false;
  std::string path_;
  std::map<std::string, Entry> keys_;
  std::vector<std::string> order_;  // of the file
  std::vector<std::string> known_;
};

/// `!text` is a YAML tag, and what follows it the value: not what the writer of a password meant.
bool is_tagged(const YAML::Node& node);

/// The expanded text of one scalar node, or a reported mistake.
std::optional<std::string> scalar_text(Report& report, const YAML::Node& node, const std::string& path);

}  // namespace wye::config
