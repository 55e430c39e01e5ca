#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "proxy/base/bytes.h"
#include "proxy/net/loop.h"
#include "proxy/net/tls.h"
#include "proxy/protocol/networks.h"

struct event;

namespace wye::net {

/// What a Stream tells its owner. All on the loop's thread. The owner may close() but must not destroy the stream in a
/// callback: use Loop::defer.
class StreamOwner {
 public:
  virtual ~StreamOwner() = default;
  /// Bytes from the peer, decrypted. The view is the loop's scratch memory: mutable, gone when this returns.
  virtual void on_bytes(std::span<std::uint8_t> bytes) = 0;
  /// TLS has been negotiated (after start_tls).
  virtual void on_secure() {}
  /// A non-blocking connect() has succeeded.
  virtual void on_connected() {}
  /// The out buffer has fallen below the low-water mark after it was above the high-water mark.
  virtual void on_drained() {}
  /// The peer is gone or an error occurred; nothing more will come. `why` is for the log. Not called after close().
  virtual void on_closed(const char* why) = 0;
};

/// One non-blocking socket with an outgoing buffer and, when asked for, TLS. One owner, one loop.
/// Writes are gathered and go out once at the end of the turn. Back-pressure: the owner looks at congested()
/// and pauses whatever feeds it; on_drained() tells when to go on.
class Stream {
 public:
  static constexpr std::size_t high_water = std::size_t{256} * 1024;
  static constexpr std::size_t low_water = std::size_t{64} * 1024;

  Stream(Loop& loop, int fd, StreamOwner& owner);  // takes ownership of fd; connected
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  /// Starts a non-blocking connect. Address: "host:port" already resolved to a literal, or a Unix path. nullptr:
  /// `error` says why.
  static std::unique_ptr<Stream> connect(Loop& loop, const std::string& host, std::uint16_t port,
                                         const std::string& path, StreamOwner& owner, std::string& error);

  /// Appends to the outgoing buffer and schedules one write at the end of the turn.
  void write(base::ByteView bytes);
  base::Buffer& out() { return compressed_ == nullptr ? out_ : compressed_->plain; }  // append, then schedule()
  void schedule();
  /// What is written meanwhile, and what has not left yet, stays in the buffer.
  void hold(bool on);
  bool congested() const { return unsent() > high_water; }

  /// Reads at most so many bytes at once; 36 while an SSLRequest may come, so that nothing of the TLS hello is taken.
  void limit_reads(std::size_t bytes) { read_limit_ = bytes; }
  void pause_reading();
  void resume_reading();
  bool reading_paused() const { return paused_; }

  /// The server's side: start_tls(context, true). The client's: `verify_name` (a host name or an IP address) is what
  /// the server's certificate must be for, if not empty; `session` is resumed, and replaced by what the server gives.
  void start_tls(ssl_ctx_st* context, bool server, const std::string& verify_name = {},
                 std::shared_ptr<TlsSession> session = nullptr);
  bool secure() const { return ssl_ != nullptr && handshaken_; }
  std::string tls_version() const;
  bool tls_resumed() const;  // the handshake went on from an earlier session

  /// From now on both directions are compressed, inside TLS if there is TLS; what was written before leaves as it is.
  /// Buffers and sequence ids inside are as without; compressed bytes are what bytes_in() and bytes_out() count.
  /// The server's side of a connection; `level` is the client's zstd level.
  void start_compression(protocol::Compression algorithm, int level);
  bool compressed() const { return compressed_ != nullptr; }

  /// Sends what is in the buffer if the socket takes it at once, then closes. No callback after this.
  void close();
  /// Stops reading; closes after the outgoing buffer went out (or the owner's deadline closes it).
  void close_after_flush();
  bool closed() const { return fd_ < 0; }
  std::uint64_t bytes_in() const { return bytes_in_; }
  std::uint64_t bytes_out() const { return bytes_out_; }

  void flush();  // for Loop
 private:
  struct Compressed {
    protocol::CompressedStream frames;
    base::Buffer plain;  // to be compressed, one frame a turn, when the last one has left
    base::Buffer in;     // frames that were read but not taken, because the owner paused
    bool held = false;   // there is more to take: in `in`, or inside a frame
  };
  std::size_t unsent() const { return out_.size() + (compressed_ == nullptr ? 0 : compressed_->plain.size()); }
  void deliver(std::span<std::uint8_t> bytes);
  void deliver_held();
  bool decompress(base::ByteView& bytes);
  void compress_some();
  void read();
  void arm();
  void on_event(short what);
  void read_plain();
  void read_tls();
  void handshake();
  void handshake_failed();
  bool write_some();
  void fail(const char* why);
  void want_write(bool on);

  Loop& loop_;
  int fd_;
  StreamOwner& owner_;
  event* read_event_ = nullptr;
  event* write_event_ = nullptr;
  ssl_st* ssl_ = nullptr;
  std::shared_ptr<TlsSession> tls_session_;
  base::Buffer out_;  // goes out as it is, or encrypted
  std::unique_ptr<Compressed> compressed_;
  std::size_t read_limit_ = SIZE_MAX;
  std::uint64_t bytes_in_ = 0, bytes_out_ = 0;
  bool dirty_ = false, paused_ = false, connecting_ = false, handshaken_ = false, was_congested_ = false,
       closing_ = false, held_ = false;
  bool write_armed_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // a deferred kick must not outlive the stream
};

/// Remote address as text, for logs and SHOW SESSIONS: "10.0.0.9:51234", or "unix".
std::string peer_name(int fd);
/// Both ends of a connection, if it is one of IP.
std::optional<protocol::Endpoint> peer_endpoint(int fd);
std::optional<protocol::Endpoint> local_endpoint(int fd);
/// Non-blocking listener on "host:port" (SO_REUSEPORT) or a Unix path with the given mode. -1: `error` says why.
int listen_tcp(const std::string& address, std::string& error);
int listen_unix(const std::string& path, unsigned mode, std::string& error);

}  // namespace wye::net
