#pragma once
#include <string>
#include <string_view>

#include "replication/verify/table.h"

// The statements that read digests. All run on MySQL from 5.6 on and on MariaDB, in a session with sql_mode = '',
// time_zone = '+00:00' and SET NAMES utf8mb4. SHA2, because MySQL 9.6 has no MD5() and no SHA1() any more. Pure.
namespace wye::verify {

/// `name`
std::string quoted_name(std::string_view name);
/// 'text'; a backslash escapes in such sessions.
std::string quoted_text(std::string_view text);

/// A column of this type can be in the key that rows are ordered and named by.
bool can_order(std::string_view type);

/// One column's value so that equal text means equal bytes: floats by all their digits, strings by their bytes and not
/// by their collation, NULL as something else than any value. Never ambiguous when such texts are joined.
std::string field_sql(const Column& column);
/// The hash of a whole row.
std::string row_hash_sql(const Table& table);

/// COUNT(*) as n, sums as s.
std::string digest_sql(const Table& table, const Range& range);
/// The same for each first two digits of the rows' hashes (as p); for tables without a key.
std::string digests_by_prefix_sql(const Table& table);
/// The key that has `offset` rows of the range before it; no row: there are not so many.
std::string boundary_sql(const Table& table, const Range& range, std::uint64_t offset);
/// With a key: its columns, then the row's hash as h. Without: the hash as h, and how many such rows there are as n.
std::string entries_sql(const Table& table, const Range& range, std::uint64_t most);
/// Rows by their keys: the key's columns, then a hash for each column. A key that is equal by collation finds the row.
std::string rows_sql(const Table& table, const std::vector<Key>& keys);
/// What is in rows of a table without a key, by their hashes: the hash as h, one text, cut to a sane length.
std::string contents_sql(const Table& table, const std::vector<std::string>& hashes);

/// "id=5, name='x'", for people.
std::string shown(const Table& table, const Key& key);

}  // namespace wye::verify
