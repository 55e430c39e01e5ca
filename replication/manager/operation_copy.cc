#include "replication/manager/change_log.h"
#include "replication/manager/operation.h"

// The part of Operation that copies servers.
namespace wye::manager {

base::Status Operation::copy(std::size_t k, base::TimePoint deadline, bool again) {
  auto done = copying(k).run(plan_.steps[k], deadline, again);
  const std::lock_guard lock{mutex_};
  copies_.clear();
  return done;
}

Copying Operation::copying(std::size_t k) {
  Copying::Way way;
  way.open = [this](const std::string& server, base::milliseconds patience) -> base::Result<server::Connection*> {
    Place* at = nullptr;
    {
      const std::lock_guard lock{mutex_};
      if (stopping_) return base::Error{2013, "HY000", "wye stops"};
      at = &copies_.emplace_back();
      at->connection = std::make_unique<server::Connection>();
    }
    if (auto done = enter(*at, server, patience); !done) return done.error();
    return at->connection.get();
  };
  way.reach = [this](const std::string& server) { return reach(server); };
  way.pause = [this] { return pause(); };
  way.stopping = [this] { return stopping_.load(); };
  way.tell = [this, k](const Progress& progress) {
    const std::lock_guard lock{mutex_};
    report_.steps[k].progress = progress;
  };
  way.note = [this](const std::string& note) {
    log_(true, "event=operation_note note=" + quoted(note));
    const std::lock_guard lock{mutex_};
    report_.notes.push_back(note);
  };
  way.fill = [this](const std::string& sql) { return filled(sql); };
  way.tools = means_.tools;
  return Copying{std::move(way)};
}

base::Result<Reach> Operation::reach(const std::string& server) {
  auto at = place(server);
  if (!at) return at.error();
  Reach out;
  out.address = means_.servers.at(server);
  out.login = means_.login;
  out.tls = means_.connect.tls;
  out.ca = means_.connect.ca;
  out.encrypted = (*at)->connection->encrypted();
  out.version = (*at)->connection->memo().version;
  return out;
}

}  // namespace wye::manager
