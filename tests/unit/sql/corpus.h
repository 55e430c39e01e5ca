#pragma once
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "proxy/sql/facts.h"
#include "tests/unit/sql/escapes.h"

namespace wye::test {

/// One row of classify.tsv. Its second column says where it holds: any | mysql | mariadb, then a version and modes of
/// the session, if it is not the newest server with none: `mysql@50744`, `any+ansi_quotes+no_backslash_escapes`. The
/// modes: ansi_quotes, no_backslash_escapes, ignore_space, multibyte (gbk, sjis and the like as the client's charset).
struct CorpusRow {
  int line = 0;
  std::string statement, flavour, kind, replica_ok, why, effects, source;
};

inline std::vector<CorpusRow> read_corpus(const std::string& path) {
  std::ifstream file{path};
  std::vector<CorpusRow> rows;
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    if (line.empty() || line.rfind("# statement", 0) == 0) continue;  // a "#" alone may begin a statement
    std::istringstream in{line};
    CorpusRow row;
    row.line = number;
    for (std::string* column :
         {&row.statement, &row.flavour, &row.kind, &row.replica_ok, &row.why, &row.effects, &row.source}) {
      std::getline(in, *column, '\t');
    }
    row.statement = unescape(row.statement);
    rows.push_back(row);
  }
  return rows;
}

inline sql::Dialect corpus_dialect(const std::string& family, const std::string& version, std::istringstream modes) {
  sql::Dialect dialect;
  if (family == "mariadb") {
    dialect.mariadb = true;
    dialect.version = 101119;
  } else if (family != "mysql") {
    throw std::runtime_error("unknown flavour: " + family);
  }
  if (!version.empty()) dialect.version = static_cast<std::uint32_t>(std::stoul(version));
  for (std::string mode; std::getline(modes, mode, '+');) {
    if (mode == "ansi_quotes") {
      dialect.ansi_quotes = true;
    } else if (mode == "no_backslash_escapes") {
      dialect.no_backslash_escapes = true;
    } else if (mode == "ignore_space") {
      dialect.ignore_space = true;
    } else if (mode == "multibyte") {
      dialect.multi_byte_with_backslash = true;
    } else {
      throw std::runtime_error("unknown mode: " + mode);
    }
  }
  return dialect;
}

inline std::vector<sql::Dialect> dialects_of(const CorpusRow& row) {
  const std::size_t plus = row.flavour.find('+');
  const std::string server = row.flavour.substr(0, plus);
  const std::string modes = plus == std::string::npos ? "" : row.flavour.substr(plus + 1);
  const std::size_t at = server.find('@');
  const std::string version = at == std::string::npos ? "" : server.substr(at + 1);
  std::vector<sql::Dialect> dialects;
  for (const char* family : {"mysql", "mariadb"}) {
    if (server == "any" || server.substr(0, at) == family)
      dialects.push_back(corpus_dialect(family, version, std::istringstream{modes}));
  }
  if (dialects.empty()) throw std::runtime_error("unknown flavour: " + row.flavour);
  return dialects;
}

}  // namespace wye::test
