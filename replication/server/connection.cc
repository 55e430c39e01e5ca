#include "replication/server/connection.h"

#include <mysql.h>
#include <strings.h>
#include <sys/socket.h>

#include <cstring>
#include <memory>

namespace wye::server {
namespace {

#ifdef MARIADB_PACKAGE_VERSION_ID
using Bool = my_bool;
int socket_of(MYSQL* mysql) { return static_cast<int>(mysql_get_socket(mysql)); }
#else
using Bool = bool;
int socket_of(MYSQL* mysql) { return mysql->net.fd; }
#endif

constexpr unsigned shutdown_in_progress = 1053;
constexpr std::size_t max_tables = 16;
constexpr std::size_t max_rows =
    10'000;  // a server that sends more isn't one; without a bound it could fill our memory
constexpr unsigned long max_packet = 16UL << 20;

unsigned whole_seconds(base::milliseconds time) {
  const auto up = (time.count() + 999) / 1000;
  return up < 1 ? 1U : up > 3600 ? 3600U : static_cast<unsigned>(up);
}

void wipe(char* text, std::size_t size) {
  if (text != nullptr && size != 0) explicit_bzero(text, size);
}

/// The library wants to be initialised once, before the first thread uses it.
bool library_ready() {
  static const bool ready = mysql_library_init(0, nullptr, nullptr) == 0;
  return ready;
}

void set_flag(MYSQL* mysql, mysql_option option, bool on) {
  const Bool value = on;
  mysql_options(mysql, option, &value);
}

void set_tls(MYSQL* mysql, const ConnectOptions& options) {
#ifdef MARIADB_PACKAGE_VERSION_ID
  // Setting any of these turns TLS on; 3.4 and later verify unless told otherwise.
  if (options.tls == Tls::off) {
    set_flag(mysql, MYSQL_OPT_SSL_ENFORCE, false);
    set_flag(mysql, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, false);
    return;
  }
  set_flag(mysql, MYSQL_OPT_SSL_ENFORCE, true);
  set_flag(mysql, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, options.tls == Tls::verify);
#else
  unsigned mode = SSL_MODE_PREFERRED;
  if (options.tls == Tls::off) mode = SSL_MODE_DISABLED;
  if (options.tls == Tls::required) mode = SSL_MODE_REQUIRED;
  if (options.tls == Tls::verify) mode = SSL_MODE_VERIFY_IDENTITY;
  mysql_options(mysql, MYSQL_OPT_SSL_MODE, &mode);
#endif
  if (!options.ca.empty()) mysql_options(mysql, MYSQL_OPT_SSL_CA, options.ca.c_str());
}

void set_authentication(MYSQL* mysql) {
#ifdef MARIADB_PACKAGE_VERSION_ID
  // A server chooses the plugin; one that is not what it seems must not get the password in clear text.
#if MARIADB_PACKAGE_VERSION_ID >= 30300
  mysql_optionsv(mysql, MARIADB_OPT_RESTRICTED_AUTH,
                 "mysql_native_password,caching_sha2_password,sha256_password,client_ed25519,parsec");
#endif
#else
  set_flag(mysql, MYSQL_OPT_GET_SERVER_PUBLIC_KEY, true);  // caching_sha2_password without TLS; Connector/C always asks
#endif
}

void set_options(MYSQL* mysql, const ConnectOptions& options) {
  const unsigned connect = whole_seconds(options.connect_timeout), answer = whole_seconds(options.read_timeout);
  mysql_options(mysql, MYSQL_OPT_CONNECT_TIMEOUT, &connect);
  mysql_options(mysql, MYSQL_OPT_READ_TIMEOUT, &answer);
  mysql_options(mysql, MYSQL_OPT_WRITE_TIMEOUT, &answer);
  mysql_options(mysql, MYSQL_OPT_MAX_ALLOWED_PACKET, &max_packet);
  mysql_options(mysql, MYSQL_SET_CHARSET_NAME, "utf8mb4");
  mysql_options4(mysql, MYSQL_OPT_CONNECT_ATTR_ADD, "program_name", "wye");
  const unsigned no_files = 0;  // a hostile server could ask for any file of ours
  mysql_options(mysql, MYSQL_OPT_LOCAL_INFILE, &no_files);
  set_tls(mysql, options);
  set_authentication(mysql);
}

struct FreeResult {
  void operator()(MYSQL_RES* result) const { mysql_free_result(result); }
};

Table read_table(MYSQL_RES* result) {
  Table table;
  const unsigned columns = mysql_num_fields(result);
  const MYSQL_FIELD* fields = mysql_fetch_fields(result);
  for (unsigned i = 0; i < columns; ++i) table.columns.emplace_back(fields[i].name != nullptr ? fields[i].name : "");
  while (MYSQL_ROW row = mysql_fetch_row(result)) {
    if (table.rows.size() == max_rows) break;
    const unsigned long* lengths = mysql_fetch_lengths(result);
    auto& out = table.rows.emplace_back(columns);
    for (unsigned i = 0; i < columns; ++i)
      if (row[i] != nullptr) out[i].emplace(row[i], lengths[i]);
  }
  return table;
}

/// Bytes that are no text: charset 63 says so of strings, and of numbers and dates, which are.
bool is_bytes(const MYSQL_FIELD& field) {
  constexpr unsigned binary = 63;
  switch (field.type) {
    case MYSQL_TYPE_BIT:
    case MYSQL_TYPE_GEOMETRY:
      return true;
    case MYSQL_TYPE_STRING:
    case MYSQL_TYPE_VAR_STRING:
    case MYSQL_TYPE_VARCHAR:
    case MYSQL_TYPE_TINY_BLOB:
    case MYSQL_TYPE_BLOB:
    case MYSQL_TYPE_MEDIUM_BLOB:
    case MYSQL_TYPE_LONG_BLOB:
      return field.charsetnr == binary;
    default:
      return false;
  }
}

std::string hex(const char* bytes, std::size_t size) {
  static constexpr char digits[] = "0123456789ABCDEF";
  std::string out = "0x";
  for (std::size_t i = 0; i < size; ++i) {
    const auto byte = static_cast<unsigned char>(bytes[i]);
    out += {digits[byte >> 4], digits[byte & 15]};
  }
  return out;
}

/// Takes the rows of a result as they come. False: they are more than the bounds allow.
bool read_bounded(MYSQL_RES* result, const Bounds& bounds, Table& table) {
  const unsigned columns = mysql_num_fields(result);
  const MYSQL_FIELD* fields = mysql_fetch_fields(result);
  for (unsigned i = 0; i < columns; ++i) table.columns.emplace_back(fields[i].name != nullptr ? fields[i].name : "");
  std::size_t bytes = 0;
  while (MYSQL_ROW row = mysql_fetch_row(result)) {
    const unsigned long* lengths = mysql_fetch_lengths(result);
    bytes += columns * sizeof(std::optional<std::string>);
    for (unsigned i = 0; i < columns; ++i)
      if (row[i] != nullptr) bytes += lengths[i] * (is_bytes(fields[i]) ? 2 : 1);
    if (table.rows.size() == bounds.rows || bytes > bounds.bytes) return false;
    auto& out = table.rows.emplace_back(columns);
    for (unsigned i = 0; i < columns; ++i)
      if (row[i] != nullptr) out[i] = is_bytes(fields[i]) ? hex(row[i], lengths[i]) : std::string{row[i], lengths[i]};
  }
  return true;
}

}  // namespace

LibraryThread::LibraryThread() {
  if (library_ready()) mysql_thread_init();
}
LibraryThread::~LibraryThread() { mysql_thread_end(); }

Login::Login(std::string user_name, std::string secret) : user{std::move(user_name)} {
  password.swap(secret);
  wipe(secret.data(), secret.capacity());
}

Login::~Login() { wipe(password.data(), password.size()); }

Login& Login::operator=(const Login& other) {
  if (this != &other) *this = Login{other};
  return *this;
}

Login& Login::operator=(Login&& other) noexcept {
  if (this == &other) return *this;
  wipe(password.data(), password.size());
  user = std::move(other.user);
  // Swapped, not moved: a short text lives inside the string object, and a move would leave a copy behind.
  password.clear();
  password.swap(other.password);
  wipe(other.password.data(), other.password.capacity());
  return *this;
}

const std::optional<std::string>* Table::find(std::size_t row, std::initializer_list<std::string_view> names) const {
  if (row >= rows.size()) return nullptr;
  for (const std::string_view wanted : names) {
    for (std::size_t i = 0; i < columns.size(); ++i) {
      if (columns[i].size() == wanted.size() && strncasecmp(columns[i].data(), wanted.data(), wanted.size()) == 0)
        return &rows[row][i];
    }
  }
  return nullptr;
}

bool is_unreachable(const base::Error& error) {
  return (error.code >= 2000 && error.code < 3000) || error.code == shutdown_in_progress;
}

struct Connection::Handle {
  MYSQL mysql{};
  Handle() { mysql_init(&mysql); }
  ~Handle() { mysql_close(&mysql); }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
};

Connection::Connection() = default;
Connection::~Connection() { close(); }

void Connection::close() {
  publish_socket(-1);
  handle_.reset();
  memo_ = Memo{};
}

void Connection::publish_socket(int socket) {
  const std::lock_guard lock{socket_mutex_};
  socket_ = socket;
  if (interrupted_ && socket >= 0) ::shutdown(socket, SHUT_RDWR);
}

void Connection::interrupt() {
  const std::lock_guard lock{socket_mutex_};
  interrupted_ = true;
  if (socket_ >= 0) ::shutdown(socket_, SHUT_RDWR);
}

base::Error Connection::failure() {
  MYSQL* mysql = &handle_->mysql;
  base::Error error{2013, "HY000", "Lost connection"};
  if (const unsigned code = mysql_errno(mysql); code != 0)
    error = {static_cast<std::uint16_t>(code), mysql_sqlstate(mysql), mysql_error(mysql)};
  return error;
}

bool Connection::encrypted() const { return handle_ && mysql_get_ssl_cipher(&handle_->mysql) != nullptr; }

base::Status Connection::check_tls(const ConnectOptions& options) {
  // Belt and braces: whatever the library did, no statement goes out in clear where that was forbidden.
  if ((options.tls == Tls::required || options.tls == Tls::verify) && !encrypted())
    return base::Error{2026, "HY000", "TLS is required, but the server does not offer it"};
  return base::Ok{};
}

base::Status Connection::connect(const topology::Address& address, const Login& login, const ConnectOptions& options) {
  close();
  if (!library_ready()) return base::Error{2000, "HY000", "the client library can't be initialised"};
  {
    const std::lock_guard lock{socket_mutex_};
    if (interrupted_) return base::Error{2013, "HY000", "interrupted"};
  }
  handle_ = std::make_unique<Handle>();
  MYSQL* mysql = &handle_->mysql;
  const bool local = !address.path.empty();
  ConnectOptions wanted = options;
  if (local && wanted.tls != Tls::off) wanted.tls = Tls::off;  // a socket of this machine: nobody listens in
  set_options(mysql, wanted);
  if (!local) {  // "localhost" would be a socket to the library
    const unsigned tcp = MYSQL_PROTOCOL_TCP;
    mysql_options(mysql, MYSQL_OPT_PROTOCOL, &tcp);
  }
  // The library verifies the name that it connects to, so then it must resolve that itself.
  const std::string& host = wanted.tls == Tls::verify ? address.certified_name() : address.host;
  const MYSQL* done =
      mysql_real_connect(mysql, local ? nullptr : host.c_str(), login.user.c_str(), login.password.c_str(), nullptr,
                         local ? 0U : address.port, local ? address.path.c_str() : nullptr,
                         wanted.several_statements ? CLIENT_MULTI_STATEMENTS : 0UL);
  if (mysql->passwd != nullptr) wipe(mysql->passwd, std::strlen(mysql->passwd));
  base::Status status = done != nullptr ? check_tls(wanted) : base::Status{failure()};
  if (!status) {
    close();
    return status;
  }
  publish_socket(socket_of(mysql));
  return status;
}

base::Result<std::vector<Table>> Connection::query(std::string_view statements) {
  if (!handle_) return base::Error{2006, "HY000", "not connected"};
  MYSQL* mysql = &handle_->mysql;
  std::vector<Table> tables;
  int next = mysql_real_query(mysql, statements.data(), static_cast<unsigned long>(statements.size()));
  while (next == 0 && tables.size() < max_tables) {
    const std::unique_ptr<MYSQL_RES, FreeResult> result{mysql_store_result(mysql)};
    if (!result && mysql_field_count(mysql) != 0) break;
    tables.push_back(result ? read_table(result.get()) : Table{});
    next = mysql_next_result(mysql);
  }
  if (next == -1) return tables;  // no more
  const base::Error error = failure();
  // What is left of the answer is unknown: only an error of the server, which ends it, leaves the connection usable.
  if (next == 0 || is_unreachable(error)) close();
  return error;
}

/// The rest of an answer that nobody wants must not be waited for, as freeing a result does.
void Connection::cut_off() {
  const std::lock_guard lock{socket_mutex_};
  if (socket_ >= 0) ::shutdown(socket_, SHUT_RDWR);
}

base::Result<Table> Connection::read(std::string_view statement, const Bounds& bounds) {
  if (!handle_) return base::Error{2006, "HY000", "not connected"};
  MYSQL* mysql = &handle_->mysql;
  Table table;
  bool whole = true, done = false;
  if (mysql_real_query(mysql, statement.data(), static_cast<unsigned long>(statement.size())) == 0) {
    const std::unique_ptr<MYSQL_RES, FreeResult> result{mysql_use_result(mysql)};
    whole = !result || read_bounded(result.get(), bounds, table);
    if (!whole) cut_off();
    done = whole && mysql_errno(mysql) == 0;
  }
  if (done) return table;
  if (!whole) {
    close();
    return base::Error{1105, "HY000",
                       "the answer has more than " + std::to_string(bounds.rows) + " rows or " +
                           std::to_string(bounds.bytes >> 20) + " MiB: ask for less (LIMIT)"};
  }
  const base::Error error = failure();
  if (is_unreachable(error)) close();
  return error;
}

}  // namespace wye::server
