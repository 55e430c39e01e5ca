#include "proxy/admin/admin_server.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "proxy/admin/admin_session.h"
#include "proxy/base/log.h"

namespace wye::admin {

namespace {

constexpr base::milliseconds tick_interval{100};

base::Error cannot_listen(const std::string& path, const std::string& why) {
  return {1105, "HY000", "can't listen on " + path + ": " + why};
}

}  // namespace

Server::Server(net::Loop& loop, Context context) : Server{loop, std::move(context), Limits{}} {}

Server::Server(net::Loop& loop, Context context, Limits limits)
    : loop_{loop}, context_{std::move(context)}, limits_{limits}, timer_{loop, [this] { tick(); }} {
  timer_.every(tick_interval);
}

Server::~Server() {
  *alive_ = false;
  listener_.reset();
  for (const auto& [id, session] : sessions_) session->close("wye stops");
  struct stat file {};
  const bool ours =
      !path_.empty() && ::lstat(path_.c_str(), &file) == 0 && file.st_dev == device_ && file.st_ino == inode_;
  if (ours) ::unlink(path_.c_str());
}

base::Status Server::listen(const std::string& path, unsigned mode) {
  struct stat file {};
  // A mistyped path must not cost a file.
  if (::lstat(path.c_str(), &file) == 0 && !S_ISSOCK(file.st_mode))
    return cannot_listen(path, "it exists and is no socket");
  std::string error;
  const int fd = net::listen_unix(path, mode, error);
  if (fd < 0) return cannot_listen(path, error);
  if (::lstat(path.c_str(), &file) == 0) {
    device_ = file.st_dev;
    inode_ = file.st_ino;
    path_ = path;
  }
  listener_ = std::make_unique<net::Listener>(loop_, fd, [this](int client) { accept(client); });
  return base::Ok{};
}

/// The file's mode keeps others out already; but a mode of 0666, or a folder on a file system without modes, does not.
void Server::accept(int fd) {
  ucred peer{};
  socklen_t size = sizeof peer;
  const bool known = ::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && size == sizeof peer;
  if (!known || (peer.uid != 0 && peer.uid != ::geteuid())) {
    log::warning("admin_denied", {{"uid", peer.uid}, {"pid", peer.pid}});
    return refuse(fd,
                  {1045, "28000", "Access denied: the admin console is for root and for the user that wye runs as"});
  }
  if (sessions_.size() >= limits_.connections) return refuse(fd, {1040, "08004", "Too many connections"});
  while (++last_id_ == 0 || sessions_.contains(last_id_)) {
  }
  const std::uint32_t id = last_id_;
  const auto gone = [this, id] {
    // It is on the stack: the loop drops it later, if the server still lives then.
    loop_.defer([this, id, alive = alive_] {
      if (*alive) reap(id);
    });
  };
  const auto session = std::make_shared<Session>(loop_, context_, limits_, fd, Caller{id, peer.uid, {}, {}, {}}, gone);
  sessions_.emplace(id, session);
  session->start();
}

/// Instead of a greeting. Such an ERR has no SQL state: the client has not said yet that it knows them.
void Server::refuse(int fd, const base::Error& error) {
  base::Bytes payload, packet;
  protocol::write_err(payload, {error.code, {}, error.message});
  protocol::write_packet(packet, 0, payload);
  [[maybe_unused]] const auto sent = ::send(fd, packet.data(), packet.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  ::close(fd);
}

void Server::tick() {
  for (const auto& [id, session] : sessions_) session->tick();
}

void Server::reap(std::uint32_t id) { sessions_.erase(id); }

}  // namespace wye::admin
