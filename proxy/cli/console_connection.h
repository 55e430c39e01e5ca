#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/clock.h"
#include "proxy/base/result.h"
#include "proxy/protocol/response_tracker.h"

namespace wye::cli {

using base::Bytes;
using base::Result;

/// One answer of a statement: a table, or what an OK packet says.
struct Answer {
  bool is_table = false;
  std::vector<std::string> columns;
  std::vector<bool> numeric;  // by column type: right-aligned
  std::vector<std::vector<std::optional<std::string>>> rows;
  std::uint64_t affected_rows = 0;
  std::string info;
};

/// A plain blocking MySQL client for the admin socket: no TLS, no password (the socket's file guards it). One thread.
/// Every wait for the other side has a deadline; an Error with code 2006 means that the connection is gone.
class ConsoleConnection {
 public:
  ConsoleConnection() = default;
  ~ConsoleConnection();
  ConsoleConnection(const ConsoleConnection&) = delete;
  ConsoleConnection& operator=(const ConsoleConnection&) = delete;

  base::Status connect(const std::string& socket_path, base::milliseconds timeout);
  /// All answers of the statement (several statements may give several). An Error below 2000 or from 3000 on is the
  /// server's.
  Result<std::vector<Answer>> run(std::string_view statement, base::milliseconds timeout);
  bool connected() const { return fd_ >= 0; }

 private:
  base::Error lost(std::string why);
  base::Status log_in();
  base::Status finish_login(std::uint32_t capabilities);
  base::Status send_packet(base::ByteView payload);
  /// A whole packet; `first_frame` is the length of its first frame.
  Result<Bytes> receive(std::uint32_t& first_frame);
  base::Status read_exactly(std::uint8_t* to, std::size_t n);
  base::Status wait(short events);
  Result<bool> take_packet(protocol::ResponseTracker& tracker, std::vector<Answer>& answers,
                           std::optional<base::Error>& error);

  int fd_ = -1;
  std::uint8_t sequence_ = 0;  // of the next packet either way
  base::TimePoint deadline_;
};

}  // namespace wye::cli
