#include "replication/manager/reader.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <system_error>
#include <thread>

namespace wye::manager {
namespace {

// sql_mode: as the statement was classified, with no say of the server's configuration in how its text is cut.
constexpr const char* session = "SET SESSION sql_mode = '', autocommit = 1, lock_wait_timeout = 5";
// The first counts for whatever ends the second (what commits implicitly).
constexpr const char* fences[] = {"SET SESSION TRANSACTION READ ONLY", "START TRANSACTION READ ONLY"};

base::Error failed(const std::string& server, const std::string& what) { return {1105, "HY000", server + ": " + what}; }

/// KILL takes a number; after a restart of the server it may be another's, whom it must not meet.
std::string is_ours(const std::string& id) {
  return "SELECT COUNT(*) FROM information_schema.PROCESSLIST a JOIN information_schema.PROCESSLIST b ON a.USER = "
         "b.USER "
         "WHERE b.ID = CONNECTION_ID() AND a.ID = " +
         id;
}

bool is_number(const std::string& text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::string only_cell(const base::Result<std::vector<server::Table>>& answer) {
  if (!answer || answer->empty() || answer->back().rows.empty() || answer->back().rows[0].empty()) return {};
  return answer->back().rows[0][0].value_or("");
}

}  // namespace

/// One statement, from its begin to its answer, and until its threads have ended.
class Reader::Reading {
 public:
  Reading(ReadRequest request, ReadDone done, const Means& means, const ReadLimits& limits)
      : request_{std::move(request)},
        done_{std::move(done)},
        address_{means.servers.at(request_.server)},
        login_{means.login},
        options_{means.connect},
        limits_{limits} {
    options_.connect_timeout = std::min(options_.connect_timeout, limits.connect);
    options_.read_timeout = limits.whole;
    options_.several_statements = false;
    thread_ = std::thread{[this] { watch(); }};
  }
  ~Reading() {
    stop();
    thread_.join();
  }
  Reading(const Reading&) = delete;
  Reading& operator=(const Reading&) = delete;

  bool over() const { return over_; }
  void stop() {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
    changed_.notify_all();
  }

 private:
  void watch() noexcept;
  void ask() noexcept;
  std::string wait();
  base::Status prepare();
  base::Result<server::Table> table();
  void answer(base::Result<server::Table> result);
  std::string running();
  void kill(const std::string& id);

  const ReadRequest request_;
  const ReadDone done_;
  const topology::Address address_;
  const server::Login login_;
  server::ConnectOptions options_;  // constant after construction
  const ReadLimits limits_;
  const base::Clock::time_point end_ = base::Clock::now() + limits_.whole;
  server::Connection connection_;  // ask()'s; interrupt() by watch()
  std::atomic<bool> over_{false};  // the threads have nothing left to do
  std::mutex mutex_;               // guards what follows
  std::condition_variable changed_;
  bool stopping_ = false, asked_ = false, answered_ = false;
  std::string id_;      // the connection's, on the server; empty: not known
  std::thread thread_;  // watch()
};

base::Status Reader::Reading::prepare() {
  if (auto done = connection_.connect(address_, login_, options_); !done) return done;
  auto id = connection_.query("SELECT CONNECTION_ID()");
  if (!id) return id.error();
  {
    const std::lock_guard lock{mutex_};
    if (auto text = only_cell(id); is_number(text)) id_ = std::move(text);
  }
  if (auto done = connection_.query(session); !done) return done.error();
  const auto seconds = limits_.statement.count();
  // Each is known to some servers only; those that know neither are left to the clock.
  for (const std::string& limit : {"SET SESSION max_execution_time = " + std::to_string(1000 * seconds),
                                   "SET SESSION max_statement_time = " + std::to_string(seconds)}) {
    auto done = connection_.query(limit);
    if (!done && server::is_unreachable(done.error())) return done.error();
  }
  for (const char* fence : fences)
    if (auto done = connection_.query(fence); !done) return done.error();
  return base::Ok{};
}

base::Result<server::Table> Reader::Reading::table() {
  auto ready = prepare();
  auto result = ready ? connection_.read(request_.sql, limits_.answer) : base::Result<server::Table>{ready.error()};
  // What the server says of the statement is passed on as it is; that it could not be asked is wye's to tell.
  if (!result && (!ready || server::is_unreachable(result.error())))
    return failed(request_.server, result.error().message);
  return result;
}

void Reader::Reading::ask() noexcept {
  const server::LibraryThread library;
  try {
    auto result = table();
    // The library's own limit ends with the clock: which is first is chance, and only watch() ends the statement.
    if (!result && base::Clock::now() >= end_ && !connection_.connected()) return;
    answer(std::move(result));
  } catch (const std::exception& error) {
    answer(failed(request_.server, error.what()));
  }
  connection_.close();
  const std::lock_guard lock{mutex_};
  asked_ = true;
  changed_.notify_all();
}

void Reader::Reading::answer(base::Result<server::Table> result) {
  {
    const std::lock_guard lock{mutex_};
    if (std::exchange(answered_, true)) return;
  }
  done_(std::move(result));
}

/// Until it is asked, or shall not go on: then why.
std::string Reader::Reading::wait() {
  std::unique_lock lock{mutex_};
  for (;;) {
    const auto next = std::min(end_, base::Clock::now() + limits_.look_round);
    if (changed_.wait_until(lock, next, [this] { return asked_ || stopping_; })) break;
    if (base::Clock::now() >= end_)
      return "no whole answer within " + std::to_string(limits_.whole.count() / 1000) + " seconds; it was ended";
    lock.unlock();  // it is the caller's code
    if (request_.unwanted && request_.unwanted()) return "nobody waits for the answer";
    lock.lock();
  }
  return asked_ ? "" : "wye stops";
}

void Reader::Reading::watch() noexcept {
  const server::LibraryThread library;
  std::thread asks;
  try {
    asks = std::thread{[this] { ask(); }};
  } catch (const std::system_error& error) {  // the machine has no thread left
    answer(failed(request_.server, error.what()));
    over_ = true;
    return;
  }
  if (const std::string why = wait(); !why.empty()) {
    const std::string id = running();  // before the other thread hears of it
    answer(failed(request_.server, why));
    connection_.interrupt();
    if (!id.empty()) kill(id);
  }
  asks.join();
  over_ = true;
}

/// The connection's id, if a statement may run there; else empty.
std::string Reader::Reading::running() {
  const std::lock_guard lock{mutex_};
  return asked_ ? std::string{} : id_;
}

/// The server does not see that the client has gone before it writes the answer.
void Reader::Reading::kill(const std::string& id) {
  server::Connection other;
  server::ConnectOptions options = options_;
  options.read_timeout = limits_.connect;
  if (!other.connect(address_, login_, options)) return;
  if (only_cell(other.query(is_ours(id))) == "1") (void)other.query("KILL " + id);
}

Reader::Reader(std::function<Means()> means, ReadLimits limits) : means_{std::move(means)}, limits_{limits} {}

Reader::~Reader() { stop(); }

base::Status Reader::begin(ReadRequest request, ReadDone done) {
  const Means means = means_();
  if (!means.servers.contains(request.server)) {
    std::string names;
    for (const auto& [name, address] : means.servers) names += (names.empty() ? "" : ", ") + name;
    return base::Error{1105, "HY000", "unknown server " + request.server + "; there are: " + names};
  }
  const std::lock_guard lock{mutex_};
  if (stopping_) return base::Error{1105, "HY000", "wye stops"};
  readings_.remove_if([](const auto& one) { return one->over(); });
  if (readings_.size() >= limits_.at_once)
    return base::Error{1105, "HY000",
                       std::to_string(limits_.at_once) + " statements run on servers already: wait for one to end"};
  readings_.push_back(std::make_unique<Reading>(std::move(request), std::move(done), means, limits_));
  return base::Ok{};
}

void Reader::stop() {
  std::list<std::unique_ptr<Reading>> all;
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
    all.swap(readings_);
  }
  for (const auto& one : all) one->stop();  // all at once; then each is waited for
}

}  // namespace wye::manager
