#pragma once
// A running console in a folder of its own.
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <stdexcept>
#include <string>
#include <thread>

#include "proxy/admin/admin_server.h"
#include "proxy/net/mailbox.h"

namespace wye::admin::test {

class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "wye-admin-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string operator/(const char* name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

/// The server on a loop in its own thread. The clock is the test's: it moves by advance().
class Running {
 public:
  explicit Running(Context context, Limits limits = {}, unsigned mode = 0600) : socket{folder / "admin.sock"} {
    context.now = [this] { return start_ + base::milliseconds{elapsed_.load()}; };
    server = std::make_unique<Server>(loop, std::move(context), limits);
    const auto listening = server->listen(socket, mode);
    if (!listening) throw std::runtime_error(listening.error().message);
    thread_ = std::thread([this] { loop.run(); });
  }
  ~Running() { stop(); }
  void stop() {
    if (!thread_.joinable()) return;
    loop.stop();
    thread_.join();
    server.reset();
    loop.run_deferred();
  }
  void advance(base::milliseconds by) { elapsed_ += by.count(); }
  /// Runs on the loop's thread; returns when it is done.
  void on_loop(std::function<void()> task) {
    std::promise<void> done;
    mailbox.post([&] {
      task();
      done.set_value();
    });
    done.get_future().wait();
  }

  Folder folder;
  std::string socket;
  net::Loop loop;
  net::Mailbox mailbox{loop};
  std::unique_ptr<Server> server;

 private:
  base::TimePoint start_ = base::Clock::now();
  std::atomic<std::int64_t> elapsed_{0};
  std::thread thread_;
};

}  // namespace wye::admin::test
