#pragma once
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string>

#include "proxy/net/loop.h"

namespace wye::test {

/// Turns the loop until `done`, at most 20 s. What `done` said at the end.
inline bool run_until(net::Loop& loop, const std::function<bool()>& done) {
  const auto deadline = base::Clock::now() + base::seconds(20);
  net::Timer poll(loop, [&] {
    if (done() || base::Clock::now() > deadline) loop.stop();
  });
  poll.every(base::milliseconds(1));
  loop.run();
  return done();
}

/// Lets whatever is ready happen: sockets of this process, deferred tasks. For "and nothing more came".
inline void settle(net::Loop& loop) {
  int turns = 0;
  run_until(loop, [&] { return ++turns > 10; });
}

/// A folder of this test's own, gone afterwards.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    path_ = (std::filesystem::temp_directory_path() / "wye-test-XXXXXX").string();
    if (mkdtemp(path_.data()) == nullptr) std::abort();
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace wye::test
