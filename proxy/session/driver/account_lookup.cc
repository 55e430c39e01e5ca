#include "proxy/session/driver/account_lookup.h"

namespace wye::session {

namespace {

/// As a hexadecimal literal, whatever bytes the client sent as its name.
std::string literal(std::string_view name) {
  static constexpr char digits[] = "0123456789abcdef";
  if (name.empty()) return "''";
  std::string hex = "0x";
  for (const char c : name) {
    hex += digits[static_cast<unsigned char>(c) >> 4];
    hex += digits[static_cast<unsigned char>(c) & 15];
  }
  return hex;
}

/// plugin, stored password, its second one, whether TLS is required. Anonymous rows belong to everybody.
std::string question(const topology::Version& version, std::string_view user) {
  const bool mysql = version.flavour == topology::Flavour::mysql;
  // Before 5.7.6 the hashes of the built-in plugin are in a column of their own, and an upgraded row may name no
  // plugin.
  std::string sql = mysql && !topology::tracks_sessions(version)
                        ? "SELECT IF(plugin = '' AND LENGTH(password) = 41, 'mysql_native_password', plugin),"
                          " IF(plugin IN ('', 'mysql_native_password'), password, authentication_string)"
                        : "SELECT plugin, authentication_string";
  sql += mysql && version.number >= 80014 ? ", JSON_UNQUOTE(JSON_EXTRACT(User_attributes, '$.additional_password'))"
                                          : ", NULL";
  sql += ", ssl_type <> '' FROM mysql.user WHERE user = " + literal(user);
  if (!user.empty()) sql += " OR user = ''";
  return sql;
}

}  // namespace

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
  const std::string sql = question(context_.topology->servers[backend.key().server].version, user_);
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
      if (row.size() >= 4) result->push_back({row[0], row[1], row[2], row[3] == "1"});
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
