#include "proxy/session/driver/account_lookup.h"

namespace wye::session {

AccountLookup::AccountLookup(Context& context, std::string user, Done done)
    : context_(context),
      user_(std::move(user)),
      done_(std::move(done)),
      collector_([this](const auto* rows) { finish(rows); }) {}

AccountLookup::~AccountLookup() {
  context_.pool.cancel(*this);
  if (backend_ != nullptr) {
    backend_->orphan(collector_);
    context_.pool.discard(*backend_);
  }
}

void AccountLookup::start(topology::ServerId server, bool to_replica) {
  pool::Wanted wanted;
  wanted.key.server = server;
  wanted.key.to_replica = to_replica;
  wanted.key.account = context_.monitor;
  if (pool::Backend* backend = context_.pool.acquire(wanted, *this)) on_backend_ready(*backend);
}

void AccountLookup::on_backend_ready(pool::Backend& backend) {
  backend_ = &backend;
  // As a hexadecimal literal, whatever bytes the client sent as its name.
  static constexpr char digits[] = "0123456789abcdef";
  std::string hex;
  for (const char c : user_) {
    hex += digits[static_cast<unsigned char>(c) >> 4];
    hex += digits[static_cast<unsigned char>(c) & 15];
  }
  // Before 5.7.6 the hashes of the built-in plugin are in a column of their own, and an upgraded row may name no
  // plugin.
  const auto& version = context_.topology->servers[backend.key().server].version;
  const bool old = !topology::tracks_sessions(version);
  const std::string sql = (old ? "SELECT IF(plugin = '' AND LENGTH(password) = 41, 'mysql_native_password', plugin),"
                                 " IF(plugin IN ('', 'mysql_native_password'), password, authentication_string)"
                               : std::string("SELECT plugin, authentication_string")) +
                          " FROM mysql.user WHERE user = " + (hex.empty() ? "''" : "0x" + hex);
  base::Bytes payload{0x03}, framed;
  base::append(payload, base::bytes_of(sql));
  protocol::write_packet(framed, 0, payload);
  backend.submit(collector_, protocol::Expect::query, framed);
}

void AccountLookup::on_backend_lost(pool::Backend& backend, const base::Error&, bool) {
  context_.pool.forget(backend);
  const bool answered = backend_ != nullptr;
  backend_ = nullptr;
  if (!answered) finish(nullptr);  // otherwise the collector has been told
}

void AccountLookup::finish(const RowCollector::Rows* rows) {
  Rows result;
  if (rows != nullptr) {
    result.emplace();
    for (const auto& row : *rows) {
      if (row.size() >= 2) result->push_back({row[0], row[1]});
    }
  }
  pool::Backend* backend = backend_;
  // A lost connection is reported to its holder right after its sinks.
  if (backend != nullptr && !backend->dead()) {
    backend_ = nullptr;
    context_.pool.release(*backend, true);
  }
  auto done = std::move(done_);
  done_ = nullptr;
  if (done) done(result);
}

}  // namespace wye::session
