#pragma once
#include <optional>
#include <string>
#include <vector>

#include "proxy/base/result.h"
#include "replication/plan/step.h"

namespace wye::manager {

/// How far one step came.
enum class Mark : std::uint8_t { waiting, begun, done, already, undone, not_undone };

/// What happens to an operation is written here before it happens: STATE/operation.journal, a JSON object a line. The
/// first line is the whole plan, which appears at once or not at all (rename); each later one is in the file, and on
/// the disk, when record() returns. Owner: the operator's thread.
class Journal {
 public:
  Journal() = default;
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  /// Takes the place of an older operation's. An empty folder: nothing is kept.
  base::Status begin(const std::string& state_dir, const plan::Plan& plan);
  /// Goes on in the file that is there.
  base::Status resume(const std::string& state_dir);
  base::Status mark(std::size_t step, Mark mark);
  base::Status undoing(const std::string& why);
  base::Status end();

 private:
  base::Status append(const std::string& line);
  int file_ = -1;
  bool off_ = false;
};

/// An operation that was under way when wye ended.
struct Unfinished {
  plan::Plan plan;
  std::vector<Mark> marks;  // as long as plan.steps
  bool undoing = false;
  std::string why;  // it is undone
};
/// Absent: there is none, or it came to its end. An error: there is one and it can't be read.
base::Result<std::optional<Unfinished>> load_unfinished(const std::string& state_dir);

}  // namespace wye::manager
