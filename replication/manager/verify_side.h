#pragma once
#include <atomic>
#include <memory>
#include <string>

#include "proxy/base/clock.h"
#include "replication/manager/operation.h"
#include "replication/server/connection.h"
#include "replication/topology/topology.h"

namespace wye::manager {

/// One server, as VERIFY reads it. Owner: the verifier's thread; interrupt() from any.
class VerifySide {
 public:
  VerifySide(std::string name, bool primary, topology::Version version);

  base::Status connect(const Means& means);
  /// Results of `;`-separated statements.
  base::Result<std::vector<server::Table>> ask(const std::string& sql);
  /// The last of them, and how long it took.
  base::Result<server::Table> table(const std::string& sql, double* ms = nullptr);
  /// What is committed here (the primary), or applied (a replica).
  base::Result<topology::GtidSet> position();
  /// Rows of a statement and, read after them, the position: what the rows show is in it.
  base::Result<server::Table> table_then_position(const std::string& sql, topology::GtidSet& position,
                                                  double* ms = nullptr);
  void interrupt() { connection_.interrupt(); }

  const std::string& name() const { return name_; }
  const topology::Version& version() const { return version_; }
  bool is_primary() const { return primary_; }
  bool mariadb() const { return version_.flavour == topology::Flavour::mariadb; }
  /// What it says it has applied can be seen. Not before MySQL 5.7 (topology::settle() tells).
  bool shows_what_it_says() const { return mariadb() || version_.number >= 50'700; }

 private:
  const char* position_sql() const;
  base::Result<topology::GtidSet> read(const server::Table& table) const;
  const std::string name_;
  const bool primary_;
  const topology::Version version_;
  server::Connection connection_;
};

/// A cell as text; empty for NULL or what is not there.
std::string text_at(const server::Table& table, std::size_t row, std::size_t column);
std::string text_at(const server::Table& table, std::size_t row, std::initializer_list<std::string_view> names);

}  // namespace wye::manager
