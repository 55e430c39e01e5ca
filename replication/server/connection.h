#pragma once
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/clock.h"
#include "proxy/base/result.h"
#include "replication/topology/topology.h"

namespace wye::server {

enum class Tls : std::uint8_t { off, preferred, required, verify };

/// User and password of the monitor. The password's memory is overwritten when it goes, also when it moves elsewhere.
struct Login {
  std::string user, password;
  Login() = default;
  Login(std::string user_name, std::string secret);
  Login(const Login&) = default;
  Login(Login&& other) noexcept { *this = std::move(other); }
  Login& operator=(const Login& other);
  Login& operator=(Login&& other) noexcept;
  ~Login();
};

struct ConnectOptions {
  base::milliseconds connect_timeout{1000};  // rounded up to whole seconds: the libraries know no less
  base::milliseconds read_timeout{2000};     // one answer; likewise
  Tls tls = Tls::preferred;
  std::string ca;                  // file with the authorities' certificates, for Tls::verify
  bool several_statements = true;  // false: the server refuses a packet with more than one
};

/// One result set, all values as text; NULL is absent.
struct Table {
  std::vector<std::string> columns;
  std::vector<std::vector<std::optional<std::string>>> rows;
  /// Value of the first of these columns that exists (names differ between versions; case doesn't matter); null without
  /// it.
  const std::optional<std::string>* find(std::size_t row, std::initializer_list<std::string_view> names) const;
};

/// How much of an answer is taken.
struct Bounds {
  std::size_t rows = 10'000, bytes = std::size_t{4} << 20;
};

/// One blocking connection to a server over libmysqlclient: Connector/C or Oracle's library, whose differences end
/// here. Owner: one thread uses it; only interrupt() may be called from others. Never throws but bad_alloc.
class Connection {
 public:
  Connection();
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Connects and logs in; closes what was open. The password is wiped from the library's copy after the login.
  base::Status connect(const topology::Address&, const Login&, const ConnectOptions&);
  /// Runs one or several statements (separated by `;`, constants of ours only) and returns each one's table.
  /// A statement without a table gives an empty one. After a client error (2000..2999) the connection is closed.
  base::Result<std::vector<Table>> query(std::string_view statements);
  /// Runs one statement of an operator's and returns its table, which it reads row by row: one beyond the bounds is an
  /// error (1105) that says so, and never half an answer. Columns of bytes come as 0x... A client error, and an answer
  /// beyond the bounds, close the connection.
  base::Result<Table> read(std::string_view statement, const Bounds& bounds);
  bool connected() const { return handle_ != nullptr; }
  bool encrypted() const;
  void close();

  /// From any thread: makes a call that waits for the server fail at once, and every later connect() fail.
  void interrupt();

  /// What observe() remembers of this connection's server between two calls; cleared by connect() and close().
  struct Memo {
    bool known = false;
    topology::Version version;
    std::uint32_t server_number = 0;
    std::string uuid, hostname, report_host;
    std::uint16_t port = 0, report_port = 0;
    bool gtids = true;
    base::TimePoint slow_at{};  // when the slowly changing part was last read
    bool has_semi_sync = false;
    bool semi_source_enabled = false, semi_source_active = false, semi_replica_enabled = false,
         semi_replica_active = false;
    bool semi_after_sync = false;
    std::uint32_t semi_clients = 0;
    // MySQL 5.6: see settle().
    bool parallel_applier = false;
    std::shared_ptr<const topology::GtidSet> last_executed, settled;
    std::shared_ptr<const topology::Defaults> defaults;
  };
  Memo& memo() { return memo_; }

 private:
  base::Error failure();
  base::Status check_tls(const ConnectOptions&);
  void publish_socket(int socket);
  void cut_off();
  struct Handle;  // the libraries don't agree on the name of their struct
  std::unique_ptr<Handle> handle_;
  Memo memo_;
  std::mutex socket_mutex_;  // guards socket_ and interrupted_: an interrupt must not hit a number that was reused
  int socket_ = -1;
  bool interrupted_ = false;
};

/// Lives on the stack of each thread that uses a Connection: the library keeps something per thread.
class LibraryThread {
 public:
  LibraryThread();
  ~LibraryThread();
  LibraryThread(const LibraryThread&) = delete;
  LibraryThread& operator=(const LibraryThread&) = delete;
};

/// True for errors of the client library (lost, refused, timed out) and for a server that is shutting down.
bool is_unreachable(const base::Error&);

}  // namespace wye::server
